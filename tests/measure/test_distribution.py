"""The distribution of cost over subjects."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from percapita.measure.distribution import Spent, distribution, gini


def spent(*amounts: str, active: int = 1) -> list[Spent]:
    """One subject an amount."""
    return [Spent(at, Decimal(amount), active) for at, amount in enumerate(amounts, start=1)]


def test_percentiles_are_amounts_that_someone_has() -> None:
    """Nearest rank: at least so many percent of the subjects have at most this."""
    found = distribution(spent(*map(str, range(1, 201))), top=2, active=200)

    assert {p: int(amount) for p, amount in found.percentiles.items()} == {
        1: 2, 5: 10, 10: 20, 25: 50, 50: 100, 75: 150, 90: 180, 95: 190, 99: 198,
    }  # fmt: skip
    assert (found.least, found.most) == (Decimal(1), Decimal(200))
    assert found.mean == Decimal("100.5")
    assert [item.subject for item in found.top] == [200, 199]


def test_the_share_of_the_top_counts_whole_subjects() -> None:
    """The top percent of three subjects is one subject."""
    found = distribution(spent("1", "1", "8"), top=0, active=3)

    assert found.top_shares == {1: Decimal(80), 5: Decimal(80), 10: Decimal(80)}
    assert found.top == ()


def test_usage_weighs_the_mean() -> None:
    """A subject that was active on more days counts for more."""
    found = distribution([Spent(1, Decimal(10), 9), Spent(2, Decimal(20), 1)], top=1, active=2)

    assert (found.mean, found.usage_weighted_mean) == (Decimal(15), Decimal(11))


def test_dormant_subjects_have_cost_and_no_activity() -> None:
    """They are counted and priced; active subjects without cost are counted too."""
    found = distribution([Spent(1, Decimal(10), 3), Spent(2, Decimal(7), 0)], top=1, active=5)

    assert (found.dormant, found.dormant_cost, found.active_without_cost) == (1, Decimal(7), 4)


def test_nobody_has_no_distribution() -> None:
    """Without subjects every figure is undefined, none is zero by mistake."""
    found = distribution([], top=3, active=0)

    assert (found.mean, found.least, found.gini, found.top_shares[1]) == (None, None, None, None)
    assert found.percentiles == {}


def test_gini_knows_equal_and_unequal() -> None:
    """All alike is 0; one of four holding all is 3/4."""
    assert gini([Decimal(5)] * 4) == 0
    assert gini([Decimal(0)] * 3 + [Decimal(1)]) == Decimal("0.75")


@given(st.lists(st.decimals(0, 10**6, places=6), min_size=1, max_size=20))
def test_gini_is_half_the_relative_mean_difference(amounts: list[Decimal]) -> None:
    """The formula by ranks equals the definition by pairs, to the last shown digit."""
    rising = sorted(amounts)
    found = gini(rising)
    exact = [Fraction(amount) for amount in rising]
    if not sum(exact):
        assert found is None
        return
    pairs = sum((abs(a - b) for a in exact for b in exact), Fraction(0))
    expected = pairs / (2 * len(exact) * sum(exact))

    assert found is not None
    assert abs(Fraction(found) - expected) <= Fraction(1, 2 * 10**12)
