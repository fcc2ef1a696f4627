"""Questions about the lines that matter most of a figure: which they are, what was before each."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import NamedTuple

from percapita.store.engine import Engine
from percapita.store.kept.in_engine import in_engine
from percapita.store.read.run import among


class Held(NamedTuple):
    """What a run listed of a group."""

    amount: Decimal
    """All that entered it, listed or not."""
    parts: int
    """Parts that are not listed, and each all of its line."""
    complete: bool
    """All parts of lines with several are listed."""


class Entered(NamedTuple):
    """A line part where it entered."""

    group: int
    start: datetime
    line: str
    follows: str
    amount: Decimal


LISTED = "heaviest"
"""Relation of the parts that the run listed; ``PARTS`` are all."""
PARTS = "parts"


def held(engine: Engine, basis: str) -> dict[int, Held]:
    """Return what the run listed of each group; runs of before that table list nothing."""
    rows = in_engine(engine).rows(
        ("heaviest",),
        'SELECT "group", sum(amount), coalesce(sum(parts) FILTER (LineId IS NULL AND alone), 0),'
        " NOT coalesce(bool_or(LineId IS NULL AND NOT alone), false)"
        ' FROM heaviest WHERE basis = ? GROUP BY "group"',
        [basis],
    )
    return {int(group): Held(amount, int(parts), full) for group, amount, parts, full in rows}


def entered(engine: Engine, basis: str, numbers: Collection[int]) -> dict[int, Decimal]:
    """Return what the line parts that enter these groups sum to."""
    where, given = among('"group"', numbers)
    rows = engine.rows(
        f'SELECT "group", sum(amount) FROM parts WHERE basis = ? AND {where} GROUP BY "group"',
        [basis, *given],
    )
    return {int(group): amount for group, amount in rows}


def heavy_lines(
    engine: Engine, relation: str, basis: str, shares: Mapping[int, tuple[int, int]], most: int
) -> tuple[int, list[str]]:
    """Return how many lines a relation has of these groups, and those with the largest shares.

    ``shares`` is each group's own weight and W. Sizes are doubles: they choose, nothing else.
    """
    of = ", ".join(f"({group}, {weight}e0 / {total})" for group, (weight, total) in shares.items())
    parts = _numbered(engine, relation)
    rows = engine.rows(
        f'WITH s("group", part) AS (VALUES {of}), sizes AS (SELECT p.number,'
        f" sum(p.rough * s.part) AS size FROM {parts} p"
        ' JOIN s ON s."group" = p."group" WHERE p.basis = ? GROUP BY p.number),'
        f" top AS (SELECT * FROM sizes ORDER BY abs(size) DESC, number LIMIT {most})"
        " SELECT min(p.LineId), (SELECT count(*) FROM sizes)"
        f" FROM top JOIN {parts} p USING (number)"
        " GROUP BY number, size ORDER BY abs(size) DESC, number",
        [basis],
    )
    return (int(rows[0][1]) if rows else 0), [str(line) for line, _ in rows]


def _numbered(engine: Engine, relation: str) -> str:
    """Return a relation's parts; ``number`` tells lines apart, and is one if they are few."""
    columns = 'basis, "group", start, LineId, follows, amount, CAST(amount AS DOUBLE) AS rough'
    rest = f"FROM {relation} WHERE LineId IS NOT NULL"
    if in_engine(engine).is_small(relation):
        numbers = "dense_rank() OVER (ORDER BY LineId) AS number"
        return in_engine(engine).table((relation,), f"SELECT {columns}, {numbers} {rest}")
    return f"(SELECT {columns}, LineId AS number {rest})"


def parts_of_lines(
    engine: Engine, relation: str, basis: str, lines: Collection[str]
) -> list[Entered]:
    """Return the parts of these lines."""
    where, given = among("LineId", lines)
    rows = engine.rows(
        "SELECT \"group\", start, LineId, coalesce(follows, ''), amount FROM"
        f" {_numbered(engine, relation)} p WHERE basis = ? AND {where}",
        [basis, *given],
    )
    return [Entered._make(row) for row in rows]


def before(engine: Engine, basis: str, chosen: Sequence[Entered]) -> list[tuple[Entered, Decimal]]:
    """Return these parts, each with what was counted up in its group before it."""
    if not chosen:
        return []
    schema = {"at": "int64", "its_group": "int64", "its_start": "timestamp", "its_line": "string",
              "its_follows": "string"}  # fmt: skip
    engine.load("chosen_parts", schema, [(at, *one[:4]) for at, one in enumerate(chosen)])
    where, given = among('p."group"', {one.group for one in chosen})
    rows = engine.rows(
        'SELECT c.at, sum(p.amount) FROM parts p JOIN chosen_parts c ON c.its_group = p."group"'
        " AND (p.start < c.its_start OR p.start = c.its_start AND (p.LineId < c.its_line OR"
        " p.LineId = c.its_line AND coalesce(p.follows, '') < c.its_follows))"
        f" WHERE p.basis = ? AND {where} GROUP BY c.at",
        [basis, *given],
    )
    engine.drop("chosen_parts")
    sums = dict(rows)
    return [(one, sums.get(at, Decimal(0))) for at, one in enumerate(chosen)]
