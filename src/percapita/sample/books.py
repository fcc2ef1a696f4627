"""What the back office keeps: vendors' invoices, the support desk, users, prices and revenue."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from random import Random
from typing import Final

from percapita.sample.bill import month_bounds
from percapita.sample.company import ENTERPRISE, FIRST, GHOST, LAST, MONTHS, PRO, Company, User

PRICES: Final = {PRO: Decimal(29), ENTERPRISE: Decimal(79)}
"""A user a month."""

_VENDORS: Final = (
    ("Lumenwatch", "Observability platform", 6_150, "observability"),
    ("Mailpost", "E-mail delivery", 1_420, "e-mail"),
    ("Gatewarden", "Single sign-on and scans", 830, "security"),
    ("Helpcove", "Knowledge base", 640, "knowledge base"),
    ("Buildhaus", "Build minutes", 1_560, "build pipeline"),
)
_DESK: Final = (("Support desk, salaries", 11_800), ("Support desk, ticketing tool", 1_240))


@dataclass(frozen=True, slots=True)
class Invoice:
    """An amount for a month that is not on the cloud's bill."""

    month: str
    vendor: str
    text: str
    amount: Decimal
    pool: str


def invoices(seed: int, company: Company) -> list[Invoice]:
    """Return every invoice of the quarter."""
    random = Random(f"{seed}:books")  # noqa: S311
    scale = len(company.users) / 20_000
    made = []
    for month in MONTHS:
        for vendor, text, size, pool in _VENDORS:
            made.append(Invoice(month, vendor, text, _near(random, size * scale), pool))
        for text, size in _DESK:
            made.append(Invoice(month, "", text, _near(random, size * scale), "support desk"))
    return made


def _near(random: Random, size: float) -> Decimal:
    return Decimal(int(size * (0.96 + 0.08 * random.random()) * 100) + 1).scaleb(-2)


VENDORS_HEADER: Final = "invoice,vendor,text,month,amount,currency"


def vendor_rows(made: list[Invoice]) -> Iterator[str]:
    """Yield the accounts-payable export, header first."""
    yield VENDORS_HEADER
    for number, bill in enumerate((b for b in made if b.vendor), start=1):
        yield f"AP-{number:04d},{bill.vendor},{bill.text},{bill.month},{bill.amount},USD"


def desk_rows(made: list[Invoice]) -> Iterator[str]:
    """Yield the support desk's cost, header first."""
    yield "month,what,cost"
    for bill in made:
        if not bill.vendor:
            yield f'{bill.month},"{bill.text}","{bill.amount:,}"'


USERS_HEADER: Final = "account,tenant,plan,signup,region,valid_from,valid_to"


def user_rows(company: Company, *, plant: bool) -> Iterator[str]:
    """Yield the list of users: a row for each subscription.

    With ``plant``, one user is forgotten and the plan of another is misspelt.
    """
    for user in company.users:
        if plant and user.number == GHOST:
            continue
        for stay in user.stays:
            stratum = user.stratum(stay.tier)
            tier = stratum.delivered if plant else stratum.true
            span = f"{stay.start or ''},{stay.end or ''}"
            yield f"{user.id},{stay.tenant},{tier},{user.signup},{user.region},{span}"


def revenue_rows(seed: int, company: Company) -> Iterator[str]:
    """Yield what was invoiced to users: by the day where a subscription begins or ends."""
    random = Random(f"{seed}:revenue")  # noqa: S311
    yield "account,from,until,amount,currency,kind"
    for user in company.users:
        for month in MONTHS:
            yield from _paid(random, user, month)


def _paid(random: Random, user: User, month: str) -> Iterator[str]:
    first, after = month_bounds(month)
    for stay in user.stays:
        start = max(first, stay.start or FIRST, user.signup)
        end = min(after, stay.end or LAST)
        if start >= end or stay.tier not in PRICES:
            continue
        price = PRICES[stay.tier]
        amount = (price * (end - start).days / (after - first).days).quantize(Decimal("0.01"))
        yield _revenue(user, start, end, amount, "subscription")
        if random.random() < 0.03:  # noqa: PLR2004
            discount = -(amount / 5).quantize(Decimal("0.01"))
            yield _revenue(user, start, end, discount, "discount")


def _revenue(user: User, start: date, end: date, amount: Decimal, kind: str) -> str:
    return f"{user.id},{start},{end},{amount},USD,{kind}"
