"""Findings that a run's results show by themselves: each says what is so, the money, a first step.

Every function takes small sums and returns rows of the table ``findings``. Thresholds are percents
and stand at the top; ``pipeline`` does the summing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import Decimal
from difflib import get_close_matches
from shlex import quote
from typing import Final, NamedTuple

from percapita.core import money
from percapita.core.subjects import SESSION, TENANT, USER

ATTRIBUTION_GOAL: Final = Decimal(95)
"""Percent of a meter, or of a pool's money, that should name its user."""
COSTLESS_LIMIT: Final = Decimal(20)
"""Percent of active users without any cost before it is a finding."""
TAG_START: Final = Decimal(30)
"""Percent of spend that must carry the required tags before any figure is worth much."""
TAG_GOAL: Final = Decimal(90)
_NEAR: Final = 0.85
"""Likeness of two meter names from which one is taken for a slip of the other."""
FAR_LEVEL: Final = 3
"""Credits that follow by the account are a guess from this level on."""
UNMATCHED: Final = -1
"""Level of credits that found no charge to follow."""


class Finding(NamedTuple):
    """One row of the table ``findings``, in its column order."""

    code: str
    severity: str
    """info, warning or error."""
    where: str
    message: str
    amount: Decimal | None
    advice: str
    owner: str


class MeterUse(NamedTuple):
    """Usage of one meter in the period, in its base unit or in signals."""

    meter: str
    quantity: int
    attributed: int
    """Of it, what names a subject."""


class PoolMoney(NamedTuple):
    """What a pool cost, and the part of it that fell on the receivers in question."""

    pool: str
    owner: str
    amount: Decimal
    part: Decimal


class Largest(NamedTuple):
    """The receiver with most of a pool."""

    pool: str
    owner: str
    method: str
    """As in ``groups``: direct pools belong to one receiver on purpose."""
    kind: str
    name: str
    """Label or pseudonym of the receiver; its kind may lead."""
    amount: Decimal
    """What it got."""
    pool_amount: Decimal


class Direct(NamedTuple):
    """A pool whose lines name their receiver."""

    pool: str
    owner: str
    level: str
    """Kind of the receiver."""
    column: str
    """Of a line: ``tags.KEY``, ``x_NAME`` or a FOCUS column."""


class Peak(NamedTuple):
    """A cheap upper bound: each group's largest ledger amount, summed over the pool's groups."""

    pool: str
    bound: Decimal
    pool_amount: Decimal


class Missing(NamedTuple):
    """A pool whose driver no reading names."""

    pool: str
    owner: str
    meter: str
    amount: Decimal


class Twice(NamedTuple):
    """A meter that two sources of signals feed in the same hours."""

    meter: str
    sources: tuple[str, str]
    hours: int


class Widened(NamedTuple):
    """How often a pool was split by wider totals than its own."""

    pool: str
    owner: str
    level: str
    """As in ``groups``: month, pool, month pool, idle or unallocated."""
    groups: int
    """Days, or months, that took it."""
    amount: Decimal


class Followed(NamedTuple):
    """Credits that followed charges at one level."""

    level: int
    lines: int
    amount: Decimal


class Refused(NamedTuple):
    """Rows of a source that could not be read."""

    source: str
    reason: str
    rows: int


def missing_attribution(meters: Iterable[MeterUse], pools: Iterable[PoolMoney]) -> list[Finding]:
    """F1: meters whose usage does not name its user; ``pools`` carry the anonymous part."""
    found = []
    for use in sorted(meters):
        rate = money.percent(Decimal(use.attributed), use.quantity)
        if rate is not None and rate < ATTRIBUTION_GOAL:
            found.append(
                Finding("F1", "warning", use.meter,
                        f"{_percent(rate)} of {use.meter} names its user;"
                        f" the goal is {_percent(ATTRIBUTION_GOAL)}.",
                        None, "Send the user's id with every signal of this meter.", "")
            )  # fmt: skip
    for pool in sorted(pools):
        share = money.percent(pool.part, pool.amount)
        if share is not None and share > 100 - ATTRIBUTION_GOAL:
            found.append(
                Finding("F1", "warning", pool.pool,
                        f"{_percent(share)} of {pool.pool} falls on anonymous usage.",
                        pool.part, "Find the callers without an id; they hide what users cost.",
                        pool.owner)
            )  # fmt: skip
    return found


def counted_twice(found: Iterable[Twice]) -> list[Finding]:
    """Return a warning for each meter that may have the same usage from two sources."""
    return [
        Finding(
            "counted-twice",
            "warning",
            one.meter,
            f"{one.meter} comes from {one.sources[0]} and from {one.sources[1]} in"
            f" {one.hours:,} hours: what both saw counts twice.",
            None,
            "If they see the same usage, remove one of the two sources; if not, say of which"
            " service each is: values: {service: NAME}.",
            "",
        )
        for one in found
    ]


def costless(active: int, without_cost: int) -> list[Finding]:
    """F1: many active users without any cost mean that usage is lost on the way to the meters."""
    share = money.percent(Decimal(without_cost), active)
    if share is None or share <= COSTLESS_LIMIT:
        return []
    return [
        Finding("F1", "warning", "users",
                f"{without_cost:,} of {active:,} active users ({_percent(share)}) have no cost.",
                None, "Compare the meters of the model with what these users do.", "")
    ]  # fmt: skip


def suspects(peaks: Iterable[Peak], limit: Decimal) -> list[str]:
    """Return the pools in which one receiver can have more than ``limit`` percent at all.

    Only these need their receivers summed one by one for ``concentration``.
    """
    return sorted(
        peak.pool
        for peak in peaks
        if (share := money.percent(peak.bound, peak.pool_amount)) is not None and share > limit
    )


def concentration(receivers: Iterable[Largest], limit: Decimal) -> list[Finding]:
    """F15: one user, session or tenant has more than ``limit`` percent of a pool."""
    found = []
    for top in sorted(receivers):
        share = money.percent(top.amount, top.pool_amount)
        if top.method == "direct" or top.kind not in (USER, SESSION, TENANT):
            continue
        if share is None or top.amount <= 0 or share <= limit:
            continue
        severity = "info" if top.kind == TENANT else "warning"
        name = top.name.removeprefix(f"{top.kind} ")
        found.append(
            Finding("F15", severity, top.pool,
                    f"{top.kind} {name} takes {_percent(share)} of {top.pool}.",
                    top.amount, f"See what it does: percapita explain {quote(name)}.", top.owner)
        )  # fmt: skip
    return found


def untagged(tagged: Decimal, total: Decimal) -> list[Finding]:
    """Spend without the required tags; both sums are of usage and purchase charges."""
    share = money.percent(tagged, total)
    if share is None or share >= TAG_GOAL:
        return []
    severity = "warning" if share < TAG_START else "info"
    return [
        Finding("untagged-spend", severity, "bill",
                f"{_percent(share)} of spend carries the required tags;"
                f" start at {_percent(TAG_START)}, aim at {_percent(TAG_GOAL)}.",
                total - tagged, "Tag the dearest resources first: percapita check lists them.", "")
    ]  # fmt: skip


def idle_meters(pools: Iterable[Missing]) -> list[Finding]:
    """Pools whose driver was reported by nobody."""
    return [
        Finding("idle-meter", "warning", pool.pool,
                f"No reading of {pool.meter} in the period.", pool.amount,
                f"Import readings of {pool.meter}, or name another driver for {pool.pool}.",
                pool.owner)
        for pool in sorted(pools)
    ]  # fmt: skip


def unused_meters(reported: Collection[str], used: Collection[str]) -> list[Finding]:
    """Meters that no rule of the model names; a near miss of one that it does is a warning."""
    found = []
    for meter in sorted(set(reported) - set(used)):
        near = get_close_matches(meter, sorted(used), n=1, cutoff=_NEAR)
        advice = (
            f"Did you mean {near[0]}? Correct the source or the model."
            if near
            else ("Nothing to do, unless a pool should be split by it.")
        )
        found.append(
            Finding("unused-meter", "warning" if near else "info", meter,
                    f"{meter} is reported and no rule of the model uses it.", None, advice, "")
        )  # fmt: skip
    return found


def clear_ids(direct: Iterable[Direct], hidden: Collection[str]) -> list[Finding]:
    """Pools that read ids of people from bills whose lines keep them in clear."""
    names = {name.removeprefix("tags.") for name in hidden}
    return [
        Finding("clear-id", "warning", pool.pool,
                f"{pool.column} names a {pool.level}, and lines keep its id as the bill writes it.",
                None, f"Say identity tags: [{pool.column.removeprefix('tags.')}] in percapita.yaml"
                " and import the bills again: the pool then finds the same people.", pool.owner)
        for pool in direct
        if pool.level in ("user", "session") and pool.column.removeprefix("tags.") not in names
    ]  # fmt: skip


def dormant(subjects: int, amount: Decimal) -> list[Finding]:
    """Subjects with cost but without activity: churned, dormant, or owners of orphans."""
    if subjects == 0 or amount == 0:
        return []
    return [
        Finding("dormant", "info", "users",
                f"{subjects:,} subjects have cost but no activity.", amount,
                "Look for what churned customers left behind: stored bytes, own resources.", "")
    ]  # fmt: skip


_LEVELS: Final = {
    "month": "the month's totals",
    "pool": "the whole pool's totals",
    "month pool": "the whole pool's totals of the month",
    "idle": "idle capacity",
    "unallocated": "nothing: it stays unallocated",
}


def widened(uses: Iterable[Widened]) -> list[Finding]:
    """Pools that were not split by their own totals, by level of the fall-back."""
    return [
        Finding("fallback", "warning" if use.level in ("idle", "unallocated") else "info", use.pool,
                f"{use.groups:,} {'group' if use.groups == 1 else 'groups'} without usage of"
                f" their own fell back to {_LEVELS.get(use.level, use.level)}.",
                use.amount, "Check that the driver was measured on these days, in these cells.",
                use.owner)
        for use in sorted(uses)
        if use.level != "own"
    ]  # fmt: skip


def followed(levels: Iterable[Followed]) -> list[Finding]:
    """Credits whose charge is a guess, or that found none."""
    found = []
    for credit in sorted(levels):
        lines = f"{credit.lines:,} {'credit' if credit.lines == 1 else 'credits'}"
        if credit.level == UNMATCHED and credit.lines:
            found.append(
                Finding("credit-unmatched", "warning", "credits",
                        f"{lines} found no charge to follow and stay unallocated.", credit.amount,
                        "Ask the vendor what they are for, or give them a pool.", "")
            )  # fmt: skip
        elif credit.level >= FAR_LEVEL:
            what = "account and service" if credit.level == FAR_LEVEL else "billing account"
            found.append(
                Finding("credit-followed-far", "info", "credits",
                        f"{lines} could be matched by {what} only.", credit.amount,
                        "Check that they belong to those charges.", "")
            )  # fmt: skip
    return found


def quarantined(refused: Iterable[Refused]) -> list[Finding]:
    """Rows that were left out because they could not be read."""
    return [
        Finding("quarantine", "warning", item.source,
                f"{item.rows:,} {'row' if item.rows == 1 else 'rows'} left out: {item.reason}.",
                None, "See percapita quarantine; mend the file and import it again.", "")
        for item in sorted(refused)
        if item.rows
    ]  # fmt: skip


def _percent(value: Decimal) -> str:
    return f"{value:.1f} %" if value != value.to_integral_value() else f"{value:.0f} %"
