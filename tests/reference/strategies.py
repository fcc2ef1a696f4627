"""Small random worlds in which every method meets every other."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any
from zoneinfo import ZoneInfo

from hypothesis import strategies as st

from percapita.core.tables import COSTS
from percapita.model.spec import Model, Segment
from reference.build import USERS, model
from reference.pools import Draw, pools
from reference.world import Attribute, Claim, Clock, Line, Reading, Window, World, level_of

SUBJECTS = {
    1: ("user", "ann"),
    2: ("user", "bob"),
    3: ("user", "eve"),
    4: ("bot", "crawler"),
    11: ("tenant", "acme"),
    12: ("tenant", "globex"),
    21: ("segment", "tier=Free"),
    22: ("segment", "tier=Pro"),
    31: ("session", "s1"),
    32: ("session", "s2"),
}
SEGMENTS = (Segment("tier", "users", "plan"), Segment("tenant", "users", "org"))
VALUES = {"plan": ("Free", "Pro"), "org": ("acme", "globex")}
FRAMES = (
    ("UTC", date(2025, 10, 1)),
    ("UTC", date(2025, 10, 31)),
    ("Europe/Berlin", date(2025, 10, 25)),
    ("Europe/Berlin", date(2025, 3, 29)),
    ("America/New_York", date(2025, 10, 31)),
)
"""Zone and first of three days: within a month, over its end, over changes of the clocks."""

ROUNDING = {"ChargeCategory": "Adjustment"}
"""What a bill's rounding line is charged as."""

RESOURCES = ("r1", "r2")
LEVELS = {
    "user": (0, 1, 2, 3, 4),
    "tenant": (0, 11, 12),
    "segment": (21, 22),
    "signal": (0, 1, 2, 11, 31, 31, 32),
}
"""Who a meter's readings name; a signal names its user, else its session, else its tenant."""

AMOUNTS = st.one_of(
    st.integers(-(10**6), 10**6).map(lambda cents: Decimal(cents).scaleb(-2)),
    st.integers(-50, 50).map(lambda units: Decimal(units).scaleb(-18)),
    st.integers(-50, 50).map(lambda units: Decimal(units).scaleb(-12)),
    st.integers(-(10**30), 10**30).map(lambda units: Decimal(units).scaleb(-18)),
)
QUANTITIES = st.one_of(st.integers(1, 9), st.integers(1, 10**6), st.integers(1, 10**18))


@dataclass(frozen=True)
class Frame:
    """The three days a world lies in."""

    clock: Clock
    zone: str
    days: tuple[date, ...]

    def label(self, day: date) -> datetime:
        """Return the label of a local date."""
        return datetime(day.year, day.month, day.day, tzinfo=UTC)

    @property
    def start(self) -> datetime:
        """The first instant."""
        return self.clock.midnight(self.days[0])

    @property
    def hours(self) -> list[datetime]:
        """The first instants of all hours."""
        end = self.clock.bounds(Window("day", self.days[-1]))[1]
        count = (end - self.start) // timedelta(hours=1)
        return [self.start + timedelta(hours=hour) for hour in range(count)]


def frame(zone: str, first: date) -> Frame:
    """Return three days of a zone."""
    days = tuple(first + timedelta(days=n) for n in range(3))
    return Frame(Clock(ZoneInfo(zone)), zone, days)


@st.composite
def worlds(draw: Draw) -> World:
    """Draw a world."""
    around = frame(*draw(st.sampled_from(FRAMES)))
    plan = _model(draw, around)
    lines = [_line(draw, around, plan, f"l{n}") for n in range(draw(st.integers(1, 8)))]
    return World(
        plan,
        tuple(draw(st.permutations(lines))),
        tuple(_readings(draw, around, plan)),
        tuple(row for subject in (1, 2, 3) for row in _attributes(draw, around, subject)),
        claims=tuple(_claims(draw, around)),
        subjects=SUBJECTS,
        bases=draw(st.sampled_from([(), ("billed",), ("billed", "list")])),
    )


def _model(draw: Draw, around: Frame) -> Model:
    return model(
        *pools(draw),
        timezone=around.zone,
        segments=SEGMENTS,
        units=(USERS,),
        basis=draw(st.sampled_from(["effective", "billed"])),
        dimensions=draw(st.sampled_from([(), ("operation",), ("feature", "region")])),
        credits=draw(st.sampled_from(["follow", "follow", "follow", "own pool", "back out"])),
    )


def _attributes(draw: Draw, around: Frame, subject: int) -> list[Attribute]:
    """Draw what a user is: nothing known, one thing throughout, or a change."""
    rows: list[Attribute] = []
    for attribute, values in VALUES.items():
        way = draw(st.sampled_from(["unknown", "constant", "change", "begins", "ends"]))
        first, then = draw(st.permutations(values))
        moment = draw(st.sampled_from([hour for hour in around.hours if hour.hour % 24]))
        if way in ("constant", "change", "ends"):
            until = None if way == "constant" else moment
            rows.append(Attribute(subject, attribute, first, None, until))
        if way in ("change", "begins"):
            rows.append(Attribute(subject, attribute, then, moment, None))
    return rows


def _claims(draw: Draw, around: Frame) -> list[Claim]:
    """Draw whose sessions turn out to be, and who is whose alias: rarely in a circle."""
    rows = []
    for _ in range(draw(st.sampled_from([0, 0, 1, 2, 4]))):
        subject = draw(st.sampled_from([31, 31, 31, 32, 1, 3]))
        of = draw(st.sampled_from([1, 2, 2, 4, 11, 32]))
        if draw(st.booleans()):
            seen = draw(st.sampled_from(around.hours)) + timedelta(minutes=draw(st.integers(0, 59)))
            rows.append(Claim(subject, of, seen))
            continue
        days = [around.label(day) for day in around.days]
        start = draw(st.sampled_from([None, *days, *around.hours]))
        end = draw(st.sampled_from([None, *days, around.hours[-1] + timedelta(minutes=20)]))
        rows.append(Claim(subject, of, start=start, end=end))
    return rows


def _line(draw: Draw, around: Frame, plan: Model, name: str) -> Line:
    start, end = _charge_period(draw, around)
    amount = draw(AMOUNTS)
    costs = {basis: draw(st.sampled_from([amount, amount, None])) for basis in COSTS}
    costs[plan.basis] = draw(st.sampled_from([amount] * 9 + [None]))
    costs["list"] = draw(st.one_of(st.none(), AMOUNTS))
    direct = {"user": ["ann", "bob"], "tenant": ["acme"], "tier": ["Free", "Pro"], "env": ["dev"]}
    tags = {key: draw(st.sampled_from([*values, None])) for key, values in direct.items()}
    names = [*(pool.name for pool in plan.pools), "elsewhere"]
    first, last = _billing_period(draw, around, start)
    rounding = draw(st.integers(0, 19)) == 0
    return {
        "LineId": name,
        "source": "bill",
        "file": "bill.csv",
        "row": draw(st.integers(1, 4) | st.none()),
        "BillingPeriodStart": first,
        "BillingPeriodEnd": last,
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "BillingCurrency": "USD",
        **{COSTS[basis]: cost for basis, cost in costs.items()},
        **(ROUNDING if rounding else _kind_of_charge(draw)),
        "ServiceName": draw(st.sampled_from(names)),
        "ResourceId": draw(st.sampled_from([*RESOURCES, None])),
        "Tags": {key: value for key, value in tags.items() if value is not None},
        "Extra": {"percapita": "rounding"} if rounding else {},
    }


def _kind_of_charge(draw: Draw) -> dict[str, str | None]:
    """Draw whether a line is a charge or corrects one, and what it shares with others."""
    some: Callable[[Sequence[str | None]], Any] = lambda values: draw(st.sampled_from(values))  # noqa: E731
    return {
        "ChargeCategory": some(["Usage", "Usage", "Usage", "Purchase", "Credit", "Tax"]),
        "ChargeClass": some([None, None, None, "Correction"]),
        "CommitmentDiscountId": some([None, None, None, "c1"]),
        "SkuId": some(["s1", "s2", None]),
        "SubAccountId": some(["a1", "a2", None]),
        "BillingAccountId": some(["payer", "payer", None]),
    }


def _charge_period(draw: Draw, around: Frame) -> tuple[datetime, datetime | None]:
    """Draw a day, some hours, three days, a month, an instant, or a start without an end."""
    day = draw(st.sampled_from(around.days))
    hour = draw(st.sampled_from(around.hours))
    month = around.label(day.replace(day=1))
    after = Window("month", day.replace(day=1)).after
    return draw(  # type: ignore[no-any-return]
        st.sampled_from(
            [
                around.clock.bounds(Window("day", day)),
                (around.label(day), around.label(day) + timedelta(days=1)),
                (hour, hour + timedelta(hours=draw(st.integers(1, 40)))),
                (around.start, around.hours[-1]),
                (month, around.label(after)) if draw(st.integers(0, 2)) == 0 else (hour, hour),
                (hour, hour),
                (hour, None),
            ]
        )
    )


def _billing_period(
    draw: Draw, around: Frame, start: datetime
) -> tuple[datetime | None, datetime | None]:
    """Draw the month of the charge as the bill has it, the month after, or none."""
    month = start.date().replace(day=1)
    way = draw(st.sampled_from(["same", "same", "same", "later", "none"]))
    if way == "none":
        return None, None
    month = Window("month", month).after if way == "later" else month
    return around.label(month), around.label(Window("month", month).after)


def _readings(draw: Draw, around: Frame, plan: Model) -> list[Reading]:
    """Draw usage; a meter keeps its grain, its level and its cells."""
    found: dict[tuple[Any, ...], Reading] = {}
    for meter in ("alpha", "beta", "gamma"):
        level = draw(st.sampled_from(["user", "user", "signal", "signal", "tenant", "segment"]))
        grains = draw(st.sampled_from([("hour",), ("day",), ("month",), ("hour", "day")]))
        celled = draw(st.booleans())
        for _ in range(draw(st.sampled_from([0, 3, 5, 8]))):
            subject = draw(st.sampled_from(LEVELS[level]))
            columns = _columns(draw, RESOURCES if celled else ())
            grain = draw(st.sampled_from(grains))
            _put(found, _reading(draw, around, (meter, subject), grain, columns))
    celled = draw(st.booleans())
    for meter in ("capacity", "used"):
        for _ in range(draw(st.integers(0, 4))):
            columns = {"resource": draw(st.sampled_from(RESOURCES))} if celled else {}
            _put(found, _reading(draw, around, (meter, 0), "day", columns))
    for _ in range(draw(st.integers(0, 6))):
        service = draw(st.sampled_from([pool.name for pool in plan.pools]))
        _put(found, _reading(draw, around, ("serve", 0), "day", {"service": service}))
    return list(found.values())


def _put(found: dict[tuple[Any, ...], Reading], reading: Reading) -> None:
    """Keep one reading for each key of the table."""
    key = (reading.time, reading.grain, reading.meter, reading.subject, *reading.columns.items())
    found[key] = reading


def _columns(draw: Draw, resources: Sequence[str]) -> dict[str, str]:
    columns = {
        "operation": draw(st.sampled_from(["/api/a", "/api/b", "/page", None])),
        "feature": draw(st.sampled_from(["search", None])),
        "region": draw(st.sampled_from(["eu", "us", None])),
        "resource": draw(st.sampled_from([*resources, None])),
    }
    return {name: value for name, value in columns.items() if value is not None}


def _reading(
    draw: Draw, around: Frame, whose: tuple[str, int], grain: str, columns: dict[str, str]
) -> Reading:
    meter, subject = whose
    day = draw(st.sampled_from(around.days))
    times = {
        "hour": draw(st.sampled_from(around.hours)),
        "day": around.label(day),
        "month": around.label(day.replace(day=1)),
    }
    level = level_of(SUBJECTS[subject][0]) if subject else None
    return Reading(times[grain], grain, meter, subject, draw(QUANTITIES), level, columns)
