"""One look at what everything costs: money first, then whose it is, then what to make of it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final

from percapita.allocate.book import Entry
from percapita.core.money import ZERO
from percapita.core.periods import Span, midnight
from percapita.core.split import split
from percapita.core.subjects import CLASS_OF_KIND, CLASSES
from percapita.live import sampled
from percapita.live.attribution import Attribution, drivers_of, today_window
from percapita.live.cells import Weights
from percapita.live.desk import POOL, SERVICE, Desk, Known, check_by
from percapita.live.keeping import keep
from percapita.live.split import Heads, Part, Splitting, key_column
from percapita.reconcile.estimate import snapshot
from percapita.reconcile.estimate.meters import HOUR
from percapita.reconcile.estimate.snapshot import Live, Missing, PoolNow, Row, together
from percapita.reconcile.estimate.spending import NOTHING, Money, Spent
from percapita.store.read import live as read_live
from percapita.store.read.live import Attributed, Piece

_DAY: Final = timedelta(days=1)
_QUARTER: Final = timedelta(minutes=15)

Amounts = Mapping[str, Spent]


@dataclass(frozen=True, slots=True)
class _Look:
    """What was read for one moment."""

    known: Known
    now: datetime
    today: Amounts
    hour: Amounts
    quarter: Amounts

    @property
    def whole(self) -> Money:
        """Everything today, with the interval of the sum of all pools."""
        return self.total(self.today)

    def total(self, amounts: Amounts) -> Money:
        """Return a sum over all pools, with an interval of its own."""
        amount = sum((spent.money.amount for spent in amounts.values()), ZERO)
        billed = sum((spent.billed for spent in amounts.values()), ZERO)
        low, high = self.known.spending.whole.around(amount - billed)
        return Money(amount, billed + low, billed + high)


def look(desk: Desk, now: datetime, by: str = POOL) -> Live:
    """Return what everything costs at a moment, cut by one thing.

    Raises:
        NothingPublishedError: no run was ever published: there are no prices.
        ByError: the estimate cannot be cut so.
    """
    known = desk.refresh(now)
    check_by(by, known.opened.model)
    if known.fresh:
        keep(desk.store, known, now)
        known.fresh = False
    spending = known.spending
    start = midnight(known.today, known.opened.zone)
    seen = _Look(
        known, now,
        today=spending.over(Span(start, now), now) if now > start else {},
        hour=spending.over(Span(now - HOUR, now), now),
        quarter=spending.over(Span(now - _QUARTER, now), now),
    )  # fmt: skip
    whose = desk.whose(known, by)
    rows, beside, used, active = _cut(desk, seen, whose, by)
    quarter = seen.total(seen.quarter)
    since, unbilled = _unbilled(seen)
    total = Row(None, seen.whole, seen.total(seen.hour), active.all)
    return Live(
        as_of=now, day=known.today, zone=known.opened.model.timezone,
        currency=known.opened.model.currency, basis=known.opened.basis,
        unit=known.opened.model.primary.name, run=known.opened.last_run,
        model=known.opened.model.hash, by=by, total=total,
        quarter=Money(*(end * 4 for end in quarter)), rows=rows, beside=beside,
        pools=list(_pools(seen)), bills=_bills(known),
        telemetry=read_live.arrival(desk.store.catalog).readings,
        missing=list(_missing(seen)), attribution=[snapshot.Attribution(*one) for one in used],
        sampling=[
            snapshot.Sampled(*row)
            for row in read_live.sampling(desk.store.engine, start, desk.summed)
        ],
        notes=list(_notes(seen)), unbilled_since=since, unbilled=unbilled,
    )  # fmt: skip


def _cut(
    desk: Desk, seen: _Look, whose: Attribution, by: str
) -> tuple[list[Row], list[Row], list[Attributed], Heads]:
    """Split the estimates of today and of the last hour; return rows and what stands beside."""
    model = whose.model
    column = key_column(model, by)
    cells = desk.cells(seen.known)
    day = today_window(whose.today, seen.known.opened.zone)
    span = Span(seen.now - _DAY, seen.now)
    used, active = whose.used(span), desk.heads(whose, span, column)
    if by in (POOL, SERVICE):
        return _whole_pools(seen, by), [], used, Heads(active.all, {})
    amounts = {pool: spent.money.amount for pool, spent in seen.today.items()}
    today = _split(desk, whose, whose.entries(amounts, cells, day), column)
    hour = _recent(desk, seen, whose, cells, today, column)
    told = read_live.sampling(desk.store.engine, day.span.start, desk.summed)
    unsure = sampled.spreads(
        desk.store.engine, model, column, day.span.start, day.span.end, sampled.some(told)
    )
    sides = _Sides(seen, today, hour, unsure)
    return sides.rows(active.by_key), sides.beside(), used, active


def _split(desk: Desk, whose: Attribution, entries: Sequence[Entry], column: str) -> list[Part]:
    splitting = Splitting(desk.store, whose.model, whose.calendar, whose.units(entries))
    splitting.split(entries)
    return splitting.parts(column)


def _recent(
    desk: Desk, seen: _Look, whose: Attribution, cells: Mapping[str, Weights],
    today: Sequence[Part], column: str,
) -> list[Part]:  # fmt: skip
    """Split the last hour's estimates.

    Pools with a driver that is read today are split by the last hour's usage. What changes more
    slowly (fees, overhead, what is read by the month) is cut as today is.
    """
    # Readings are hourly: the last hour's shares are those of the hours that it touches.
    first = (seen.now - HOUR).replace(minute=0, second=0, microsecond=0)
    span = Span(first, max(seen.now, first + HOUR))
    window = today_window(whose.today, seen.known.opened.zone, span)
    of_today: dict[str, list[Part]] = defaultdict(list)
    for part in today:
        of_today[part.pool].append(part)
    amounts = {pool: spent.money.amount for pool, spent in seen.hour.items()}
    entries = [
        entry
        for entry in whose.entries(amounts, cells, window)
        if not of_today[entry.pool]
        or (entry.window is window and drivers_of(whose.model, entry.pool))
    ]
    parts = _split(desk, whose, entries, column)
    split_anew = {entry.pool for entry in entries}
    for pool, amount in amounts.items():
        if pool not in split_anew:
            parts += _as_before(amount, of_today[pool])
    return parts


def _as_before(amount: Decimal, parts: Sequence[Part]) -> list[Part]:
    """Cut an amount in the proportions of other parts; all to the first where they have none."""
    weights = [int(abs(part.amount) * 10**9) for part in parts]
    if not any(weights):
        weights[0] = 1
    cut = split(amount, weights)
    return [part._replace(amount=its) for part, its in zip(parts, cut, strict=True)]


@dataclass(frozen=True, slots=True)
class _Sides:
    """The parts of today and of the last hour, to be told by receiver."""

    seen: _Look
    today: Sequence[Part]
    hour: Sequence[Part]
    unsure: sampled.Spreads

    def rows(self, active: Mapping[str | None, int]) -> list[Row]:
        """Return what each value of the question has, the dearest first."""
        sides = self._sides(lambda part: part.kind not in CLASS_OF_KIND, lambda part: part.key)
        keys = sides[0].keys() | sides[1].keys() | active.keys()
        made = [_row(key, sides, active.get(key)) for key in keys]
        return sorted(made, key=lambda row: (-row.today.amount, row.key is None, row.key or ""))

    def beside(self) -> list[Row]:
        """Return what nobody in particular has, in the order of reconciliations."""
        sides = self._sides(
            lambda part: part.kind in CLASS_OF_KIND, lambda part: CLASS_OF_KIND[part.kind]
        )
        made = [_row(key, sides, None) for key in sides[0].keys() | sides[1].keys()]
        return sorted(made, key=lambda row: CLASSES.index(row.key or ""))

    def _sides(
        self, fits: Callable[[Part], bool], key: Callable[[Part], str | None]
    ) -> list[dict[str | None, Money]]:
        found = []
        for parts, amounts in ((self.today, self.seen.today), (self.hour, self.seen.hour)):
            sums: dict[str | None, dict[str, Decimal]] = defaultdict(
                lambda: defaultdict(lambda: ZERO)
            )
            for part in parts:
                if fits(part):
                    sums[key(part)][part.pool] += part.amount
            found.append({name: self._money(amounts, its, name) for name, its in sums.items()})
        return found

    def _money(self, amounts: Amounts, parts: Mapping[str, Decimal], key: str | None) -> Money:
        made = []
        for pool, part in parts.items():
            if part:
                whole = amounts[pool].money
                its = snapshot.share(whole, part)
                made.append(snapshot.widened(its, whole, self._half(pool, key)))
        return together(made)

    def _half(self, pool: str, key: str | None) -> Decimal:
        """Return the half-width of a receiver's share of a pool; 0 where nothing is sampled."""
        spread = self.unsure.get(pool, {})
        return spread.get((None, key)) or spread.get((key, None)) or ZERO


def _row(key: str | None, sides: Sequence[Mapping[str | None, Money]], active: int | None) -> Row:
    today, hour = (side.get(key, NOTHING) for side in sides)
    return Row(key, today, hour, active)


def _whole_pools(seen: _Look, by: str) -> list[Row]:
    """Return the rows by pool or service: whole amounts, whoever they fall on."""
    sides = []
    for amounts in (seen.today, seen.hour):
        if by == POOL:
            sides.append({pool: spent.money for pool, spent in amounts.items()})
        else:
            sides.append(_services(amounts, seen.known.pieces))
    made = [
        Row(key, sides[0].get(key, NOTHING), sides[1].get(key, NOTHING))
        for key in sides[0].keys() | sides[1].keys()
    ]
    return sorted(made, key=lambda row: (-row.today.amount, row.key or ""))


def _services(amounts: Amounts, pieces: Iterable[Piece]) -> dict[str, Money]:
    """Divide each pool's amount over its services as the bill last did."""
    had: dict[str, dict[str, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for piece in pieces:
        had[piece.pool][piece.service or "not known"] += piece.amount
    found: dict[str, list[Money]] = defaultdict(list)
    for pool, spent in amounts.items():
        weights = {name: int(amount * 10**9) for name, amount in sorted(had[pool].items())}
        weights = {name: w for name, w in weights.items() if w > 0} or {"not known": 1}
        cut = split(spent.money.amount, list(weights.values()))
        for name, part in zip(weights, cut, strict=True):
            found[name].append(snapshot.share(spent.money, part))
    return {name: together(parts) for name, parts in found.items()}


def _pools(seen: _Look) -> Iterable[PoolNow]:
    priced = {one.series.pool: one for one in seen.known.spending.priced}
    ends: dict[str, date] = {}
    for one in seen.known.spending.priced:
        ends[one.series.pool] = min(one.series.end, ends.get(one.series.pool, one.series.end))
    for pool, spent in sorted(seen.hour.items()):
        fitted = priced[pool].fitted
        today = seen.today.get(pool)
        yield PoolNow(
            pool, fitted.way.kind, fitted.way.name, fitted.price,
            today.money if today else NOTHING, spent.money, today.billed if today else ZERO,
            ends[pool] - _DAY, fitted.interval.errors, fitted.interval.cold,
            today.silent if today else ZERO,
        )  # fmt: skip


def _bills(known: Known) -> dict[str, date]:
    found: dict[str, date] = {}
    for series in known.spending.series:
        last = series.end - _DAY
        found[series.source] = max(last, found.get(series.source, last))
    return found


def _missing(seen: _Look) -> Iterable[Missing]:
    silent: dict[str, list[str]] = defaultdict(list)
    since: dict[str, datetime | None] = {}
    hours: dict[str, Decimal] = {}
    for one in seen.known.spending.priced:
        spent = seen.today.get(one.series.pool)
        if one.fitted.way.kind != "meter" or spent is None or not spent.silent:
            continue
        name = one.fitted.way.name
        meter = seen.known.spending.meter(one)
        last = meter.last
        # The hour that has just begun may not have spoken yet.
        if last is not None and seen.now - last < _QUARTER and spent.silent < 1:
            continue
        silent[name].append(one.series.pool)
        since[name], hours[name] = last, spent.silent
    for name, pools in sorted(silent.items()):
        yield Missing(name, tuple(sorted(set(pools))), since[name], hours[name])


def _unbilled(seen: _Look) -> tuple[date | None, Money]:
    ends = [series.end for series in seen.known.spending.series]
    first = min([*ends, seen.known.today], default=seen.known.today)
    if first >= seen.known.today:
        return None, seen.whole
    span = Span(midnight(first, seen.known.opened.zone), seen.now)
    return first, _open(seen, seen.known.spending.over(span, seen.now))


def _open(seen: _Look, amounts: Amounts) -> Money:
    whole = seen.total(amounts)
    billed = sum((spent.billed for spent in amounts.values()), ZERO)
    return Money(*(end - billed for end in whole))


def _notes(seen: _Look) -> Iterable[str]:
    cold = sorted(
        {one.series.pool for one in seen.known.spending.priced if one.fitted.interval.cold}
    )
    if cold:
        yield (
            f"Too few billed days to know how good the estimate is of: {', '.join(cold)}."
            " The interval is wide on purpose."
        )
