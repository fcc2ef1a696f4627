"""What a user does, in a process that a test can kill: import, run, publish."""

from __future__ import annotations

import sys
from pathlib import Path

from percapita.core.sources import Source
from percapita.core.subjects import BOT, TENANT, USER
from percapita.core.tables import LEDGER, LINES, OUTPUTS, SEGMENTS
from percapita.store import FileStat, Store
from store.store_rows import KEY, NOW, line, relation

BILL = Source("bill", "bill.csv", kind="bill")
USERS = Source("users", "users.csv", kind="segments")
MONTHS = ("2025-10", "2025-11")


def take_in(store: Store) -> None:
    """Import a bill and attributes, if they are not in."""
    bill = [FileStat("bill.csv", 1, "bill")]
    if not store.unchanged(BILL, bill):
        with store.begin_import(BILL, bill) as tx:
            for month in MONTHS:
                tx.write(LINES, relation(LINES, [line(month, "1")]), period=month)
            tx.commit()
    users = [FileStat("users.csv", 1, "users")]
    if not store.unchanged(USERS, users):
        numbers = store.door.numbers(USER, ["bob", "alice"])
        numbers |= store.door.numbers(TENANT, ["acme"])
        rows = [{"subject": n, "value": name} for name, n in sorted(numbers.items())]
        store.door.set_kind([numbers["bob"]], BOT)
        with store.begin_import(USERS, users) as tx:
            tx.write(SEGMENTS, relation(SEGMENTS, rows))
            tx.commit()


def run(store: Store) -> None:
    """Write every output table of both months and publish them."""
    with store.begin_run(model_text="m", model_hash="h", bases=["billed"]) as tx:
        for month in MONTHS:
            for table in OUTPUTS:
                row = {"amount": "1"} if table == LEDGER else {}
                more = {"basis": "billed"} if "basis" in table.names else {}
                tx.write(table, month, relation(table, [row | more]))
        tx.commit({}, tx.ledger_hash())
        tx.publish([("billed", month) for month in MONTHS])


def show(store: Store) -> dict[str, object]:
    """Return all that a reader sees, the ids of imports and runs left out."""
    store.bind(LINES)
    store.bind(SEGMENTS)
    state: dict[str, object] = {
        "lines": store.engine.rows("SELECT LineId, period FROM lines ORDER BY 1"),
        "segments": store.engine.rows("SELECT subject, value FROM segments ORDER BY 1"),
        "kinds": sorted(store.door.kinds().items()) if store.live_imports()[1:] else [],
        "published": sorted(store.published("billed")),
    }
    for table in OUTPUTS:
        store.bind(table, basis="billed")
        state[table.name] = store.engine.value(f"SELECT count(*) FROM {table.name}")
    return state


def main(root: Path) -> None:
    """Do everything once."""
    with Store.open(root, KEY, now=NOW, who="tester") as store:
        take_in(store)
        run(store)
        store.gc()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
