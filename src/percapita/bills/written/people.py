"""People and support: what roles and tickets cost, written down in YAML. No names are needed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from percapita.bills.written.documents import (
    AMOUNT,
    FIRST,
    LAST,
    TAGS,
    TEXT,
    Days,
    Written,
    WrittenFormat,
)
from percapita.bills.written.quantities import QUANTITY, Quantities, Quantity, used_by
from percapita.bills.written.schedules import EXACT, MONTH, Line, billing_month, months, weight
from percapita.core import money
from percapita.core.periods import next_month
from percapita.core.split import split
from percapita.model.shapes import Choice, Number, WrongError
from percapita.model.spec import Trail
from percapita.model.structures import Key, Listed, Record
from percapita.plugins import BillFormat

_HUNDRED: Final = Decimal(100)
_A_DAY: Final = timedelta(days=1)
_EVER: Final = Days(date.min, date.max)


@dataclass(frozen=True, slots=True)
class Share:
    """A part of a role's work."""

    percent: Decimal
    service: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Role:
    """People of one role."""

    role: str
    cost: Decimal
    per: Literal["month", "year"]
    heads: Decimal = Decimal(1)
    start: date | None = None
    end: date | None = None
    """Last day."""
    shares: tuple[Share, ...] = (Share(_HUNDRED),)
    service: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Desk:
    """Support: tickets at a cost each, or hours at a rate."""

    support: str
    tickets: Quantity | None = None
    cost: Decimal | None = None
    hours: Quantity | None = None
    rate: Decimal | None = None
    service: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Staff:
    """The file."""

    currency: str
    people: tuple[Role, ...] = ()
    desks: tuple[Desk, ...] = ()
    through: date | None = None
    """Last day that roles have lines for."""
    account: str = ""
    tags: Mapping[str, str] = field(default_factory=dict)


def _role(**said: Any) -> Role:  # noqa: ANN401
    role = Role(**said)
    if role.start and role.end and role.end < role.start:
        raise WrongError("wrong-order", "The role ends before it starts.", "Correct from and to.")
    given = money.total([share.percent for share in role.shares])
    if given > _HUNDRED:
        message = f"The shares of {role.role!r} sum to {given.normalize():f} percent."
        raise WrongError("wrong-total", message.replace("{", "("), "Let them sum to 100 at most.")
    return role


def _desk(**said: Any) -> Desk:  # noqa: ANN401
    desk = Desk(**said)
    priced = [("tickets" in said, "cost" in said), ("hours" in said, "rate" in said)]
    if [pair for pair in priced if any(pair)] != [(True, True)]:
        message = "Support needs tickets and cost per ticket, or hours and rate."
        hint = "Write tickets: {2025-10: 420}, cost per ticket: 6.50."
        raise WrongError("missing-key", message, hint)
    if isinstance(desk.tickets, Decimal) or isinstance(desk.hours, Decimal):
        raise WrongError("wrong-type", "Tickets and hours have dates.",
                         "Write tickets: {2025-10: 420}, or name a file.")  # fmt: skip
    return desk


_ROLE: Final = "people: [{role: engineer, cost: 96000, per: year, from: 2025-01, to: 2025-12}]"
_SHARES: Final = "shares: [{percent: 60, service: Search}, {percent: 40, tags: {Team: data}}]"
_DESK: Final = "support: [{support: help desk, tickets: {2025-10: 420}, cost per ticket: 6.50}]"

SHARE: Final = Record(
    "A share",
    (
        Key("percent", Number(high=100, above=True), "Of the role's cost.", _SHARES,
            required=True),
        Key("service", TEXT, "ServiceName.", _SHARES, default="the role's"),
        Key("tags", TAGS, "Tags, beside the role's.", _SHARES),
    ),
    Share,
    spec=Share,
)  # fmt: skip

ROLE: Final = Record(
    "A role",
    (
        Key("role", TEXT, "What the people do; no names.", _ROLE, required=True),
        Key("cost", AMOUNT, "Of one of them: salary and all that comes with it.", _ROLE,
            required=True),
        Key("per", Choice(("month", "year")), "What the cost is for.", _ROLE, required=True),
        Key("heads", Number(above=True), "How many there are.", _ROLE),
        Key("from", FIRST, "First day or month.", _ROLE, required=True, field="start"),
        Key("to", LAST, "Last day or month.", _ROLE, field="end", default="`through`"),
        Key("shares", Listed(SHARE, single=False, some=True), "Whom they work for. What is left of"
            " 100 percent belongs elsewhere and is no line.", _SHARES, default="all of it is one"),
        Key("service", TEXT, "ServiceName.", _ROLE, default="People"),
        Key("tags", TAGS, "Tags.", _ROLE),
    ),
    _role,
    spec=Role,
)  # fmt: skip

DESK: Final = Record(
    "Support",
    (
        Key("support", TEXT, "What it is called.", _DESK, required=True),
        Key("tickets", QUANTITY, "Tickets, when.", _DESK),
        Key("cost per ticket", AMOUNT, "Cost of one.", _DESK, field="cost"),
        Key("hours", QUANTITY, "Hours, when.", _DESK),
        Key("rate", AMOUNT, "Cost of an hour.", _DESK),
        Key("service", TEXT, "ServiceName.", _DESK, default="Support"),
        Key("tags", TAGS, "Tags.", _DESK),
    ),
    _desk,
    spec=Desk,
)  # fmt: skip

STAFF: Final = Record(
    "A file of people",
    (
        Key("currency", TEXT, "Of all amounts.", "currency: EUR", required=True),
        Key("through", LAST, "Last day or month that roles have lines for.", "through: 2025-12",
            default="none: every role says `to`"),
        Key("account", TEXT, "BillingAccountId.", "account: payroll", default="payroll"),
        Key("tags", TAGS, "Tags of all lines.", "tags: {Department: engineering}"),
        Key("people", Listed(ROLE, single=False), "Roles.", _ROLE),
        Key("support", Listed(DESK, single=False), "Support.", _DESK, field="desks"),
    ),
    Staff,
    spec=Staff,
)  # fmt: skip


def lines_of(written: Written) -> list[Line]:
    """Return a line per role, share and month, and one per desk and month.

    Raises:
        DocumentError: a role has no end, or a quantity can't be had.
    """
    staff: Staff = written.value
    found: list[Line] = []
    for number, role in enumerate(staff.people):
        found += _of_role(written, role, ("people", number))
    for number, desk in enumerate(staff.desks):
        found += _of_desk(written, desk, ("support", number))
    written.stop()
    return found


def _of_role(written: Written, role: Role, trail: Trail) -> Iterator[Line]:
    staff: Staff = written.value
    ends = [day for day in (role.end, staff.through) if day is not None]
    if not ends or role.start is None:
        message = f"Nothing says when {role.role!r} ends."
        hint = "Write to: 2025-12, or through: 2025-12 for the whole file, and move it on."
        written.wrong("missing-key", trail, message, hint)
        return
    rest = _HUNDRED - money.total([share.percent for share in role.shares])
    weights = [_whole(percent) for percent in (*(s.percent for s in role.shares), rest)]
    for days in months(Days(role.start, min(ends) + _A_DAY)):
        cost = EXACT.multiply(monthly(role.cost, role.per, days), role.heads)
        for share, part in zip(role.shares, split(cost, weights), strict=False):
            whole = money.quotient(role.heads * share.percent * weight(days), 100 * MONTH)
            yield {
                **_line(staff, days, part, whole),
                "ServiceName": share.service or role.service or "People",
                "ChargeDescription": role.role,
                "SkuId": role.role,
                "PricingUnit": "person-month",
                "Tags": {**staff.tags, **role.tags, **share.tags},
                "x_Line": written.line(*trail),
            }


def monthly(cost: Decimal, per: Literal["month", "year"], days: Days) -> Decimal:
    """Return what the days of one month cost: the months of a calendar year sum to its cost."""
    month = days.start.month
    whole = cost if per == "month" else split(cost, [1] * 12)[month - 1]
    mine = weight(days)
    return split(whole, [mine, MONTH - mine])[0]


def _whole(percent: Decimal) -> int:
    return int(percent.scaleb(money.PLACES))


def _of_desk(written: Written, desk: Desk, trail: Trail) -> Iterator[Line]:
    staff: Staff = written.value
    word, said, price = ("tickets", desk.tickets, desk.cost)
    if said is None:
        word, said, price = ("hours", desk.hours, desk.rate)
    assert said is not None  # noqa: S101
    assert not isinstance(said, Decimal)  # noqa: S101
    for month, used in used_by(Quantities(written).dated(said, (*trail, word)), _EVER):
        cost = EXACT.multiply(used, price or money.ZERO)
        yield {
            **_line(staff, Days(month, next_month(month)), cost, used),
            "ServiceName": desk.service or "Support",
            "ChargeDescription": desk.support,
            "SkuId": desk.support,
            "PricingUnit": word.removesuffix("s"),
            "Tags": {**staff.tags, **desk.tags},
            "x_Line": written.line(*trail),
        }


def _line(staff: Staff, days: Days, cost: Decimal, quantity: Decimal | None) -> Line:
    return {
        "BillingAccountId": staff.account or "payroll",
        "BillingAccountName": staff.account or "payroll",
        "BillingCurrency": staff.currency,
        **billing_month(days.start),
        "ChargePeriodStart": days.start,
        "ChargePeriodEnd": days.end,
        "ChargeCategory": "Usage",
        "ChargeFrequency": "Recurring",
        "PricingCategory": "Standard",
        "ServiceCategory": "Other",
        "BilledCost": cost,
        "EffectiveCost": cost,
        "ContractedCost": cost,
        "PricingQuantity": quantity,
    }


_KEYS: Final = (frozenset({"currency", "people"}), frozenset({"currency", "support"}))

SOURCE: BillFormat = WrittenFormat("people", _KEYS, STAFF, "currency: EUR", lines_of)
