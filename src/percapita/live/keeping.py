"""Estimates of days that ended are kept; when the bill comes, what it says is put beside them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Context, Decimal

from percapita.core.money import ZERO
from percapita.core.periods import day_span
from percapita.live.desk import Desk, Known
from percapita.reconcile.estimate.spending import Priced
from percapita.reconcile.estimate.ways import ways
from percapita.store import Store
from percapita.store.runs.estimates import Estimate, TrueUp

_EXACT = Context(prec=60)
_PLACES = Decimal("1e-9")
_RECENT = timedelta(days=14)
_LONGEST = timedelta(days=45)
"""A bill that is later than this is not waited for."""


def keep(store: Store, known: Known, now: datetime) -> int:
    """Keep the estimate of every whole day that no bill covers; return how many are new."""
    return store.estimates.keep(_made(known, now))


def _made(known: Known, now: datetime) -> Iterator[Estimate]:
    first = min((s.end for s in known.spending.series), default=known.today)
    day = max(first, known.today - _LONGEST)
    while day < known.today:
        span = day_span(day, known.opened.zone)
        for priced, spent in known.spending.each(span, now):
            series, fitted = priced.series, priced.fitted
            if day < series.end or fitted.price is None:
                continue
            amount, low, high = spent.money
            yield Estimate(
                known.opened.basis, series.pool, series.source, day, amount, low, high,
                _apart(priced, amount), fitted.way.kind, fitted.way.name, spent.units,
                fitted.price, known.opened.last_run, now,
            )  # fmt: skip
        day += timedelta(days=1)


def _apart(priced: Priced, amount: Decimal) -> Decimal:
    """Return how much of an estimate is credits and commitments, as it lately was."""
    series = priced.series
    recent = [day for day in series.billed if day >= series.end - _RECENT]
    whole = sum((series.billed[day] for day in recent), ZERO)
    apart = sum((series.apart.get(day, ZERO) for day in recent), ZERO)
    if not whole or not apart:
        return ZERO
    return _EXACT.divide(_EXACT.multiply(amount, apart), whole).quantize(_PLACES, context=_EXACT)


def before_run(store: Store, now: datetime) -> int:
    """Keep what is estimated with the figures published so far; nothing where there are none."""
    if not any(record.published for record in store.runs()):
        return 0
    return keep(store, _anew(store, now), now)


def after_run(store: Store, now: datetime) -> int:
    """Put what the figures just published say beside the estimates; return how much is new."""
    kept = store.estimates
    made = kept.all()
    if not made:
        return 0
    return kept.true_up(_said(_anew(store, now), made, now))


def _anew(store: Store, now: datetime) -> Known:
    """Return what is known by a desk of its own: what is kept for good is worked out anew."""
    return Desk(store).known(now)


def _said(known: Known, made: list[Estimate], now: datetime) -> Iterator[TrueUp]:
    series = {(at.pool, at.source): at for at in known.spending.series}
    units = _units(known)
    for one in made:
        its = series.get((one.pool, one.source))
        if one.basis != known.opened.basis or its is None or one.day >= its.end:
            continue
        if one.day < known.first:
            continue
        yield TrueUp(
            one.basis, one.pool, one.source, one.day, known.opened.last_run,
            its.billed.get(one.day, ZERO), its.apart.get(one.day, ZERO),
            units.get((one.pool, one.meter), {}).get(one.day) if one.way == "meter" else None, now,
        )  # fmt: skip


def _units(known: Known) -> dict[tuple[str, str], dict[date, Decimal]]:
    found: dict[tuple[str, str], dict[date, Decimal]] = {}
    for pool in {at.pool for at in known.spending.series}:
        for wanted in ways(known.opened.model, pool):
            if wanted.terms:
                name = ", ".join(driver.meter for driver, _ in wanted.terms)
                found[pool, name] = known.spending.by_terms(wanted.terms).by_day()
    return found
