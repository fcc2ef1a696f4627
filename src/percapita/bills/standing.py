"""What stands of a source now: its live lines, over all imports that hold some."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from typing import Any

from percapita.core import money
from percapita.core.tables import COSTS, LINES
from percapita.store import Store
from percapita.store.engine import literal
from percapita.store.imports.contents import Place

Sums = Mapping[str, Mapping[str, str]]

_VIEW = "bill_standing"


def standing(store: Store, source: str) -> tuple[int, int, Sums]:
    """Return a source's live lines, rows in quarantine, and sums by currency and basis."""
    live = [one for one in store.imports(source) if one.live]
    broken = len(store.quarantined(source=source))
    if len(live) == 1:
        return live[0].rows, broken, live[0].sums
    costs = ", ".join(f"sum({column})" for column in COSTS.values())
    rows = 0
    sums: dict[str, dict[str, str]] = {}
    for currency, count, *amounts in _rows(
        store, source, f"coalesce(BillingCurrency, ''), count(*), {costs}"
    ):
        rows += count
        by_basis = zip(COSTS, amounts, strict=True)
        sums[currency] = {basis: str(money.text(a)) for basis, a in by_basis if a is not None}
    return rows, broken, sums


def counted(store: Store, source: str, replaced: Collection[tuple[str, Place]]) -> list[str]:
    """Return a note for each month whose lines are replaced by nothing."""
    if not replaced:
        return []
    wanted = set(replaced)
    counts: Counter[str] = Counter()
    for import_id, period, account, count in _rows(
        store, source, "\"import\", period, coalesce(BillingAccountId, ''), count(*)"
    ):
        if (import_id, (period, account)) in wanted:
            counts[period] += count
    return [
        f"{period} is delivered without a line: what was taken in for it earlier"
        f" ({count:,} {'line' if count == 1 else 'lines'}) is replaced by nothing."
        for period, count in sorted(counts.items())
    ]


def _rows(store: Store, source: str, columns: str) -> list[tuple[Any, ...]]:
    lines = store.bind(LINES, _VIEW, seen_by="")
    return store.engine.rows(
        f"SELECT {columns} FROM {lines} WHERE source = {literal(source)} GROUP BY ALL ORDER BY ALL"
    )
