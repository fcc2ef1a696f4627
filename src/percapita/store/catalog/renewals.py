"""Pseudonyms of one subject by several keys, while a rotated key's former ones are still known.

A subject keeps the hash it came with. When its name comes again, a former key says who it is, and
the hash made with the key of now is kept beside the first. Nothing else is ever written again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Final

import sqlalchemy as sa
from sqlalchemy.engine import Connection

from percapita.store.catalog.many_rows import among, bulk, pairs
from percapita.store.catalog.tables import ABOUT, PSEUDONYMS, SUBJECTS

_BATCH: Final = 20_000
KEY: Final = ABOUT.c.name == "key"
_OF: Final = PSEUDONYMS.outerjoin(SUBJECTS, SUBJECTS.c.number == PSEUDONYMS.c.number)
_ROOT: Final = sa.func.coalesce(SUBJECTS.c.alias_of, PSEUDONYMS.c.number)


def there(connection: Connection) -> bool:
    """Tell whether the store has the table: those made before keys could be rotated have none."""
    return sa.inspect(connection).has_table(PSEUDONYMS.name)


def held(connection: Connection) -> str | None:
    """Return the id of the key that pseudonyms are made with; ``None`` before there is any."""
    found = connection.execute(sa.select(ABOUT.c.value).where(KEY)).scalar()
    return None if found is None else str(found)


def known(connection: Connection, hashes: Sequence[str] | None = None) -> dict[str, int]:
    """Return the numbers of all further hashes, or of some."""
    wanted = sa.select(PSEUDONYMS.c.hash, _ROOT).select_from(_OF)
    if hashes is None:
        return pairs(connection, wanted)
    listed, values = among(connection, hashes)
    every = wanted.compile(dialect=connection.dialect)
    rows = connection.exec_driver_sql(f"{every} WHERE pseudonyms.hash IN {listed}", values)
    return {row[0]: row[1] for row in rows}


def keep(connection: Connection, former: Mapping[str, str], key_id: str) -> None:
    """Keep new hashes, each with the former one that says whose it is."""
    by_former = {of: new for new, of in former.items()}
    order = sorted(by_former)
    for start in range(0, len(order), _BATCH):
        batch = order[start : start + _BATCH]
        listed, values = among(connection, batch)
        rows = connection.exec_driver_sql(
            f"SELECT hash, number FROM subjects WHERE hash IN {listed} UNION"
            f" SELECT hash, number FROM pseudonyms WHERE hash IN {listed}",
            values * 2,
        ).all()
        new = [by_former[row[0]] for row in rows]
        asked, values = among(connection, new or [""])
        there_already = f"SELECT hash FROM pseudonyms WHERE hash IN {asked}"
        taken = {row[0] for row in connection.exec_driver_sql(there_already, values)}
        bulk(
            connection, PSEUDONYMS, ("hash", "number", "key_id"),
            [(n, row[1], key_id) for n, row in zip(new, rows, strict=True) if n not in taken],
        )  # fmt: skip


def forget(connection: Connection, numbers: Sequence[int]) -> list[str]:
    """Delete the further hashes of these numbers; return them."""
    mine = PSEUDONYMS.c.number.in_(numbers)
    hashes = list(connection.execute(sa.select(PSEUDONYMS.c.hash).where(mine)).scalars())
    connection.execute(sa.delete(PSEUDONYMS).where(mine))
    return hashes


def by_pseudonym(connection: Connection, digits: str) -> list[int]:
    """Return the numbers whose further hashes begin so, two at most."""
    if not there(connection):
        return []
    wanted = sa.select(_ROOT).select_from(_OF)
    begins = PSEUDONYMS.c.hash.startswith(digits, autoescape=True)
    return list(connection.execute(wanted.where(begins).order_by(_ROOT).limit(2)).scalars())


def replace_former(connection: Connection, key_id: str, former: Collection[str]) -> None:
    """Leave no hash of former keys: who has another is known by that, others by none."""
    if connection.dialect.name == "sqlite":
        # What is deleted is overwritten, not only left out of the tree.
        connection.execute(sa.text("PRAGMA secure_delete = ON"))
    later = (
        sa.select(sa.func.min(PSEUDONYMS.c.hash))
        .where(PSEUDONYMS.c.number == SUBJECTS.c.number, PSEUDONYMS.c.key_id == key_id)
        .scalar_subquery()
    )
    mine = SUBJECTS.c.key_id.in_(former)
    connection.execute(sa.update(SUBJECTS).where(mine).values(hash=later, key_id=key_id))
    moved = sa.select(SUBJECTS.c.hash).where(SUBJECTS.c.hash.is_not(None))
    gone = PSEUDONYMS.c.key_id.in_(former) | PSEUDONYMS.c.hash.in_(moved)
    connection.execute(sa.delete(PSEUDONYMS).where(gone))
