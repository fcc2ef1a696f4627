"""What broke from one time to the next, for ``check``: F2, F7 and F9 with their evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from fractions import Fraction

from percapita.attribute.sampling import around
from percapita.core.money import ZERO
from percapita.core.periods import local_day, parse, zone
from percapita.core.tables import GROUPS, LINES, PARTS
from percapita.measure import breaks
from percapita.measure.breaks import Estimated, Rate
from percapita.measure.signals import Finding
from percapita.model.spec import Mix, Model, Pool
from percapita.report.opened import NothingPublishedError, Opened, open_figures
from percapita.report.usage.totals import known
from percapita.report.usage.usage import measured_by_service
from percapita.store import Store
from percapita.store.kept import summed_readings
from percapita.store.read import breaks as read_breaks


def break_findings(
    store: Store, model: Model | None, now: datetime, currency: str,
    months: Collection[str] | None,
) -> list[Finding]:  # fmt: skip
    """Return prices that jumped, meters that fell silent, samples that err."""
    store.bind(LINES, periods=months)
    rates = [Rate(*row) for row in read_breaks.rates(store.engine, currency)]
    found = breaks.rate_jumps(rates)
    if model is not None:
        found += [*_silent(store, model, now, months), *_astray(store, model, now)]
    return found


def _silent(
    store: Store, model: Model, now: datetime, months: Collection[str] | None
) -> list[Finding]:
    splits: dict[str, set[str]] = defaultdict(set)
    for pool in model.pools:
        for meter in _meters(pool):
            splits[meter].add(pool.name)
    summed_readings.bind(store, periods=months)
    used: dict[tuple[str, str], dict[date, int]] = defaultdict(lambda: defaultdict(int))
    for meter, service, day, quantity in read_breaks.days(
        store.engine, sorted(splits), model.timezone
    ):
        used[meter, ""][day] += quantity
        if service:
            used[meter, service][day] += quantity
    yesterday = local_day(now, zone(model.timezone)) - timedelta(days=1)
    costs = _costs(store, model, now)
    last = max((day for _, day in costs), default=yesterday)
    cost: dict[str, dict[date, Decimal]] = defaultdict(lambda: defaultdict(lambda: ZERO))
    for meter, pools in splits.items():
        for (name, day), amount in costs.items():
            if name in pools:
                cost[meter][day] += amount
    return breaks.gaps(breaks.silences(used, min(last, yesterday)), cost)


def _meters(pool: Pool) -> list[str]:
    if isinstance(pool.by, Mix):
        return [driver.meter for driver, _ in pool.by.parts]
    return [pool.by.meter] if pool.by else []


def _costs(store: Store, model: Model, now: datetime) -> dict[tuple[str, date], Decimal]:
    """Return what each pool cost each day, as published; nothing before the first run."""
    opened = _opened(store, now)
    if opened is None:
        return {}
    opened.bind(PARTS, GROUPS)
    rows = read_breaks.cost(store.engine, opened.basis, model.timezone)
    return {(pool, day): amount for pool, day, amount in rows}


def _opened(store: Store, now: datetime) -> Opened | None:
    try:
        return open_figures(store, now=now)
    except NothingPublishedError:
        return None


def _astray(store: Store, model: Model, now: datetime) -> Iterator[Finding]:
    """Yield F2 for this month and the last, as far as unsampled meters know better."""
    today = local_day(now, zone(model.timezone))
    before = today.replace(day=1) - timedelta(days=1)
    period = parse(f"{before:%Y-%m}..{today:%Y-%m}", zone(model.timezone))
    sums = measured_by_service(store, model, period)
    found = []
    for (meter, service), truth in known(model, sums).items():
        own = sums[meter, service]
        if own.sampled and own.enough:
            bounds = around(Fraction(own.quantity), own.variance)
            half = (bounds.high - bounds.low) / 2
            total = Decimal(truth.total.numerator) / Decimal(truth.total.denominator)
            found.append(Estimated(meter, service, Decimal(own.quantity), half, total, truth.by))
    yield from breaks.astray(found)
