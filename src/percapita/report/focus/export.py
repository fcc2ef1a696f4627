"""The bill handed on as FOCUS: its lines as they came, or cut over their receivers.

One file holds one kind of row. Both kinds carry ``x_OriginChargeId``, and of every line each
summable column of the cut rows sums to the line exactly: a batch that does not stops the export.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final, Literal

from percapita.allocate import explain
from percapita.allocate.explain import Act, Flow, Part
from percapita.core import split
from percapita.core.errors import InputError, ProofError, nearest
from percapita.core.subjects import PSEUDO
from percapita.core.tables import COSTS, FLOWS, GROUPS, LEDGER, LINES, PARTS, SLICES
from percapita.report.focus import rows
from percapita.report.focus.columns import EXTRA, SUMMABLE, TEXT
from percapita.report.opened import Opened
from percapita.store.catalog.people import people
from percapita.store.engine import Engine
from percapita.store.read import focus as read_focus
from percapita.store.read import run as read_run

Rows = Literal["origin", "allocated"]
BATCH: Final = 100_000
"""Cut rows that are computed at once."""
WRITTEN: Final = 10_000
"""Rows that are written at once."""


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be exported."""

    version: str
    rows: Rows
    months: tuple[str, ...]
    plain: bool
    """Every value as text, as CSV needs it."""
    tags: str = TEXT
    """Type of the columns of keys and values: text that holds JSON, or a map."""
    filled: bool = True
    """What FOCUS demands and the bill leaves empty is filled."""
    segment: str = ""
    """Allocated rows: each of its values stands for all who had it; empty is everybody alone."""


class UnknownSegmentError(InputError):
    """Rows are to be cut by a segment that the model does not have."""

    def __init__(self, name: str, known: Collection[str]) -> None:
        hint = f"Known: {', '.join(sorted(known))}." if known else "The model has no segments."
        super().__init__(
            f"The model has no segment {name!r}. {nearest(name, known)}".rstrip(), hint=hint
        )


class SegmentOfOriginError(InputError):
    """Lines as they came are of nobody yet."""

    def __init__(self) -> None:
        super().__init__(
            "Origin rows are not cut, so no segment has them.", hint="Ask for --rows allocated."
        )


@dataclass(slots=True)
class Tally:
    """What was written so far."""

    lines: int = 0
    rows: int = 0


Step = Callable[[str, Tally], None]


def header(opened: Opened, order: Order) -> rows.Shape:
    """Return the columns of the file: FOCUS' own in its order, then custom ones.

    Raises:
        UnknownSegmentError: the model does not have the segment that rows are to be cut by.
        SegmentOfOriginError: rows that are not cut are to be of a segment.
    """
    if order.segment and order.rows == "origin":
        raise SegmentOfOriginError
    known = {segment.name for segment in opened.model.segments}
    if order.segment and order.segment not in known:
        raise UnknownSegmentError(order.segment, known)
    opened.store.bind(LINES, run=opened.last_run, periods=list(order.months))
    rows.services(opened.engine)
    keys = opened.store.extra_keys(order.months)
    return rows.shape(
        order.version, keys, allocated=order.rows == "allocated", tags=order.tags,
        filled=order.filled,
    )  # fmt: skip


def export(opened: Opened, order: Order, shape: rows.Shape, step: Step) -> Iterator[Any]:
    """Yield the file's rows as Arrow record batches, month by month, in the order of the lines.

    Raises:
        ProofError: the cut rows of a line do not sum to it.
    """
    tally = Tally()
    for month in order.months:
        run = opened.runs[month]
        opened.store.bind(LINES, run=run, periods=[month], keys=EXTRA)
        rows.origin(opened.engine, order.version, opened.model.currency, filled=order.filled)
        tally.lines += int(opened.engine.value("SELECT count(*) FROM _origin"))
        cut = _allocated if order.rows == "allocated" else _origin
        for batch in cut(opened, order, shape, month):
            tally.rows += batch.num_rows
            step(month, tally)
            yield batch


def _origin(opened: Opened, order: Order, shape: rows.Shape, month: str) -> Iterator[Any]:
    del month
    query = "SELECT *, LineId AS x_OriginChargeId FROM _origin"
    yield from opened.engine.arrow(shape.query(query, plain=order.plain, by="LineId"), size=WRITTEN)


def _allocated(opened: Opened, order: Order, shape: rows.Shape, month: str) -> Iterator[Any]:
    run, basis, engine = opened.runs[month], opened.basis, opened.engine
    for table in (PARTS, GROUPS, FLOWS, LEDGER, SLICES):
        opened.store.bind(table, run=run, periods=[month])
    read_focus.receivers(engine, order.segment)
    _subjects(opened, by_segment=bool(order.segment))
    read_focus.given(engine, basis, handed(engine, basis))
    read_focus.takers(engine, basis)
    method = f"percapita:{opened.store.run(run).model_hash}"
    present = [field for field in SUMMABLE if field in shape.names or field in COSTS.values()]
    for bucket in range(read_focus.buckets(engine, BATCH)):
        read_focus.elements(engine, bucket, order.segment)
        _values(engine, present, bucket)
        engine.create("_pieces", read_focus.cut_sql(present, COSTS[basis]), rows.pieces(present))
        engine.insert("_pieces", rows.remainders(present, bucket), rows.pieces(present))
        _prove(engine, present, bucket)
        query = rows.joined(present, bucket, method)
        yield from engine.arrow(
            shape.query(query, plain=order.plain, by=f"LineId, {', '.join(read_focus.KEY)}"),
            size=WRITTEN,
        )


def handed(engine: Engine, basis: str) -> Iterator[tuple[int, str, Decimal, Decimal]]:
    """Yield what groups were handed by others, line by line, as running totals."""
    reached = read_focus.targets(engine, basis)
    if not reached:
        return
    flows = [Flow._make(row) for row in read_run.flows(engine, basis)]
    needed = explain.upstream(reached, flows)
    parts = [Part._make(row) for row in read_run.parts(engine, basis, needed)]
    groups = read_run.groups(engine, basis, needed)
    acts = {group.group: Act(group.total, group.holder) for group in groups}
    inner = [flow for flow in flows if flow.source in needed]
    found = explain.items(parts, inner, acts)
    for group in reached:
        running = 0
        for item in found.get(group, ()):
            after = running + item.grains
            yield group, item.line, explain.money(running), explain.money(after)
            running = after


def _subjects(opened: Opened, *, by_segment: bool) -> None:
    """Make ``_subjects``: the pseudonym of everybody in the ledger, and the name where one is kept.

    Nobody in particular is ``anonymous``; what fell on no receiver at all has no id. By segment its
    values are id and name.
    """
    engine = opened.engine
    if by_segment:
        named = [(n, name, name) for n, name in read_focus.segment_names(engine)]
        engine.load("_subjects", _SUBJECTS, named)
        return
    numbers = [int(row[0]) for row in engine.rows("SELECT DISTINCT subject FROM ledger")]
    known = people(opened.store.catalog, numbers)
    engine.load(
        "_subjects",
        _SUBJECTS,
        [
            (n, None, None) if n < 0 else (n, who.pseudonym or PSEUDO.get(n, f"#{n}"), who.label)
            for n, who in sorted(known.items())
        ],
    )


_SUBJECTS: Final = {"subject": "int64", "id": "string", "name": "string"}


def _values(engine: Engine, columns: Sequence[str], bucket: int) -> None:
    """Make ``_values``: every summable amount of a batch's lines, cut to atoms."""
    chosen = ", ".join(f'o."{name}"' for name in columns)
    found = engine.rows(
        f"SELECT o.LineId, {chosen} FROM _origin o JOIN _cut c ON c.line = o.LineId"
        f" WHERE c.bucket = {bucket}"
    )
    loaded = [
        (row[0], name, value, (cut := split.atoms(value)).places, cut.whole)
        for row in found
        for name, value in zip(columns, row[1:], strict=True)
        if value is not None
    ]
    engine.load("_values", read_focus.VALUES, loaded)


def _prove(engine: Engine, columns: Sequence[str], bucket: int) -> None:
    """Stop where the rows of a line do not sum to it."""
    sums = ", ".join(f'sum("{name}") AS "{name}"' for name in columns)
    wrong = " OR ".join(f's."{name}" IS DISTINCT FROM o."{name}"' for name in columns)
    found = engine.rows(
        f"SELECT o.LineId FROM _origin o JOIN _cut c ON c.line = o.LineId LEFT JOIN"
        f" (SELECT line, {sums} FROM _pieces GROUP BY line) s ON s.line = o.LineId"
        f" WHERE c.bucket = {bucket} AND ({wrong}) LIMIT 1"
    )
    for (line,) in found:
        raise ProofError(
            f"The allocated rows of line {line} do not sum to it; the export was given up.",
            hint="This is a fault of percapita: please report it.",
        )
