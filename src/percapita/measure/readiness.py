"""Is there enough to start, how far has it come, and is the unit the right one?

Three lists over the same few facts of what was imported: readiness, maturity and the unit adviser.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from statistics import median_low
from typing import Final, Literal, NamedTuple

from percapita.core import money
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.measure.practice import (
    Bill,
    Item,
    amount_text,
    failed,
    item,
    itemised,
    passed,
    percent_text,
    unknown,
)
from percapita.measure.signals import TAG_START
from percapita.model.spec import Driver, Unit

Level = Literal["none", "beginner", "intermediate", "advanced"]

TINY_BASE: Final = 100
"""Fewer units than this make a figure that one user can move by more than a percent."""
BURST: Final = 3
"""Peak day over median day from which usage counts as bursty."""
FEW_PRICES: Final = 5
"""Payers for one price from which it counts as a flat fee."""
ENOUGH_DAYS: Final = 7
_PEOPLE: Final = frozenset({USER, SESSION, TENANT})


@dataclass(frozen=True, slots=True)
class Usage:
    """What the imported signals can tell, in a few figures."""

    grains: frozenset[str] = frozenset()
    levels: frozenset[str] = frozenset()
    """Kinds of subject that readings name."""
    features: int = 0
    """Distinct features that readings name."""
    daily: tuple[int, ...] = ()
    """Signals of each day, days in order; empty where readings are by month."""
    heads: int | None = None
    """Units in the last month that is known: counted heads, else subjects that were seen."""
    heads_from: str = ""
    """Where ``heads`` comes from, in words."""
    payers: int = 0
    prices: int = 0
    """Payments, and distinct amounts among them, of users or tenants that pay one by one."""
    attributes: frozenset[str] = frozenset()
    """Attributes that segments are made from."""


@dataclass(frozen=True, slots=True)
class ResourceMap:
    """The resource map of the project; ``rows`` is -1 where there is none."""

    rows: int = -1
    methods: int = 0
    """Rows that name an attribution method."""
    unmapped: tuple[str, ...] = field(default_factory=tuple)
    """Resource types of the bill that the map does not name."""


class Maturity(NamedTuple):
    """How far the practice has come, what shows it, and what the next step is."""

    level: Level
    evidence: str
    missing: str


NOTHING: Final = Maturity("none", "No bill is imported.", "Import one bill file.")


def unit_sentence(unit: Unit) -> str:
    """Say in one sentence what the denominator is."""
    if unit.meter is not None:
        return f"One {unit.name} is one unit of {_driver(unit.meter)}."
    active = "any reading" if not unit.active else " or ".join(map(_driver, unit.active))
    without = f", {' and '.join(unit.exclude)} left out" if unit.exclude else ""
    return f"One {unit.name} is one {unit.subject} with {active} in the {unit.window}{without}."


def _driver(driver: Driver) -> str:
    where = [f"{key} {' or '.join(value.values)}" for key, value in driver.where.items()]
    return driver.meter + (f" where {' and '.join(where)}" if where else "")


def readiness(
    bill: Bill | None, unit: Unit | None, mapped: ResourceMap, model_trouble: str = ""
) -> list[Item]:
    """Judge the four things that a first figure stands on."""
    return [_tags(bill), itemised(bill), _unit(unit, model_trouble), _map(mapped)]


def _tags(bill: Bill | None) -> Item:
    name = "tags on 30 % of spend"
    if bill is None:
        return failed(name, "No bill is imported.", advice="percapita import BILL")
    share = money.percent(bill.tagged, bill.spend)
    if share is None or not bill.keys:
        why = "No usage or purchase was charged." if bill.keys else "No taxonomy names the keys."
        return unknown(name, why, advice="List the required keys in taxonomy.yaml.")
    return item(
        name, share >= TAG_START,
        f"{amount_text(bill.tagged)} of {amount_text(bill.spend)} {bill.currency} carries every"
        f" required key: {percent_text(share)}.",
        advice="Start with the dearest untagged resources.", value=share, target=TAG_START,
    )  # fmt: skip


def _unit(unit: Unit | None, trouble: str) -> Item:
    name = "the unit in one sentence"
    if unit is None:
        return failed(name, trouble or "There is no model.", advice="percapita init DIR")
    return passed(name, unit_sentence(unit))


def _map(mapped: ResourceMap) -> Item:
    name = "a map from resources to units"
    advice = "Fill in resource_map.csv: type, usage pattern, tagging status, attribution method."
    if mapped.rows < 0:
        return failed(name, "There is no resource map.", advice=advice)
    evidence = f"{mapped.methods} of {mapped.rows} resource types have an attribution method"
    if mapped.unmapped:
        shown = ", ".join(mapped.unmapped[:5]) + (" …" if len(mapped.unmapped) > 5 else "")  # noqa: PLR2004
        evidence += f"; the bill also has {len(mapped.unmapped)} others: {shown}"
    return item(name, mapped.methods > 0, f"{evidence}.", advice=advice)


def maturity(bill: Bill | None, usage: Usage) -> Maturity:
    """Place the practice: bill over heads, usage by user, or by the hour and feature."""
    if bill is None:
        return NOTHING
    if not usage.levels & _PEOPLE:
        heads = "a head count" if usage.heads else "no head count"
        usage_by = f", usage by {' and '.join(sorted(usage.levels))}" if usage.levels else ""
        return Maturity("beginner", f"A bill and {heads}{usage_by}: cost over heads.",
                        "Import usage that names users or tenants.")  # fmt: skip
    missing = []
    if "hour" not in usage.grains:
        missing.append("readings by the hour")
    if not usage.features:
        missing.append("features in the readings")
    named = " and ".join(sorted(usage.levels))
    if missing:
        return Maturity("intermediate", f"Usage names its {named}.",
                        f"Import {' and '.join(missing)}.")  # fmt: skip
    return Maturity("advanced", f"Usage names its {named}, hour and feature.", "")


def advise(bill: Bill | None, usage: Usage) -> list[Item]:
    """Judge whether the unit fits the business; a failed item is a reason to do otherwise."""
    return [_export(bill), _bursty(usage), _flat(usage), _base(usage), _tenants(bill, usage)]


def _export(bill: Bill | None) -> Item:
    if bill is None or bill.lines == 0:
        return failed("a bill export", "No bill line is imported.",
                    advice="Stop here: without a bill there is nothing to split.")  # fmt: skip
    return passed("a bill export", f"{bill.lines:,} lines, {amount_text(bill.total)}"
                                       f" {bill.currency}.")  # fmt: skip


def _bursty(usage: Usage) -> Item:
    name = "even usage"
    if len(usage.daily) < ENOUGH_DAYS:
        return unknown(name, "Usage by day is needed, a week at least.")
    middle, peak = median_low(usage.daily), max(usage.daily)
    ratio = money.quotient(Decimal(peak), middle)
    shown = "no usage on the median day" if ratio is None else f"{ratio:.1f} times the median day"
    return item(name, ratio is not None and ratio < BURST,
                f"The busiest day has {peak:,} signals, {shown}.",
                advice="Bursty: weigh users by what they do instead of counting heads.",
                value=ratio, target=BURST)  # fmt: skip


def _flat(usage: Usage) -> Item:
    name = "prices move with usage"
    if usage.payers < FEW_PRICES:
        return unknown(name, "Revenue by user or tenant is needed.")
    flat = usage.payers >= FEW_PRICES * usage.prices
    return item(name, not flat,
                f"{usage.payers:,} payments have {usage.prices:,} different amounts.",
                advice="A flat fee per seat: watch the heaviest users, they pay like all others.",
                value=usage.prices)  # fmt: skip


def _base(usage: Usage) -> Item:
    name = "a base that is large enough"
    if usage.heads is None:
        return unknown(name, "Neither a head count nor usage by user is imported.",
                    advice="Import a head count.")  # fmt: skip
    return item(name, usage.heads >= TINY_BASE,
                f"{usage.heads:,} units in the last month known ({usage.heads_from}).",
                advice="A tiny base: read the figures as a direction only.",
                value=usage.heads, target=TINY_BASE)  # fmt: skip


def _tenants(bill: Bill | None, usage: Usage) -> Item:
    name = "a map from usage to tenants"
    ways = []
    if TENANT in usage.levels:
        ways.append("readings name tenants")
    if {"tenant", "customer", "organisation", "organization"} & usage.attributes:
        ways.append("users name their tenant")
    keys: Sequence[str] = [k.key for k in (bill.keys if bill else ()) if k.amount > 0]
    ways += [f"tag {key} names customers" for key in keys if _names_customer(key)]
    if ways:
        return passed(name, f"{'; '.join(ways)}.")
    advice = "Start with cohorts; tenants follow once they can be told apart."
    if told := ", ".join(sorted(usage.attributes | usage.levels - _PEOPLE)):
        return failed(name, f"Usage and users are told apart by {told} only.", advice)
    return failed(name, "Neither usage, users nor tags name a tenant.", advice)


def _names_customer(key: str) -> bool:
    return any(word in key.lower() for word in ("customer", "tenant", "client", "organi"))
