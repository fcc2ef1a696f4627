"""Unit costs and margins: costs, units and revenue of one question brought together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal
from typing import Final

from percapita.core.money import percent, quotient, total
from percapita.measure.cost import Amounts, Costs, Key, ordered
from percapita.measure.goals import Benchmark, Verdict, benchmark, target_for, verdict
from percapita.measure.question import BASELINE, FULL, SCOPES, Question
from percapita.measure.revenue import Earned
from percapita.measure.units import Days, Units
from percapita.model.spec import Model

_EXACT: Final = Context(prec=120)
_NOBODY: Final = (None,)


@dataclass(frozen=True, slots=True)
class Figure:
    """One row, or all rows together."""

    key: Key
    cost: Amounts
    numerator: Decimal | None
    """What cost per unit divides; ``None`` where that would mislead."""
    units: int | None
    revenue: Decimal | None
    coarser: str = ""
    """What the row's missing value is not known below."""
    others: int = 0
    """How many rows this one sums, where the rest was cut off."""
    verdict: Verdict | None = None
    merged: tuple[str | None, ...] = ()
    """Groups that the row is of, where they are too small to be shown alone."""

    @property
    def cost_per_unit(self) -> Decimal | None:
        """Cost of one unit."""
        return quotient(self.numerator, self.units)

    @property
    def revenue_per_unit(self) -> Decimal | None:
        """Revenue of one unit."""
        return quotient(self.revenue, self.units)

    @property
    def margin(self) -> Decimal | None:
        """Revenue less cost."""
        if self.revenue is None or self.numerator is None:
            return None
        return _EXACT.subtract(self.revenue, self.numerator)

    @property
    def margin_per_unit(self) -> Decimal | None:
        """Revenue less cost of one unit."""
        return quotient(self.margin, self.units)

    @property
    def margin_percent(self) -> Decimal | None:
        """Margin in percent of revenue."""
        return percent(self.margin, self.revenue)


@dataclass(frozen=True, slots=True)
class Figures:
    """The answer to one question."""

    rows: tuple[Figure, ...]
    totals: Figure
    named: Mapping[str, Decimal]
    """The named lines; rows and these are the bill total."""
    bill_total: Decimal
    numerator: str
    overlap: int | None
    benchmark: Benchmark | None
    notes: tuple[str, ...] = field(default=())


def figures(
    question: Question,
    model: Model,
    *,
    costs: Costs,
    units: Units,
    earned: Earned | None,
    days: Days,
) -> Figures:
    """Bring costs, units and revenue together, rows in the order they are shown."""
    baseline = not costs.allocated and units.total is not None
    desk = _Desk(question, model, costs, units, earned, baseline=baseline)
    keys = _keys(question, costs, units, earned)
    totals = desk.totals()
    return Figures(
        rows=cut(
            [desk.row(key) for key in keys], question.top, desk.unseen(keys), skip=question.skip
        ),
        totals=totals,
        named=costs.named,
        bill_total=costs.bill_total,
        numerator=BASELINE if baseline else SCOPES[question.scope][0],
        overlap=units.overlap,
        benchmark=_benchmark(question, model, costs, units, days),
        notes=units.notes,
    )


@dataclass(frozen=True, slots=True)
class _Desk:
    question: Question
    model: Model
    costs: Costs
    units: Units
    earned: Earned | None
    baseline: bool

    def totals(self) -> Figure:
        cost = self.costs.totals
        figure = Figure(
            key=(),
            cost=cost,
            numerator=self.costs.bill_total if self.baseline else cost.total,
            units=self.units.total,
            revenue=self.earned.total if self.earned else None,
        )
        return self._judged(figure, self._segment(()))

    def row(self, key: Key) -> Figure:
        cost = self.costs.rows.get(key, Amounts())
        unit_key = tuple(
            value for at, value in zip(self.question.by, key, strict=True) if at.counts
        )
        figure = Figure(
            key=key,
            cost=cost,
            numerator=None if self.baseline else cost.total,
            units=self._units(unit_key),
            revenue=self._revenue(unit_key),
            coarser=self.costs.coarser.get(key, ""),
        )
        return self._judged(figure, self._segment(key))

    def unseen(self, keys: Sequence[Key]) -> Figure | None:
        """Return the row of all that were not told apart; ``None`` where all were."""
        if not self.costs.everybody:
            return None
        paid = self.earned.rows if self.earned else {}
        seen = set(keys)
        hidden = (self.costs.everybody | self.units.rows.keys() | paid.keys()) - seen
        revenue = total([paid[key] for key in paid if key not in seen]) if self.earned else None
        return Figure(_NOBODY, self.costs.rest, None, None, revenue, others=len(hidden))

    def _units(self, key: Key) -> int | None:
        if self.units.total is None:
            return None
        return self.units.rows.get(key, None if self.units.given else 0)

    def _revenue(self, key: Key) -> Decimal | None:
        """Revenue knows no pool or service, so rows cut by these have none of their own."""
        if self.earned is None or len(key) < len(self.question.by):
            return None
        return self.earned.rows.get(key, Decimal(0))

    def _segment(self, key: Key) -> Mapping[str, str | None] | None:
        """Return the segment that a figure is of; ``None`` where it is of something else."""
        values = dict(self.question.where)
        values.update(zip(self.question.by, key, strict=False) if key else ())
        if any(at.place != "attribute" for at in values):
            return None
        return {at.source: value for at, value in values.items()}

    def _judged(self, figure: Figure, segment: Mapping[str, str | None] | None) -> Figure:
        cost = figure.cost_per_unit
        if segment is None or cost is None or self.question.scope != FULL:
            return figure
        target = target_for(self.model, self.question.unit.name, segment)
        if target is None:
            return figure
        return replace(figure, verdict=verdict(target, cost))


def _keys(question: Question, costs: Costs, units: Units, earned: Earned | None) -> list[Key]:
    """Return every key that has cost, units or revenue, in the order of the rows."""
    rows = dict(costs.rows)
    if len(question.unit_dimensions) == len(question.by) and not costs.everybody:
        for key in (*units.rows, *(earned.rows if earned else ())):
            rows.setdefault(key, Amounts())
    return ordered(rows, question)


def cut(
    rows: Sequence[Figure], top: int | None, unseen: Figure | None = None, *, skip: int = 0
) -> tuple[Figure, ...]:
    """Keep the first rows and sum the others in one, so that rows still are all allocated cost.

    Args:
        rows: in order.
        top: how many are kept; all unless said.
        unseen: the sum of rows that were not told apart.
        skip: rows before the first that is kept. Where some are unseen, all of them are but one.
    """
    first = skip if unseen is None else min(skip, 1)
    last = len(rows) if top is None else first + top
    rest = [*rows[:first], *rows[last:]]
    if unseen is None and not rest:
        return tuple(rows)
    others = len(rest)
    if unseen is not None:
        rest, others = [*rest, unseen], others + unseen.others
    cost = Amounts(
        total([row.cost.direct for row in rest]),
        total([row.cost.shared for row in rest]),
        total([row.cost.overhead for row in rest]),
    )
    key = (None,) * len(rest[0].key)
    revenues = [row.revenue for row in rest if row.revenue is not None]
    revenue = total(revenues) if len(revenues) == len(rest) else None
    # Distinct units of several rows are not the sum of theirs.
    return (*rows[first:last], Figure(key, cost, None, None, revenue, others=others))


def _benchmark(
    question: Question, model: Model, costs: Costs, units: Units, days: Days
) -> Benchmark | None:
    """Place infrastructure cost per primary unit and month; only whole months say anything."""
    months = days.first.day == 1 and days.last.day == 1
    primary = question.unit == model.primary and question.unit.window == "month"
    everything = not question.where and question.scope != "cost of revenue"
    if not (months and primary and everything and costs.allocated and question.unit.subject):
        return None
    cost = quotient(costs.infrastructure, units.total)
    return None if cost is None else benchmark(model.band, cost)
