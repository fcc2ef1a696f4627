"""How well the practice of cost works: tag coverage, attribution, latency, what is recorded.

Each item is passed, failed or cannot be known, with the evidence it was judged by. Sums come in
already made; shares are percents.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Final, Literal, NamedTuple

from percapita.core import money
from percapita.measure.signals import ATTRIBUTION_GOAL, TAG_GOAL, MeterUse

Verdict = Literal["passed", "failed", "cannot know"]

RESOURCE_TARGET: Final = Decimal(70)
"""Percent of resources that carry the required tags, thirty days in."""
ITEMISED_DAYS: Final = 90
LATENCY_DAYS: Final = 3
"""A bill that ends longer ago than this answers no question of this week."""
DECISIONS_GOAL: Final = 2
DECISION_DAYS: Final = 90
"""Figures that nobody decides anything on are not worth their making."""
ALLOCATED_GOAL: Final = Decimal(95)
DEAREST: Final = 10
_PERCENT: Final = "%"


class Item(NamedTuple):
    """One thing that was looked at."""

    name: str
    verdict: Verdict
    value: str | None
    """The figure, as JSON carries it; ``None`` where there is none."""
    target: str | None
    evidence: str
    advice: str
    unit: str = ""
    """Of value and target: ``%``, days, decisions; empty where it goes without saying."""


class KeySum(NamedTuple):
    """Spend and resources that carry one required tag key with a value it may have."""

    key: str
    amount: Decimal
    resources: int
    wrong: Decimal = money.ZERO
    """Spend whose value the taxonomy does not list."""
    variants: tuple[str, ...] = ()
    """Other spellings of the key that the bill carries."""


class Resource(NamedTuple):
    """What one resource cost."""

    resource: str
    service: str
    account: str
    amount: Decimal
    missing: tuple[str, ...]
    """Required keys that none of its charges carries."""


class Ranked(NamedTuple):
    """A resource among the dearest, and the share of spend up to and with it."""

    resource: Resource
    share: Decimal | None
    cumulative: Decimal | None


@dataclass(frozen=True, slots=True)
class Bill:
    """The imported lines in a few sums, in one basis and currency."""

    currency: str
    lines: int
    total: Decimal
    spend: Decimal = money.ZERO
    """Usage and purchase charges above zero: what can carry a tag."""
    tagged: Decimal = money.ZERO
    """Of it, what carries every required key."""
    resources: int = 0
    tagged_resources: int = 0
    keys: tuple[KeySum, ...] = ()
    itemised: tuple[tuple[date, date], ...] = ()
    """Spans of days, end excluded, with charges that name a resource or a SKU."""
    first: date | None = None
    last: date | None = None
    """Last day that was charged."""
    tag_target: Decimal = TAG_GOAL


@dataclass(frozen=True, slots=True)
class Classes:
    """The last run in two sums."""

    total: Decimal
    allocated: Decimal


def item(
    name: str,
    fine: bool | None,  # noqa: FBT001
    evidence: str,
    *,
    advice: str = "",
    value: Decimal | int | None = None,
    target: Decimal | int | None = None,
    unit: str = "",
) -> Item:
    """Return a judged item; what is ``None`` cannot be known. Advice is kept where it is needed."""
    verdict: Verdict = "cannot know" if fine is None else "passed" if fine else "failed"
    return Item(name, verdict, _figure(value), _figure(target), evidence,
                "" if fine else advice, unit)  # fmt: skip


def passed(name: str, evidence: str) -> Item:
    """Return an item that is fine."""
    return item(name, True, evidence)


def failed(name: str, evidence: str, advice: str = "") -> Item:
    """Return an item that is not."""
    return item(name, False, evidence, advice=advice)


def unknown(name: str, evidence: str, advice: str = "") -> Item:
    """Return an item that the data cannot answer."""
    return item(name, None, evidence, advice=advice)


def _figure(value: Decimal | int | None) -> str | None:
    return str(value) if isinstance(value, int) else money.text(value)


def percent_text(value: Decimal) -> str:
    """Write a percent for a sentence."""
    return f"{value:.1f} %"


def amount_text(value: Decimal) -> str:
    """Write an amount for a sentence, to the cent."""
    return f"{value:,.2f}"


def covered_days(spans: Iterable[tuple[date, date]]) -> int:
    """Return how many days the spans cover together; ends are excluded."""
    covered, reached = 0, date.min
    for start, end in sorted(spans):
        first = max(start, reached)
        if end > first:
            covered += (end - first).days
            reached = end
    return covered


def day_span(start: datetime, end: datetime) -> tuple[date, date]:
    """Return the days that a charge touches, end excluded."""
    last = end - timedelta(microseconds=1)
    return start.date(), max(last, start).date() + timedelta(days=1)


def tag_coverage(bill: Bill | None, required: Sequence[str]) -> list[Item]:
    """Judge tag coverage by spend and by resources, over all required keys and key by key."""
    if bill is None or bill.spend == 0 or not required:
        why = "The taxonomy names no required keys." if not required else "No charges are imported."
        return [
            unknown("tag coverage by spend", why),
            unknown("tag coverage by resources", why),
        ]
    by_spend = money.percent(bill.tagged, bill.spend) or money.ZERO
    found = [
        item("tag coverage by spend", by_spend >= bill.tag_target,
             f"{amount_text(bill.tagged)} of {amount_text(bill.spend)} {bill.currency} in usage and"
             f" purchases carries {', '.join(required)}: {percent_text(by_spend)}.",
             advice="Tag the dearest untagged resources first.",
             value=by_spend, target=bill.tag_target, unit=_PERCENT),
        _resource_coverage(bill),
    ]  # fmt: skip
    return found + [_key_coverage(bill, key) for key in bill.keys]


def _resource_coverage(bill: Bill) -> Item:
    share = money.percent(Decimal(bill.tagged_resources), bill.resources)
    if share is None:
        return unknown("tag coverage by resources", "No charge names a resource.")
    return item(
        "tag coverage by resources", share >= RESOURCE_TARGET,
        f"{bill.tagged_resources:,} of {bill.resources:,} resources carry every required key:"
        f" {percent_text(share)}.",
        advice="A resource counts once any of its charges carries all required keys.",
        value=share, target=RESOURCE_TARGET, unit=_PERCENT,
    )  # fmt: skip


def _key_coverage(bill: Bill, key: KeySum) -> Item:
    share = money.percent(key.amount, bill.spend) or money.ZERO
    resources = money.percent(Decimal(key.resources), bill.resources)
    evidence = f"{percent_text(share)} of spend"
    if resources is not None:
        evidence += f", {percent_text(resources)} of resources"
    if key.wrong:
        evidence += f"; {amount_text(key.wrong)} has a value that the taxonomy does not list"
    if key.variants:
        evidence += f"; the bill also writes it {', '.join(key.variants)}"
    return item(f"tag {key.key}", share >= bill.tag_target, f"{evidence}.",
                advice=f"Add {key.key} where it is missing.",
                value=share, target=bill.tag_target, unit=_PERCENT)  # fmt: skip


def practice(
    bill: Bill | None,
    classes: Classes | None,
    meters: Sequence[MeterUse],
    required: Sequence[str],
    now: datetime,
    decided: Sequence[date] = (),
) -> list[Item]:
    """Judge the KPIs of the practice; ``decided`` are the days that decisions were taken on."""
    return [
        *tag_coverage(bill, required),
        _allocated(classes),
        *attribution(meters),
        latency(bill, now),
        itemised(bill),
        decisions(decided, now),
    ]  # fmt: skip


def decisions(decided: Sequence[date], now: datetime) -> Item:
    """Judge how often something is decided on the figures, and written down."""
    today = now.date()
    lately = [day for day in decided if 0 <= (today - day).days < DECISION_DAYS]
    count = f"{len(lately)} decision{'' if len(lately) == 1 else 's'}"
    last = f"; the last is of {max(decided)}" if decided else ""
    return item("decisions recorded", len(lately) >= DECISIONS_GOAL,
                f"{count} in the last {DECISION_DAYS} days{last}.",
                advice="percapita decision record: what was decided on which figure.",
                value=len(lately), target=DECISIONS_GOAL, unit="decisions")  # fmt: skip


def _allocated(classes: Classes | None) -> Item:
    name = "allocated"
    if classes is None:
        return unknown(name, "Nothing is published yet.", advice="percapita run")
    share = money.percent(classes.allocated, classes.total)
    if share is None:
        return unknown(name, "The bill is zero.")
    return item(
        name, share >= ALLOCATED_GOAL,
        f"{amount_text(classes.allocated)} of {amount_text(classes.total)} reaches a user, tenant"
        f" or segment: {percent_text(share)}. The sums were proven equal to the bill.",
        advice="See percapita reconcile for what is idle, anonymous or unallocated.",
        value=share, target=ALLOCATED_GOAL, unit=_PERCENT,
    )  # fmt: skip


def attribution(meters: Sequence[MeterUse]) -> list[Item]:
    """Judge, meter by meter, how much of the usage names its user."""
    found = []
    for use in sorted(meters):
        rate = money.percent(Decimal(use.attributed), use.quantity)
        name = f"attribution rate of {use.meter}"
        if rate is None:
            found.append(unknown(name, "The meter read zero throughout."))
        elif not use.attributed:
            found.append(unknown(name, "No reading names anybody: it may be a capacity."))
        else:
            found.append(
                item(name, rate >= ATTRIBUTION_GOAL,
                     f"{percent_text(rate)} of {use.quantity:,} base units name a subject.",
                     advice="Send the user's id with every signal.",
                     value=rate, target=ATTRIBUTION_GOAL, unit=_PERCENT)
            )  # fmt: skip
    none = "No usage is imported of a meter that a pool is split by."
    return found or [unknown("attribution rate", none, advice="Import readings that name a user.")]


def latency(bill: Bill | None, now: datetime) -> Item:
    """Judge how many days lie between the last charge and now."""
    if bill is None or bill.last is None:
        return unknown("cost latency", "No bill is imported.")
    days = max((now.date() - bill.last).days, 0)
    return item("cost latency", days <= LATENCY_DAYS,
                f"The last charge is of {bill.last}, {days} days ago.",
                advice="Import the newest export; have it delivered daily.",
                value=days, target=LATENCY_DAYS, unit="days")  # fmt: skip


def itemised(bill: Bill | None) -> Item:
    """Judge whether ninety days of bills name what was charged."""
    name = "90 days of itemised bills"
    if bill is None:
        return failed(name, "No bill is imported.", advice="percapita import BILL")
    days = covered_days(bill.itemised)
    return item(name, days >= ITEMISED_DAYS,
                f"{days} days have charges that name a resource or a SKU.",
                advice="Ask for the detailed export, and for the months before.",
                value=days, target=ITEMISED_DAYS, unit="days")  # fmt: skip


def dearest(resources: Iterable[Resource], spend: Decimal, count: int = DEAREST) -> list[Ranked]:
    """Return the dearest resources, untagged ones first, with cumulative shares of the spend."""
    top = sorted(resources, key=lambda r: (-r.amount, r.resource))[:count]
    ordered = sorted(top, key=lambda r: (not r.missing, -r.amount, r.resource))
    running, ranked = money.ZERO, []
    for resource in ordered:
        running = money.total([running, resource.amount])
        ranked.append(
            Ranked(resource, money.percent(resource.amount, spend), money.percent(running, spend))
        )
    return ranked
