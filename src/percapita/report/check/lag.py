"""Estimates beside the bills that came, or did not, for ``check``: F5 with its evidence."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Sequence
from datetime import date, datetime, timedelta
from statistics import median
from zoneinfo import ZoneInfo

from percapita.core.money import total
from percapita.core.periods import local_day, zone
from percapita.measure import lag
from percapita.measure.lag import Missed, Unbilled
from percapita.measure.signals import Finding
from percapita.model.spec import Model
from percapita.reconcile.true_up import CAUSES, Variance, summed, variances
from percapita.store import Store
from percapita.store.runs.estimates import Estimate, TrueUp

_WAITED_FOR = timedelta(days=45)
"""What is older stands in the statement of estimates, and is no news."""


def lag_findings(
    store: Store, model: Model | None, now: datetime, months: Collection[str] | None
) -> list[Finding]:
    """Return bills that stay out, and pools whose bills differ from their estimates.

    Estimates are compared for the months given, else for this month and the last.
    """
    if model is None:
        return []
    tz = zone(model.timezone)
    today = local_day(now, tz)
    made, bills = store.estimates.all(model.basis), store.estimates.true_ups(model.basis)
    wanted = set(months) if months is not None else _two_months(today)
    compared = [one for one in made if f"{one.day:%Y-%m}" in wanted]
    owners = {pool.name: pool.owner for pool in model.pools}
    open_ = compared
    if months is None:
        open_ = [one for one in made if one.day >= today - _WAITED_FOR]
    return [
        *lag.late(_unbilled(open_, bills, today, tz)),
        *lag.missed(_missed(variances(compared, bills), bills, owners)),
    ]


def _two_months(today: date) -> set[str]:
    before = today.replace(day=1) - timedelta(days=1)
    return {f"{before:%Y-%m}", f"{today:%Y-%m}"}


def _unbilled(
    made: Sequence[Estimate], bills: Sequence[TrueUp], today: date, tz: ZoneInfo
) -> Iterator[Unbilled]:
    first_word: dict[tuple[str, date], int] = {}
    for bill in bills:
        took = (local_day(bill.at, tz) - bill.day).days
        first_word.setdefault((bill.source, bill.day), took)
    took_of: dict[str, list[int]] = defaultdict(list)
    for (source, _), took in first_word.items():
        took_of[source].append(took)
    waiting: dict[str, list[Estimate]] = defaultdict(list)
    for one in made:
        if (one.source, one.day) not in first_word:
            waiting[one.source].append(one)
    for source, its in sorted(waiting.items()):
        days = [one.day for one in its]
        usual = int(median(took_of[source])) if source in took_of else None
        yield Unbilled(
            source, min(days), max(days), total([one.amount for one in its]),
            (today - min(days)).days, usual,
        )  # fmt: skip


def _missed(
    found: Sequence[Variance], bills: Sequence[TrueUp], owners: dict[str, str]
) -> Iterator[Missed]:
    said: dict[tuple[object, ...], list[datetime]] = defaultdict(list)
    for bill in bills:
        said[bill[:4]].append(bill.at)
    pools: dict[str, list[Variance]] = defaultdict(list)
    for one in found:
        pools[one.estimate.pool].append(one)
    for pool, its in sorted(pools.items()):
        days = [one.estimate.day for one in its]
        words = [said[one.estimate[:4]] for one in its]
        yield Missed(
            pool, owners.get(pool, ""), min(days), max(days), len(its),
            sum(not one.held for one in its),
            total([one.estimate.amount for one in its]), total([one.final for one in its]),
            dict(zip(CAUSES, summed(one.causes for one in its), strict=True)),
            max((word[-1] - word[0]).days for word in words),
        )  # fmt: skip
