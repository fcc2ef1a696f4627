"""The reference allocator against worked examples and the known failures of others."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal

from percapita.core import subjects
from reference import examples
from reference.allocator import Allocation, LedgerKey, allocate
from reference.examples import ENTERPRISE, PROFESSIONAL, STARTER, TIERS


def sums(result: Allocation, by_what: Callable[[LedgerKey], object]) -> dict[object, Decimal]:
    """Add the ledger up."""
    found: dict[object, Decimal] = defaultdict(Decimal)
    for key, amount in result.ledger().items():
        found[by_what(key)] += amount
    return dict(found)


def by_subject(result: Allocation) -> dict[object, Decimal]:
    """Add the ledger up by receiver."""
    return sums(result, lambda key: key.receiver.subject)


def by_pool(result: Allocation) -> dict[object, Decimal]:
    """Add the ledger up by pool and receiver."""
    return sums(result, lambda key: (key.pool, key.receiver.subject))


def by_tier(result: Allocation) -> dict[object, Decimal]:
    """Add the ledger up by tier."""
    return sums(result, lambda key: dict(key.receiver.slice.attributes).get("tier"))


def test_cloud_metrics() -> None:
    """The worked example comes out to the last digit though its lines are spread over days."""
    result = allocate(examples.cloud_metrics())
    cells = by_pool(result)

    assert [cells["queries", tier] for tier in TIERS] == [13440, 8400, 6160]
    assert [cells["cpu", tier] for tier in TIERS] == [4050, 4950, 9000]
    assert [cells["calls", tier] for tier in TIERS] == [2700, 1800, 1500]
    assert [cells["bytes", tier] for tier in TIERS] == [1200, 1800, 2000]
    assert [cells["active", tier] for tier in TIERS] == [2400, 500, 100]
    assert by_subject(result) == {STARTER: 32990, PROFESSIONAL: 25750, ENTERPRISE: 36260}


def test_segments() -> None:
    """Three segments with direct and shared cost give 120,000 to the last digit."""
    assert by_subject(allocate(examples.segments())) == {1: 24000, 2: 36000, 3: 60000}


def test_day_without_usage() -> None:
    """A day nobody used anything falls back to the month's usage, and nothing is lost."""
    result = allocate(examples.day_without_usage())

    assert by_subject(result) == {1: Decimal("0.60"), 2: Decimal("0.80")}
    assert set(sums(result, lambda key: key.level)) == {"own", "month"}


def test_nobody_ever_used_it() -> None:
    """What no rung of the ladder can split is unallocated, or idle where the pool has that."""
    result = allocate(examples.nobody_used_it())

    assert by_subject(result) == {subjects.UNALLOCATED: 5, subjects.IDLE: 7}


def test_pool_of_only_negative_lines() -> None:
    """A pool of refunds is split as a pool of charges is, with the sign turned."""
    result = allocate(examples.only_refunds())

    assert by_subject(result) == {1: Decimal("-0.333333333333"), 2: Decimal("-0.666666666667")}


def test_shared_and_idle_and_filter() -> None:
    """Namespace 2 bears 20.104 of idle, never 25, and looking at it alone adds nothing."""
    result = allocate(examples.shared_and_idle())
    cells = by_pool(result)

    assert round(cells["idle 1", 2] + cells["idle 2", 2], 3) == Decimal("20.104")
    assert round(by_subject(result)[2], 3) == Decimal("74.771")
    assert sum(by_subject(result).values()) == 112


def test_pools_that_serve_each_other() -> None:
    """Two platform pools that serve each other end up wholly with users."""
    result = allocate(examples.serving_each_other())

    assert by_subject(result) == {1: Decimal("2.5"), 2: Decimal("7.5")}


def test_change_of_tier_within_a_day() -> None:
    """A user who upgrades is split at the upgrade, by what was used before and after."""
    assert by_tier(allocate(examples.change_of_tier())) == {"Free": 12, "Pro": 18}


def test_plan_that_ends_within_a_day() -> None:
    """A day's usage is divided by time between a plan and no plan."""
    assert by_tier(allocate(examples.plan_that_ends())) == {"Free": 16, None: 8}


def test_change_on_a_date() -> None:
    """A date in a list of users is a day of the model's zone, as it is in readings."""
    assert by_tier(allocate(examples.change_on_a_date())) == {"Pro": 80}


def test_credit_follows_its_charges() -> None:
    """A credit goes where the charges it corrects went, in proportion to them."""
    cells = by_pool(allocate(examples.credits_that_follow()))

    assert cells == {("db", 1): 27, ("own", 2): 9, ("credits", subjects.UNALLOCATED): -1}


def test_credit_of_a_row_follows_the_charge_of_its_row() -> None:
    """A row's credit follows the row's own charge, though another shares the account with it."""
    cells = by_pool(allocate(examples.credit_in_its_row()))

    assert cells == {("db", 1): 30, ("own", 2): 6}


def test_credit_billed_later() -> None:
    """A correction finds the charge of an earlier bill, and stays in its own billing period."""
    result = allocate(examples.credit_billed_later())
    billed = sums(result, lambda key: (key.billing, key.start.month, key.receiver.subject))

    assert billed == {("2025-10", 10, 1): 30, ("2025-11", 10, 1): -6}


def test_overheads() -> None:
    """The bot is no active user and gets no even share; by cost it would, were it allocated."""
    cells = by_pool(allocate(examples.overheads()))

    assert cells["even", 1] == cells["even", 2] == 10
    assert cells["db", 3] == 60
    assert cells["tax", 1] == Decimal("6.6")
    assert cells["tax", 2] == Decimal("4.4")


def test_cells_and_idle() -> None:
    """Each instance has its own idle part; one without users falls to the pool's users."""
    result = allocate(examples.cells_and_idle())
    levels = sums(result, lambda key: (key.level, key.cell, key.receiver.subject))

    assert levels == {
        ("idle", "", subjects.IDLE): 8,
        ("own", '["r1"]', 1): 3,
        ("own", '["r1"]', 2): 3,
        ("pool", "", 1): 6,
        ("pool", "", 2): 12,
    }
