"""Prices, seasons, meters and intervals of the live estimate, each by itself."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from random import Random
from zoneinfo import ZoneInfo

import pytest

from percapita.core.periods import Span, day_span
from percapita.model.load import loads
from percapita.reconcile.estimate.fitting import TIME, Way, choose, fits
from percapita.reconcile.estimate.interval import COLD, calibrate
from percapita.reconcile.estimate.meters import Meter, Read
from percapita.reconcile.estimate.price import Billed, last_known
from percapita.reconcile.estimate.season import FLAT, ratios, weekdays
from percapita.reconcile.estimate.spending import Series, Spending
from percapita.reconcile.estimate.ways import key, ways

FIRST = date(2025, 9, 1)
ZONE = ZoneInfo("UTC")
A_DAY = timedelta(days=1)


def at(hour: int, minute: int = 0, day: int = 3) -> datetime:
    """Return an instant of November."""
    return datetime(2025, 11, day, hour, minute, tzinfo=UTC)


def dated(amounts: list[float]) -> dict[date, float]:
    """Return amounts on days from the first on."""
    return {FIRST + n * A_DAY: amount for n, amount in enumerate(amounts)}


def model(pool: str) -> str:
    """Return a model of one pool."""
    return (
        "version: 1\ncurrency: USD\nunits: {active user: {subject: user}}\n"
        f"pools:\n  - {{pool: p, match: {{ServiceName: s}}, {pool}}}\n"
    )


# ---- prices ----


def test_a_price_that_jumped_is_taken_at_once() -> None:
    """The days before a jump say nothing of the price after it."""
    days = [Billed(Decimal(10), Decimal(100))] * 9 + [Billed(Decimal(12), Decimal(100))]

    assert last_known(days) == Decimal("0.12")


def test_a_price_that_wobbles_is_averaged() -> None:
    """Within what is usual, the newest days weigh most and none decides."""
    days = [Billed(Decimal(10 + n % 2), Decimal(100)) for n in range(10)]
    price = last_known(days)

    assert price is not None
    assert Decimal("0.102") < price < Decimal("0.108")


def test_days_without_units_have_no_price() -> None:
    """A silent meter makes no price, and no division by nothing."""
    assert last_known([Billed(Decimal(5), Decimal(0))]) is None


# ---- seasons ----


def test_a_week_is_seen_after_weeks() -> None:
    """Weekends at half the cost are a season after four weeks, and none after two."""
    amounts = dated([50.0 if n % 7 > 4 else 100.0 for n in range(35)])
    beside = ratios(amounts)

    assert weekdays(beside, FIRST + 14 * A_DAY) == FLAT
    factors = weekdays(beside, FIRST + 35 * A_DAY)
    assert factors[6] == pytest.approx(factors[0] / 2)


def test_noise_is_no_season() -> None:
    """Days that differ without regard to the weekday are taken alike."""
    random = Random(3)  # noqa: S311
    amounts = dated([100 * random.lognormvariate(0, 0.1) for _ in range(60)])

    assert weekdays(ratios(amounts), FIRST + 60 * A_DAY) == FLAT


# ---- ways ----


def test_a_pool_that_does_not_follow_its_driver_moves_with_time() -> None:
    """Where the model leaves it open, the way that did better on the past is taken."""
    random = Random(5)  # noqa: S311
    days = [FIRST + n * A_DAY for n in range(40)]
    units = {day: Decimal(random.randint(100, 1000)) for day in days}
    end = days[-1] + A_DAY
    steady = fits({day: Decimal(40) for day in days}, [Way("meter", "m", units), TIME],
                  end=end, lag=1)  # fmt: skip
    moving = fits({day: units[day] / 10 for day in days}, [Way("meter", "m", units), TIME],
                  end=end, lag=1)  # fmt: skip

    assert choose(steady).way.kind == "time"
    assert choose(moving).way.kind == "meter"


@pytest.mark.parametrize(
    ("pool", "kinds"),
    [
        ("by: m, live: {price: nodes}", ["meter"]),
        ("by: m, behaviour: {step: {capacity: nodes}}", ["meter"]),
        ("by: m, behaviour: fixed", ["time"]),
        ("by: m, behaviour: variable", ["meter"]),
        ("by: m", ["meter", "time"]),
        ("overhead: cost", ["cost", "time"]),
        ("exclude: true", ["time"]),
    ],
)
def test_the_model_says_what_a_pool_moves_with(pool: str, kinds: list[str]) -> None:
    """Capacity first, then what behaviour says; only what is left open is tried both ways."""
    assert [one.kind for one in ways(loads(model(pool)), "p")] == kinds


# ---- meters ----


def meter(hours: dict[datetime, int], now: datetime, days: dict[date, int] | None = None) -> Meter:
    """Return a meter that spoke every hour of the two weeks before."""
    before = {at(0) - timedelta(hours=n): 10 for n in range(1, 14 * 24)}
    return Meter({**before, **hours}, days or {}, ZONE, now)


def test_the_hour_that_goes_on_counts_as_far_as_it_went() -> None:
    """Of the hour before, sixty minutes reach back into its last half."""
    read = meter({at(9): 10, at(10): 6}, at(10, 30)).over(Span(at(9, 30), at(10, 30)))

    assert read.units == 11
    assert read.silent == 0


def test_an_hour_without_readings_is_silent() -> None:
    """A meter that always speaks and has a gap says nothing of that hour: it is not zero."""
    read = meter({at(8): 10, at(10): 10}, at(11)).over(Span(at(8), at(11)))

    assert read == Read(Decimal(20), Decimal(1))


def test_a_rare_meter_may_be_quiet() -> None:
    """A meter that speaks now and then is not silent for the hours in between."""
    rare = Meter({at(9) - n * A_DAY: 1 for n in range(5)}, {}, ZONE, at(15))

    assert rare.over(Span(at(0), at(15))).silent == 0


def test_days_that_were_delivered_whole_are_read() -> None:
    """A file of days beside live hours: the days count, and are not silent."""
    yesterday = date(2025, 11, 2)
    both = Meter({at(9): 5}, {yesterday: 240}, ZONE, at(10))
    read = both.over(day_span(yesterday, ZONE))

    assert read == Read(Decimal(240), Decimal(0))


def test_local_days_have_their_hours() -> None:
    """On the day of 25 hours all of them count."""
    berlin = ZoneInfo("Europe/Berlin")
    span = day_span(date(2025, 10, 26), berlin)
    hours = {span.start + timedelta(hours=n): 1 for n in range(25)}

    assert Meter(hours, {}, berlin, at(0)).over(span).units == 25
    assert Meter(hours, {}, berlin, at(0)).by_day() == {date(2025, 10, 26): Decimal(25)}


# ---- intervals ----


def test_little_is_known_at_first() -> None:
    """Without errors the interval is wide and says so; every error narrows it."""
    nothing, some = calibrate([]), calibrate([0.01, -0.01])

    assert nothing.cold
    assert some.cold
    assert (nothing.low, nothing.high) == (-0.5, 0.5)
    assert some.high < nothing.high


def test_the_interval_holds_while_errors_grow() -> None:
    """Errors whose spread and middle drift are held nine times in ten all the same."""
    random = Random(11)  # noqa: S311
    errors = [random.gauss(n / 4000, 0.02 * (1 + n / 150)) for n in range(400)]
    held = [
        calibrate(errors[max(0, n - 63) : n]).low
        <= errors[n]
        <= calibrate(errors[max(0, n - 63) : n]).high
        for n in range(COLD, 400)
    ]

    assert 0.85 <= sum(held) / len(held) <= 0.95


# ---- what is billed ahead ----


def test_a_fee_that_was_billed_ahead_is_not_estimated_again() -> None:
    """A day that the bill covers costs what it says, an hour of it a twenty-fourth."""
    billed = {FIRST + n * A_DAY: Decimal(24) for n in range(91)}
    series = [Series("p", "vendor", billed, FIRST + 91 * A_DAY, monthly=True)]
    spending = Spending(loads(model("overhead: active")), series, {}, ZONE, date(2025, 11, 3))
    spent = spending.over(Span(at(9), at(10)), at(10))["p"]

    assert set(spent.money) == {Decimal(1)}
    assert spent.billed == 1


def test_a_meter_that_falls_silent_costs_what_is_usual() -> None:
    """Half of two hours is read, half is silent: both cost what an hour costs."""
    known = loads(model("by: m, live: {price: nodes}"))
    billed = {FIRST + n * A_DAY: Decimal(24) for n in range(63)}
    terms = ways(known, "p")[0].terms
    hours = {
        day_span(day, ZONE).start + timedelta(hours=n): 10 for day in billed for n in range(24)
    }
    spoken = Meter({**hours, at(8): 10}, {}, ZONE, at(10))
    spending = Spending(
        known, [Series("p", "bill", billed, date(2025, 11, 3))], {key(terms): spoken}, ZONE,
        date(2025, 11, 3),
    )  # fmt: skip
    spent = spending.over(Span(at(8), at(10)), at(10))["p"]

    assert spent.money.amount == 2
    assert spent.silent == 1
