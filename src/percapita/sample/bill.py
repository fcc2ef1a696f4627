"""The cloud's charges of a quarter: usage, savings plan, credits, a correction, tax."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from decimal import Context, Decimal
from random import Random
from typing import Final

from percapita.sample.catalogue import (
    DATABASE,
    PRODUCTION,
    STORAGE,
    Resource,
    resources,
)
from percapita.sample.company import DAYS, FIRST, MONTHS, Company
from percapita.sample.usage import instance

EXACT: Final = Context(prec=60)
ZERO = Decimal(0)
NEGOTIATED, PLAN = Decimal("0.97"), Decimal("0.62")
"""What is paid of the list price by contract, and under the savings plan."""
PLAN_ID: Final = f"arn:aws:savingsplans::{PRODUCTION}:savingsplan/compute-1"
TAX = Decimal("0.08")


@dataclass(frozen=True, slots=True)
class Charge:
    """One line, and what the company's own books know of it."""

    month: str
    """Billing period."""
    start: datetime
    end: datetime
    description: str
    category: str = "Usage"
    correction: bool = False
    service: str = ""
    sku: str = ""
    resource: str = ""
    region: str = ""
    account: str = PRODUCTION
    quantity: Decimal | None = None
    unit: str = ""
    price: str = ""
    billed: Decimal = ZERO
    effective: Decimal = ZERO
    contracted: Decimal = ZERO
    listed: Decimal = ZERO
    plan: str = ""
    """``Used``, ``Unused`` or ``Purchase`` of the savings plan."""
    tags: Mapping[str, str] = field(default_factory=dict)
    component: str = ""
    pool: str = ""
    cell: str = ""
    follows: Callable[[Charge], bool] | None = None
    """For a credit: tells the charges that it corrects."""

    @property
    def gross(self) -> bool:
        """A charge that a credit can correct."""
        return self.category in ("Usage", "Purchase") and not self.correction and self.effective > 0


def instant(day: date, hour: int = 0) -> datetime:
    """Return an hour of a day, UTC."""
    return datetime(day.year, day.month, day.day, tzinfo=UTC) + timedelta(hours=hour)


def month_bounds(month: str) -> tuple[date, date]:
    """Return the first day of a month and of the next."""
    first = date.fromisoformat(f"{month}-01")
    return first, date(first.year, first.month + 1, 1)


def make(seed: int, company: Company) -> list[Charge]:
    """Return every charge of the quarter, in the order of the delivered files."""
    random = Random(f"{seed}:bill")  # noqa: S311
    scale = len(company.users) / 20_000
    charges = list(_usage(random, resources(company), scale))
    charges += list(_plan(charges))
    charges += list(_monthly(charges))
    charges += list(_credits(scale))
    charges += list(_tax(charges))
    return sorted(charges, key=lambda charge: charge.month)


def _usage(random: Random, rented: list[Resource], scale: float) -> Iterator[Charge]:
    for day in DAYS:
        growth = 1 + 0.001 * (day - FIRST).days
        for resource in rented:
            calm = resource.calm if day.weekday() > 4 else 1.0  # noqa: PLR2004
            units = resource.daily * scale * growth * calm
            hours = range(24) if resource.hourly else (None,)
            for hour in hours:
                noise = 0.95 + 0.1 * random.random()
                yield _charge(resource, day, hour, units * noise / len(hours))


def _charge(resource: Resource, day: date, hour: int | None, units: float) -> Charge:
    quantity = Decimal(max(1, int(units * 10**5))).scaleb(-5)
    listed = EXACT.multiply(quantity, Decimal(resource.price))
    contracted = EXACT.multiply(listed, NEGOTIATED)
    effective = EXACT.multiply(listed, PLAN) if resource.covered else contracted
    return Charge(
        month=f"{day:%Y-%m}",
        start=instant(day, hour or 0),
        end=instant(day, 24 if hour is None else hour + 1),
        description=f"${resource.price} per {resource.unit}",
        service=resource.service,
        sku=resource.sku,
        resource=resource.id,
        region=resource.region,
        account=resource.account,
        quantity=quantity,
        unit=resource.unit,
        price=resource.price,
        billed=ZERO if resource.covered else contracted,
        effective=effective,
        contracted=contracted,
        listed=listed,
        plan="Used" if resource.covered else "",
        tags=resource.tags,
        component=resource.component,
        pool=resource.pool,
        cell=resource.cell,
    )


def _plan(charges: list[Charge]) -> Iterator[Charge]:
    """The savings plan: bought by the month, used by the day, partly unused on weekends."""
    used = dict.fromkeys(DAYS, ZERO)
    for charge in charges:
        if charge.plan:
            day = charge.start.date()
            used[day] = EXACT.add(used[day], charge.effective)
    pool = "unused commitment"
    for month in MONTHS:
        days = [day for day in DAYS if f"{day:%Y-%m}" == month]
        committed = max(used[day] for day in days).quantize(Decimal("0.01")) + Decimal("0.01")
        yield Charge(
            month, instant(days[0]), instant(days[-1], 24), "Compute savings plan, one month",
            "Purchase", service="Savings Plans for AWS Compute usage", plan="Purchase",
            billed=committed * len(days), pool=pool,
        )  # fmt: skip
        for day in days:
            yield Charge(
                month, instant(day), instant(day, 24), "Savings plan commitment nobody used",
                service="Savings Plans for AWS Compute usage", plan="Unused",
                effective=EXACT.subtract(committed, used[day]), pool=pool,
            )  # fmt: skip


def _monthly(charges: list[Charge]) -> Iterator[Charge]:
    """The cloud's support fee, charged once a month."""
    for month in MONTHS:
        first, after = month_bounds(month)
        usage = sum((c.billed for c in charges if c.month == month), ZERO)
        fee = max(Decimal(29), (usage * Decimal("0.03")).quantize(Decimal("0.01")))
        yield Charge(
            month, instant(first), instant(after), "Business support, 3% of usage",
            service="AWS Support (Business)", billed=fee, effective=fee, contracted=fee, listed=fee,
            tags={"Environment": "production", "Team": "platform"}, pool="cloud support",
        )  # fmt: skip


def _credits(scale: float) -> Iterator[Charge]:
    """A credit for a resource, for a service, for a whole account, and a late correction."""
    size = Decimal(max(1, int(scale * 1000))).scaleb(-3)
    database, sku = instance("eu"), "InstanceUsage:db.r6g.4xl"

    def credit(month: str, amount: str, description: str, **more: str) -> Charge:
        first, after = month_bounds(month)
        value = -Decimal(amount) * size
        return Charge(
            month, instant(first), instant(after), description, "Credit",
            billed=value, effective=value, contracted=value, listed=value,
            account=more.get("account", ""), service=more.get("service", ""),
            resource=more.get("resource", ""), sku=more.get("sku", ""),
            follows=lambda c: c.gross and first <= c.start.date() < after and all(
                getattr(c, name) == value for name, value in more.items()
            ),
        )  # fmt: skip

    yield credit(
        "2025-09", "180.00", "Credit for an outage", service=DATABASE, resource=database, sku=sku
    )
    yield credit("2025-08", "95.55", "Promotion", account=PRODUCTION, service=STORAGE)
    yield credit("2025-10", "88.4321", "Promotion", account=PRODUCTION, service=STORAGE)
    yield credit("2025-09", "260.00", "Migration programme")
    day = date(2025, 9, 10)
    late = -Decimal("41.75") * size
    yield Charge(
        "2025-10", instant(day), instant(day, 24), "Hours that were charged twice",
        correction=True, service=DATABASE, sku=sku, resource=database, region="eu",
        billed=late, effective=late, contracted=late, listed=late,
        tags={"Environment": "production", "Team": "platform", "app": "postgres"},
        follows=lambda c: c.gross and c.resource == database and c.sku == sku
        and c.start == instant(day),
    )  # fmt: skip


def _tax(charges: list[Charge]) -> Iterator[Charge]:
    for month in MONTHS:
        first, after = month_bounds(month)
        billed = sum((c.billed for c in charges if c.month == month), ZERO)
        amount = (billed * TAX).quantize(Decimal("0.01"))
        yield Charge(
            month, instant(first), instant(after), "Sales tax", "Tax", account="",
            billed=amount, effective=amount, contracted=amount, listed=amount, pool="tax",
        )  # fmt: skip
