"""How sure it is whose a cost is, where the usage that splits it was sampled."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from fractions import Fraction
from typing import Final

from percapita.attribute.sampling import (
    CONFIDENCE,
    Doubt,
    Interval,
    Measured,
    between,
    probability,
)
from percapita.core.periods import local_day
from percapita.core.tables import GROUPS, LEDGER, READINGS, SLICES
from percapita.measure.cost import Amounts, Key, places
from percapita.report.cost.plan import Plan
from percapita.report.cost.sampled import Sampled, sampled
from percapita.report.cost.spending import Who, piece
from percapita.report.opened import Opened
from percapita.store import claimed
from percapita.store.read import doubt as read_doubt
from percapita.store.read.doubt import Demand, Doubtful

_READINGS: Final = "doubt_readings"


@dataclass(frozen=True, slots=True)
class Sure:
    """The intervals of a question's rows. Rows that are not in it are exact."""

    rows: Mapping[Key, Interval | None] = field(default_factory=dict)
    """``None``: not enough data."""
    sources: tuple[str, ...] = ()
    """Sampled meters and the pools they split: where the intervals come from."""
    notes: tuple[str, ...] = ()


def sure(
    opened: Opened, plan: Plan, rows: Mapping[Key, Amounts], periods: Sequence[str],
    only: Sequence[int] = (),
) -> Sure:  # fmt: skip
    """Return between what and what each row lies, by the question's filters and scope.

    Args:
        opened: the figures.
        plan: the question.
        rows: what each of its rows comes to.
        periods: the billing periods that it reads.
        only: subjects, where the rows are of these alone; others' usage is read as sums then.
    """
    found = sampled(opened, periods) if plan.receivers or only else None
    if found is None or not found.some:
        return Sure()
    if plan.lines or plan.cut.billing:
        return Sure(notes=(_NOT_BY_LINES,))
    place = places(plan.question, opened.model)
    doubts: dict[Key, list[Doubt]] = defaultdict(list)
    pools: set[str] = set()
    for one in _read(opened, plan, found, periods, only):
        who = Who(one.pool, "", "", one.kind, "", one.receivers)
        key = place(piece(plan, who, one.times, Decimal(0)))
        if key is not None and key in rows:
            doubts[key].append(_doubt(one))
            pools.add(one.pool)
    intervals = {
        key: between(rows[key].total, _with_overhead(its, rows[key]))
        for key, its in doubts.items()
        if any(one.mine or one.others or not one.enough for one in its)
    }
    return Sure(intervals, found.sources(pools), _NOTES if intervals else ())


_NOT_BY_LINES: Final = (
    "Usage is sampled, and how sure each row is cannot be told by lines of the bill: ask without"
    " service, account or billing period."
)
_NOTES: Final = (
    f"Usage is sampled: rows lie in their interval {CONFIDENCE} % of the time; totals are exact.",
    "Whoever no kept trace names is not among the units.",
)


def _read(
    opened: Opened, plan: Plan, splits: Sampled, periods: Sequence[str], only: Sequence[int]
) -> list[Doubtful]:
    """Read how unsure the splits are."""
    # Only sampled usage pays for expressions.
    from percapita.model.match import reads  # noqa: PLC0415
    from percapita.plugins import stored  # noqa: PLC0415

    engine, unknown = opened.engine, opened.model.sampling.unknown
    opened.bind(GROUPS, LEDGER, SLICES, periods=periods)
    claimed.bind(
        opened.store, opened.zone, _READINGS, run=opened.last_run, periods=periods, unknown=unknown
    )
    _prepare(opened, splits)
    for at, way in enumerate(splits.ways):
        rows = stored(READINGS, _READINGS)
        engine.view(f"doubt_{at}", rows.filter(reads(rows, way.driver)))
        demand = Demand(at, f"doubt_{at}", tuple(way.pool.within), opened.model.dimensions)
        read_doubt.hold(engine, demand, opened.model.timezone, unknown=unknown != 1, only=only)
    found = read_doubt.doubtful(engine, plan.cut, only) if splits.ways else []
    return found + (read_doubt.untold(engine, plan.cut, only) if splits.untold else [])


def _prepare(opened: Opened, splits: Sampled) -> None:
    engine = opened.engine
    spans = [
        (start, end, local_day(start, opened.zone), local_day(end, opened.zone))
        for start, end in read_doubt.windows(engine, opened.basis)
    ]
    chances = {
        name: round(probability(name) * read_doubt.RANGE)
        for name in read_doubt.thresholds(engine, _READINGS)
    }
    numbered = [(way.pool.name, way.driver.meter, at) for at, way in enumerate(splits.ways)]
    untold = [(one.pool.name, one.driver) for one in splits.untold]
    read_doubt.prepare(engine, spans, chances, numbered, untold)


def _doubt(one: Doubtful) -> Doubt:
    own, rest = (
        Measured(sampled=sampled, squares=Fraction(squares))
        for sampled, squares in (one.traces, one.rest)
    )
    mine, others = (Fraction(found, read_doubt.SCALE) for found in (one.own, one.others))
    return Doubt(Fraction(one.amount), mine, others, own, rest, one.unknown)


def _with_overhead(doubts: Iterable[Doubt], row: Amounts) -> list[Doubt]:
    """Return doubts with that of the overhead which falls in proportion to cost."""
    base = Fraction(row.total - row.overhead)
    factor = Fraction(row.total) / base if base and row.overhead else Fraction(1)
    return [one.times(factor) for one in doubts]
