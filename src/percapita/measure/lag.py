"""F5: a bill that stays out, and bills that came to something else than was estimated before them.

Every function takes small sums and returns findings, each with its evidence and money.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from decimal import Decimal
from typing import Final, NamedTuple

from percapita.core import money
from percapita.measure.signals import Finding

PATIENCE: Final = 3
"""Days that any bill may take."""
_BEYOND: Final = 2
"""Times as long as usual that a bill may take."""
_MONTHLY: Final = 35
"""Days after which a bill is late, however seldom it comes."""
OFF: Final = Decimal(5)
"""Percent that a pool's bills may differ from their estimates."""
_OUTSIDE: Final = Decimal(20)
"""Percent of its days that may lie outside of the interval, which promises to hold 90 % of them."""
_FEWEST: Final = 2
"""Days outside of the interval that mean something."""
_ADVICE: Final = {
    "usage": "Readings came after the estimate: send or import usage sooner.",
    "commitments": "Look at what commitments and credits did: percapita commitments.",
    "late lines": "The first bill of a day is not whole: wait as long before closing a month.",
    "price": "Look for the price that changed (percapita pricebook), or say in the model what the"
    " pool's cost moves with: `live`.",
}


class Unbilled(NamedTuple):
    """Days of one source that no bill has come for."""

    source: str
    first: date
    last: date
    amount: Decimal
    """What they were estimated at."""
    waited: int
    """Days since the first of them."""
    usual: int | None
    """Days that its bills take; unknown before the first one that was waited for."""


class Missed(NamedTuple):
    """A pool's estimates beside the bills that came."""

    pool: str
    owner: str
    first: date
    last: date
    days: int
    """Estimated and billed, of each source of the pool."""
    outside: int
    """Of them, those whose bill lay outside of the interval."""
    estimate: Decimal
    final: Decimal
    causes: Mapping[str, Decimal]
    """They sum to the bills beyond the estimates."""
    later: int
    """Days from the first to the last word of a bill on one day."""


def late(found: Iterable[Unbilled]) -> list[Finding]:
    """F5: days wait for their bill longer than twice what is usual for the source."""
    result = []
    for one in found:
        known = one.usual is not None
        if one.waited <= max(PATIENCE, _BEYOND * (one.usual or 0)) or one.amount == 0:
            continue
        overdue = known or one.waited > _MONTHLY
        until = f" to {one.last}" if one.last > one.first else ""
        usual = f"; usually it takes {one.usual}" if known else ""
        result.append(
            Finding(
                "F5", "warning" if overdue else "info", one.source,
                f"No bill of {one.first}{until}, {one.waited:,} days after the first of them"
                f"{usual}. What they cost is estimated.",
                one.amount,
                "Fetch the bill and import it; see whether its export still runs.",
                "",
            )
        )  # fmt: skip
    return result


def missed(found: Iterable[Missed]) -> list[Finding]:
    """F5: a pool's bills came to something else than their estimates, beyond the intervals."""
    result = []
    for one in found:
        off = one.final - one.estimate
        percent = money.percent(off, one.estimate)
        outside = money.percent(Decimal(one.outside), Decimal(one.days)) or Decimal(0)
        rare = outside <= _OUTSIDE or one.outside < _FEWEST
        if percent is None or abs(percent) < OFF or rare:
            continue
        cause, part = max(one.causes.items(), key=lambda each: (abs(each[1]), each[0]))
        later = f" Bills changed up to {one.later} days after they first came." * bool(one.later)
        result.append(
            Finding(
                "F5", "warning", one.pool,
                f"Billed for {one.first} to {one.last}: {one.final:,.2f}, estimated"
                f" {one.estimate:,.2f}: {percent:+.1f} %; {one.outside} of {one.days} days outside"
                f" of the interval. Most of it is {cause}: {part:+,.2f}.{later}",
                abs(off), _ADVICE[cause], one.owner,
            )
        )  # fmt: skip
    return result
