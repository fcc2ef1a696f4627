"""Short ways to write worlds down."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

from percapita.core.tables import COSTS
from percapita.model.spec import Condition, Driver, Match, Model, Overhead, Pool, Segment, Unit
from reference.world import Line, Reading

TIERS = (Segment("tier", "users", "plan"),)
USERS = Unit("active user", subject="user", exclude=("bot",))


def at(text: str) -> datetime:
    """Return an instant: ``2025-10-01`` or ``2025-10-01T12:00``, in UTC."""
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def line(name: str, amount: str | None, start: str, end: str, **columns: Any) -> Line:  # noqa: ANN401
    """Return a usage charge of one amount in every basis; ``columns`` override."""
    cost = None if amount is None else Decimal(amount)
    billing = date.fromisoformat(start[:10]).replace(day=1)
    following = date(billing.year + billing.month // 12, billing.month % 12 + 1, 1)
    return {
        "LineId": name,
        "source": "bill",
        "BillingPeriodStart": at(billing.isoformat()),
        "BillingPeriodEnd": at(following.isoformat()),
        "ChargePeriodStart": at(start),
        "ChargePeriodEnd": at(end),
        "BillingCurrency": "USD",
        "ChargeCategory": "Usage",
        **dict.fromkeys(COSTS.values(), cost),
        "Tags": {},
        "Extra": {},
        **columns,
    }


def reading(meter: str, subject: int, quantity: int, time: str, grain: str = "day", **columns: str
            ) -> Reading:  # fmt: skip
    """Return a user's usage, by the day unless said; nobody's where the number is 0."""
    level = columns.pop("level", "user") if subject else None
    return Reading(at(time), grain, meter, subject, quantity, level, columns)


def match(**columns: str | tuple[str, ...]) -> Match:
    """Return a match by columns; ``tags_KEY`` is the tag KEY."""
    found: Mapping[str, Condition] = {
        name.replace("tags_", "tags."): Condition((value,) if isinstance(value, str) else value)
        for name, value in columns.items()
    }
    return Match(found)


def model(*pools: Pool, **fields: Any) -> Model:  # noqa: ANN401
    """Return a model of these pools in dollars and UTC, its units being active users."""
    given = {"currency": "USD", "units": (USERS,), "segments": TIERS, **fields}
    return Model(path="model.yaml", hash="0" * 64, pools=pools, **given)


def by(meter: str) -> Driver:
    """Return a driver."""
    return Driver(meter)


def overhead(how: Any, **fields: Any) -> Overhead:  # noqa: ANN401
    """Return how an overhead pool is weighed."""
    return Overhead(how, **fields)
