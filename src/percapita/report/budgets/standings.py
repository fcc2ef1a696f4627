"""Where each budget stands by the published figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from decimal import Decimal
from pathlib import Path

from percapita.core.errors import InputError, nearest
from percapita.core.money import ZERO, total
from percapita.core.periods import Period, month_label, months, next_month
from percapita.core.tables import GROUPS, LINES, PARTS
from percapita.measure.budget import (
    USAGE,
    Budget,
    Charged,
    Counted,
    Standing,
    causes,
)
from percapita.measure.budget import findings as budget_signals
from percapita.measure.outlook import TESTED, Series, outlook
from percapita.measure.question import ask, dimension
from percapita.measure.signals import Finding
from percapita.model.words import IMPLICIT, extra_keys
from percapita.report.adjustments import closings
from percapita.report.budgets.file import read_budgets
from percapita.report.cost.answer import answer
from percapita.report.opened import NothingPublishedError, Opened, open_figures
from percapita.store import Store
from percapita.store.read import budget as read_budget
from percapita.store.read.budget import Part, Scope


class NotBudgetedError(InputError):
    """No budget has an amount for a month with figures."""

    def __init__(self, label: str, known: Iterable[str]) -> None:
        super().__init__(
            f"No budget has an amount for {label}.",
            hint=f"Budgeted: {', '.join(sorted(known)) or 'nothing'}.",
        )


class UnknownPoolError(InputError):
    """A budget is for a pool that the model does not have."""

    def __init__(self, budget: str, pool: str, known: Iterable[str]) -> None:
        super().__init__(
            f"The budget {budget!r} is for a pool that no model has: there is no pool {pool!r}.",
            hint=nearest(pool, known),
        )


def standings(opened: Opened, budgets: Sequence[Budget], period: Period | None) -> list[Standing]:
    """Return where each budget stands in each month of a period; the latest month unless said.

    Raises:
        InputError: there is no amount for any of these months, or the model lacks a name.
    """
    known = [*(pool.name for pool in opened.model.pools), *IMPLICIT]
    for one in budgets:
        for pool in one.pools:
            if pool not in known:
                raise UnknownPoolError(one.name, pool, known)
        if one.by:
            dimension(one.by, opened.model)
    chosen = _chosen(opened, budgets, period)
    return [one for month in chosen for one in _month(opened, budgets, month)]


def _chosen(opened: Opened, budgets: Sequence[Budget], period: Period | None) -> list[str]:
    budgeted = {month for one in budgets for month in one.amounts}
    if period is not None:
        found = [name for name, _ in months(period.span, opened.zone) if name in budgeted]
        label = period.label
    else:
        today = month_label(opened.now.astimezone(opened.zone).date())
        # A month that begins has no bill yet, but its budget counts from its first day.
        begun = [m for m in sorted(budgeted) if m <= max(today, *opened.runs)]
        found = [m for m in begun if m == today] or [m for m in begun if m in opened.runs][-1:]
        label = today
    if not found:
        raise NotBudgetedError(label, _short(budgeted))
    return found


def _short(labels: Iterable[str]) -> list[str]:
    found = sorted(labels)
    return found if len(found) < 4 else [f"{found[0]} to {found[-1]}"]  # noqa: PLR2004


def _month(opened: Opened, budgets: Sequence[Budget], month: str) -> list[Standing]:
    mine = [one for one in budgets if month in one.amounts]
    first = date.fromisoformat(f"{month}-01")
    scopes = [Scope(one.match, one.pools) for one in mine]
    parts, through = _parts(opened, scopes, first)
    booked = _booked(opened, scopes, month)
    closed = month in closings(opened.store, opened.basis)
    return [
        _standing(
            opened, budget, month, [part for part in parts if part.scope == at], through,
            booked.get(at, ZERO), closed=closed,
        )
        for at, budget in enumerate(mine)
    ]  # fmt: skip


def _parts(
    opened: Opened, scopes: Sequence[Scope], first: date
) -> tuple[list[Part], dict[str, date]]:
    """Return the parts of a month and of those before it, and how far each source goes."""
    earliest = first
    for _ in range(TESTED + 2):
        earliest = (earliest - timedelta(days=1)).replace(day=1)
    wanted = {
        p: r for p, r in opened.runs.items() if month_label(earliest) <= p <= month_label(first)
    }
    parts: list[Part] = []
    through: dict[str, date] = {}
    for run in sorted(set(wanted.values())):
        periods = [p for p, r in wanted.items() if r == run]
        parts += _of_run(opened, scopes, run, periods)
        for source, end in read_budget.through(opened.engine, opened.model.timezone).items():
            through[source] = max(end, through.get(source, end))
    return parts, through


def _of_run(
    opened: Opened, scopes: Sequence[Scope], run: str, periods: Sequence[str]
) -> list[Part]:
    """Return the parts of some months of one run, lines as that run saw them."""
    keys = extra_keys(column for scope in scopes for column in scope.match)
    store = opened.store
    bound = store.bind(LINES, "budget_bound", run=run, periods=periods, keys=keys)
    for table in (PARTS, GROUPS):
        store.bind(table, run=run, periods=periods)
    read_budget.keep(opened.engine, bound, scopes, keys)
    return read_budget.parts(opened.engine, opened.basis, opened.model.timezone, scopes)


def _booked(opened: Opened, scopes: Sequence[Scope], month: str) -> dict[int, Decimal]:
    """Return what restatements of closed months brought to a month, by scope."""
    found: dict[int, list[Decimal]] = defaultdict(list)
    for step in opened.store.closings.adjustments(opened.basis):
        if step.booked_in != month:
            continue
        for run, sign in ((step.to_run, 1), (step.from_run, -1)):
            for part in _of_run(opened, scopes, run, [step.period]):
                found[part.scope].append(part.amount * sign)
    return {at: total(amounts) for at, amounts in found.items()}


def _standing(
    opened: Opened, budget: Budget, month: str, parts: Sequence[Part], through: Mapping[str, date],
    booked: Decimal, *, closed: bool,
) -> Standing:  # fmt: skip
    first = date.fromisoformat(f"{month}-01")
    own = [part for part in parts if part.period == month]
    actual = total([booked, *(part.amount for part in own)])
    series = [] if closed else _series(parts, through)
    seen = outlook(series, first, actual)
    end = next_month(first)
    complete = closed or (bool(own) and not seen.to_come and (seen.through or end) >= end)
    complete = complete and month in opened.runs
    counted = _counted(opened, budget, month) if complete else None
    why = causes(budget, month, _charged(own), booked, counted) if complete else {}
    units = counted.total if counted else None
    return Standing(budget, month, budget.amounts[month], seen, complete, why, units)


def _series(parts: Sequence[Part], through: Mapping[str, date]) -> list[Series]:
    found = []
    for source in sorted({part.source for part in parts}):
        days: dict[date, list[Decimal]] = defaultdict(list)
        longer: dict[str, list[Decimal]] = defaultdict(list)
        ends = []
        for part in parts:
            if part.source != source:
                continue
            if part.long:
                if part.kind == USAGE:
                    longer[part.period].append(part.amount)
                ends.append(part.end)
            else:
                days[part.day].append(part.amount)
        found.append(
            Series(
                {day: total(amounts) for day, amounts in days.items()},
                through.get(source) if days else None,
                {month: total(amounts) for month, amounts in longer.items()},
                max(ends, default=None),
            )
        )
    return found


def _charged(parts: Iterable[Part]) -> list[Charged]:
    sums: dict[tuple[str, str, str | None], list[Decimal]] = defaultdict(list)
    for part in parts:
        sums[part.kind, part.currency, part.rate].append(part.amount)
    return [
        Charged(kind, currency, Decimal(rate) if rate else None, total(amounts))
        for (kind, currency, rate), amounts in sums.items()
    ]


def _counted(opened: Opened, budget: Budget, month: str) -> Counted | None:
    """Return the month's units, where the budget planned any and they are known."""
    if not budget.units_of(month):
        return None
    by = [budget.by] if budget.by else []
    asked = ask(opened.model, by=by, period=opened.period(month), basis=opened.basis)
    figures = answer(opened, asked).figures
    if figures.totals.units is None:
        return None
    return Counted(
        figures.totals.units, {row.key[0]: row.units or 0 for row in figures.rows} if by else {}
    )


def budget_findings(store: Store, path: Path, now: datetime, currency: str) -> list[Finding]:
    """Return the findings of budgets in the latest month; none where there are none."""
    if not path.is_file():
        return []
    try:
        opened = open_figures(store, now=now)
        budgets = read_budgets(path, opened.model.currency)
        found = standings(opened, budgets, None)
    except (NothingPublishedError, NotBudgetedError):
        return []
    return budget_signals(found, currency)
