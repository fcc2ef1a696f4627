"""Units: given counts before observed ones, windows counted anew, overlap as its own number."""

from __future__ import annotations

from datetime import date

from percapita.measure.question import Question, ask
from percapita.measure.units import Days, Given, Observed, units
from percapita.model.load import loads

MODEL = loads("""
version: 1
currency: USD
segments: {tier: {from: users.plan}, size: {from: users.seats}}
pools: [{pool: db, match: {ServiceName: db}, by: queries}]
""")
OCTOBER = Days(date(2025, 10, 1), date(2025, 11, 1))
NOVEMBER = Days(date(2025, 11, 1), date(2025, 12, 1))
QUARTER = Days(date(2025, 10, 1), date(2026, 1, 1))


def given_in(days: Days, value: str, heads: int, attribute: str = "tier") -> Given:
    """A head count of one segment value."""
    return Given(attribute, value, days.first, days.last, heads)


def by(*names: str, where: tuple[str, ...] = ()) -> Question:
    """A question cut by these."""
    return ask(MODEL, by=names, where=where)


def test_the_overlap_is_what_rows_count_twice() -> None:
    """A user in two tiers within the window is in both rows and once in the total."""
    found = units(by("tier"), OCTOBER, {}, observed=Observed({("Pro",): 3, ("Free",): 5}, 7),
                  given=[])  # fmt: skip

    assert (found.total, found.overlap, found.rows) == (7, 1, {("Pro",): 3, ("Free",): 5})


def test_given_counts_win_and_say_so() -> None:
    """Head counts replace what was observed, with a note of both figures."""
    found = units(
        by("tier"), OCTOBER, {},
        observed=Observed({("Pro",): 3}, 3),
        given=[given_in(OCTOBER, "Pro", 10), given_in(OCTOBER, "Free", 90)],
    )  # fmt: skip

    assert (found.total, found.overlap, found.given) == (100, 0, True)
    assert found.rows == {("Pro",): 10, ("Free",): 90}
    assert "3 units were observed, 100 were given." in found.notes


def test_several_windows_are_summed() -> None:
    """Two months of head counts in a quarter are user-months."""
    counts = [given_in(OCTOBER, "Pro", 10), given_in(NOVEMBER, "Pro", 12)]

    found = units(by("tier", "month"), QUARTER, {"2025-10": OCTOBER, "2025-11": NOVEMBER},
                  observed=None, given=counts)  # fmt: skip

    assert found.total == 22
    assert found.rows == {("Pro", "2025-10"): 10, ("Pro", "2025-11"): 12}


def test_a_day_of_a_counted_month_has_the_months_heads() -> None:
    """A count that covers the days stands for them."""
    day = Days(date(2025, 10, 5), date(2025, 10, 6))

    found = units(by(), day, {}, observed=None, given=[given_in(OCTOBER, "Pro", 10)])

    assert found.total == 10


def test_a_count_of_everyone_comes_before_the_sum_of_segments() -> None:
    """Units in no row show as a negative overlap."""
    counts = [Given("", "", *OCTOBER, 100), given_in(OCTOBER, "Pro", 60)]

    found = units(by("tier"), OCTOBER, {}, observed=None, given=counts)

    assert (found.total, found.overlap) == (100, -40)


def test_a_filter_narrows_head_counts() -> None:
    """With a filter on what was counted, only that count remains."""
    counts = [given_in(OCTOBER, "Pro", 10), given_in(OCTOBER, "Free", 90)]

    assert units(by(where=("tier=Pro",)), OCTOBER, {}, observed=None, given=counts).total == 10
    unfit = units(by(where=("size=big",)), OCTOBER, {}, observed=None, given=counts)
    assert (unfit.total, unfit.notes) == (
        None, ("Head counts that were given do not fit the question.",)
    )  # fmt: skip


def test_rows_that_head_counts_cannot_tell_apart_use_what_was_observed() -> None:
    """Tier counts say nothing of sizes."""
    found = units(by("size"), OCTOBER, {}, observed=Observed({("big",): 4}, 4),
                  given=[given_in(OCTOBER, "Pro", 10)])  # fmt: skip

    assert (found.total, found.rows, found.overlap) == (10, {("big",): 4}, None)


def test_nothing_is_known_without_either() -> None:
    """No activity and no head count: units are null, not zero."""
    found = units(by("tier"), OCTOBER, {}, observed=Observed({}, 0), given=[])

    assert (found.total, found.overlap) == (None, None)


def test_nobody_among_those_who_were_measured_is_zero() -> None:
    """Usage that names its users, none of whom counts, is a known zero."""
    found = units(by("tier"), OCTOBER, {}, observed=Observed({}, 0, known=True), given=[])

    assert (found.total, found.overlap, found.rows) == (0, 0, {})
