"""Reads what was spent for a question, and sorts it into rows and named lines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from percapita.core.tables import FLOWS, GROUPS, LEDGER, LINES, PARTS, ROLLUP, SLICES
from percapita.measure.apportion import Entered, Got, Handed, cells
from percapita.measure.cost import Costs, Piece, costs
from percapita.measure.question import Dimension
from percapita.report.cost.plan import Plan, top_of
from percapita.report.opened import NoPeriodError, Opened
from percapita.store.read.rollup import Reader


class Spending(NamedTuple):
    """Costs, and what they were read from."""

    costs: Costs
    complete_through: datetime | None
    periods: tuple[str, ...]
    """Billing periods that have anything in the span."""


class Who(NamedTuple):
    """Receivers of one group that the question cannot tell apart, without the group."""

    pool: str
    method: str
    billing_period: str
    kind: str
    known: str
    receivers: tuple[Any, ...]


def spending(opened: Opened, plan: Plan) -> Spending:
    """Read and sort all amounts of a question.

    Raises:
        NoPeriodError: nothing was spent in the period.
        ProofError: the amounts do not sum to the bill's parts.
    """
    reader = Reader(opened.engine, plan.cut)
    opened.bind(GROUPS)
    periods = reader.periods()
    if not periods and plan.question.period is not None:
        raise NoPeriodError(plan.question.period.label, opened.runs)
    facts = LEDGER if plan.cut.by_subject else ROLLUP
    opened.bind(GROUPS, FLOWS, SLICES, PARTS, facts, periods=periods)
    mixed = reader.mixed_periods()
    top = None if mixed else top_of(plan, opened.model)
    everybody = reader.lead(top) if top else []
    found = costs(
        _pieces(opened, plan, reader, mixed), plan.question, opened.model, bill=reader.bill()
    )
    found.everybody = frozenset((str(number),) for number in everybody)
    return Spending(found, reader.complete_through(), tuple(periods))


def _pieces(opened: Opened, plan: Plan, reader: Reader, mixed: Sequence[str]) -> Iterator[Piece]:
    for row in reader.amounts():
        who = Who(row.pool, row.method, row.billing_period, row.kind, row.known, row.receivers)
        yield piece(plan, who, row.parts, row.amount)
    for period in mixed:
        yield from _mixed(opened, plan, reader, period)


def _mixed(opened: Opened, plan: Plan, reader: Reader, period: str) -> Iterator[Piece]:
    """Cross a period's receivers with what its groups are made of."""
    if plan.lines:
        opened.store.bind(LINES, run=opened.runs[period], periods=[period])
    got = [Got(row.group, Who(*row[1:7]), row.weight, row.amount) for row in reader.shares(period)]
    entered = [Entered(*row) for row in reader.entered(period)]
    handed = [Handed(*row) for row in reader.handed(period)]
    for cell in cells(entered, handed, got):
        where, *parts = cell.value
        if where == "in":
            yield piece(plan, cell.who, parts, cell.amount)


def piece(plan: Plan, who: Who, parts: Sequence[str | None], amount: Any) -> Piece:  # noqa: ANN401
    """Return an amount with everything that the question can look at."""
    values: dict[Dimension, str | None] = {
        at: None if value is None else str(value)
        for at, value in zip(plan.receivers, who.receivers, strict=True)
    }
    values.update(zip(plan.parts, parts, strict=True))
    return Piece(
        who.pool, who.method, who.billing_period, who.kind, who.known, values,
        _is_free(plan.free, values), amount,
    )  # fmt: skip


def _is_free(free: Mapping[Dimension, str], values: Mapping[Dimension, str | None]) -> bool:
    return bool(free) and all(values[at] == value for at, value in free.items())
