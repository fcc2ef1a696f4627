"""Why a receiver got what it got, in words; and how amounts are written for reading."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from percapita.core import money
from percapita.report import numbers
from percapita.report.explain.found import Share

_NANO = Decimal(1).scaleb(-9)

Units = Mapping[str, tuple[str, int]]
"""Meter to the unit that its source is given in, and base units in one."""
_PLAIN: Units = {}
WIDENED = {
    "month": "the cell had no usage that day, so the month's totals weigh",
    "pool": "the cell had no usage that day, so the whole pool's totals weigh",
    "month pool": "the cell had no usage all month, so the pool's month totals weigh",
    "idle": "nobody used it, so it is idle",
    "unallocated": "no usage was found to split it by",
}


def shown(value: Decimal) -> str:
    """Write an amount for reading: to the cent, small ones to three significant digits."""
    return numbers.amount(value, numbers.places([value]))


def why(shares: Sequence[Share], units: Units = _PLAIN) -> str:
    """Say in words why these groups of one pool gave what they gave."""
    groups = [share.group for share in shares]
    part = money.total([share.amount for share in shares])
    whole = money.total([group.amount for group in groups])
    reason = _reason(shares, units)
    days = len({group.start for group in groups})
    over = f" over {days} {groups[0].grain}s" if days > 1 else ""
    of = f"all of {shown(whole)}" if part == whole else f"{shown(part)} of {shown(whole)}"
    return f"{of} because {reason}{over}"


def _reason(shares: Sequence[Share], units: Units) -> str:
    ways = {(share.group.method, share.group.driver) for share in shares}
    if len(ways) > 1:
        return f"of {len(shares)} splits by {', '.join(sorted({d or m for m, d in ways}))}"
    ((method, driver),) = ways
    if driver == "cost":
        # The windows of a billing period share its weights: counted once, not once a window.
        shares = list({share.group.billing_period: share for share in shares}.values())
    weight, total = sum(s.weight for s in shares), sum(s.group.total for s in shares)
    levels = {share.group.level for share in shares} - {"own"}
    widened = "".join(f"; {WIDENED[level]}" for level in sorted(levels & WIDENED.keys()))
    if method == "direct" and total <= len(shares):
        return f"{driver or 'the line'} names it{widened}"
    if any(share.group.shift for share in shares):
        return f"{weight:,} of {total:,} {driver} (in powers of two){widened}"
    return _sentence(method, _measured(driver, weight, total, units), (weight, total)) + widened


def _measured(driver: str, weight: int, total: int, units: Units) -> str:
    """Write a driver's usage in the unit that its source is given in."""
    name, factor = units.get(driver, ("", 1))
    if factor == 1:
        what = {"active": "active subjects", "weights": "fixed weights"}.get(driver, driver)
        return f"{weight:,} of {total:,} {what}"
    own, whole = (_count(Decimal(n), factor) for n in (weight, total))
    return f"{own} of {whole} {name} of {driver}"


def _count(quantity: Decimal, factor: int) -> str:
    value = money.quotient(quantity, factor) or money.ZERO
    return numbers.amount(value, 0 if value == value.to_integral_value() else 3)


def _sentence(method: str, measured: str, parts: tuple[int, int]) -> str:
    weight, total = parts
    cost = method == "overhead" and measured.endswith(" cost")
    spent, everything = (shown(Decimal(n) * _NANO) for n in parts)
    named = {
        "exclude": "the model excludes the pool",
        "none": "no rule of the model splits it",
        "idle": f"{measured} stood idle",
        "through": f"{money.percent(Decimal(weight), total) or 0:.4f} % is its share in the pools"
        " that this one serves",
    }
    if cost:
        return f"it has {spent} of {everything} of the cost before"
    return named.get(method, measured)
