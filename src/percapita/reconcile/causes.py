"""Why a month's figure moved between two versions: every difference has one cause, and they sum.

A line that came, went or changed its amount moves the bill and, by the share of it that was
allocated before, the allocated cost. What is left of a line's allocated cost moved because the line
was tagged anew, because the model changed, because usage did, or because it follows other lines:
overhead, pools that serve others, the rounding of what a group splits together.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final, NamedTuple

from percapita.core.money import ZERO, quotient, stored
from percapita.store.read.history import Pair

_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)

LATE, WITHDRAWN, CORRECTIONS, CREDITS = "late lines", "withdrawn lines", "corrections", "credits"
CURRENCY, TAGS, MODEL, FOLLOWING = "currency", "tags", "model", "knock-on"
TELEMETRY, UNITS = "telemetry", "units"
CAUSES: Final = (
    LATE, WITHDRAWN, CORRECTIONS, CREDITS, CURRENCY, TAGS, MODEL, FOLLOWING, TELEMETRY, UNITS,
)  # fmt: skip
"""In the order they are told, and that the cost per unit is walked in."""


@dataclass(slots=True)
class Effect:
    """What one cause did."""

    lines: int = 0
    bill: Decimal = ZERO
    allocated: Decimal = ZERO
    per_unit: Decimal | None = None

    def add(self, bill: Decimal, allocated: Decimal) -> None:
        """Count one line's effect."""
        self.lines += 1
        self.bill = _EXACT.add(self.bill, bill)
        self.allocated = _EXACT.add(self.allocated, allocated)


class Version(NamedTuple):
    """What the causes are told between: one version's figure."""

    bill: Decimal
    allocated: Decimal
    units: int | None
    baseline: bool = False
    """Cost per unit divides the whole bill: nothing is allocated yet."""

    @property
    def numerator(self) -> Decimal:
        """What cost per unit divides."""
        return self.bill if self.baseline else self.allocated


def causes(
    pairs: Iterable[Pair],
    before: Version,
    after: Version,
    *,
    remodelled: bool,
    metered: bool = True,
    pools: frozenset[str] | None = None,
) -> dict[str, Effect]:
    """Return what each cause did; those that did nothing are left out.

    Args:
        pairs: the charges that differ.
        before: the earlier version's figure.
        after: the later version's.
        remodelled: the versions have different models.
        metered: they read different usage, head counts or attributes.
        pools: those whose own text is the same in both models; ``None``: none is known to be.
    """
    found: dict[str, Effect] = {}
    for pair in pairs:
        moved = _lines(pair)
        left = _EXACT.subtract(pair.allocated_after, pair.allocated_before)
        if moved is not None:
            cause, bill, allocated = moved
            found.setdefault(cause, Effect()).add(bill, allocated)
            left = _EXACT.subtract(left, allocated)
        if left:
            cause = _sharing(pair, remodelled=remodelled, metered=metered, pools=pools)
            found.setdefault(cause, Effect()).add(ZERO, left)
    _per_unit(found, before, after)
    return {name: found[name] for name in CAUSES if name in found}


def _lines(pair: Pair) -> tuple[str, Decimal, Decimal] | None:
    """Return cause, effect on the bill and on allocated cost of a line that is not as it was."""
    if pair.before is None:
        return _kind(pair, LATE), pair.after or ZERO, pair.allocated_after
    if pair.after is None:
        gone = _EXACT.minus(pair.allocated_before)
        return _kind(pair, WITHDRAWN), _EXACT.minus(pair.before), gone
    change = _EXACT.subtract(pair.after, pair.before)
    if not change:
        return None
    if pair.before:
        share = _EXACT.divide(_EXACT.multiply(pair.allocated_before, change), pair.before)
        part = stored(share)
    else:
        part = pair.allocated_after
    return _kind(pair, CORRECTIONS), change, part


def _kind(pair: Pair, otherwise: str) -> str:
    if pair.reconverted:
        return CURRENCY
    if pair.category == "Credit":
        return CREDITS
    return CORRECTIONS if pair.correction else otherwise


def _sharing(pair: Pair, *, remodelled: bool, metered: bool, pools: frozenset[str] | None) -> str:
    """Return why a line's cost is shared otherwise than before."""
    if pair.retagged and pair.before is not None and pair.after is not None:
        return TAGS
    ways = set(pair.pools_before.split(", ")) | set(pair.pools_after.split(", "))
    names = {way.rpartition("/")[0] for way in ways}
    if remodelled and (
        pair.pools_before != pair.pools_after or pools is None or not names <= pools
    ):
        return MODEL
    follows = any(way.endswith(("/overhead", "/through")) for way in ways)
    return FOLLOWING if follows or not metered else TELEMETRY


def _per_unit(found: dict[str, Effect], before: Version, after: Version) -> None:
    """Walk the cost per unit from one version to the other, a cause at a time."""
    if not before.units or not after.units:
        return
    at = before.numerator
    figure = quotient(at, before.units)
    for name in CAUSES:
        if name not in found:
            continue
        effect = found[name]
        at = _EXACT.add(at, effect.bill if before.baseline else effect.allocated)
        figure, effect.per_unit = _step(figure, quotient(at, before.units))
    last = quotient(after.numerator, after.units)
    if last != figure:
        effect = found.setdefault(UNITS, Effect())
        effect.per_unit = _step(figure, last)[1]


def _step(before: Decimal | None, after: Decimal | None) -> tuple[Decimal | None, Decimal | None]:
    if before is None or after is None:
        return after, None
    return after, _EXACT.subtract(after, before)


def prove(found: Mapping[str, Effect], before: Version, after: Version) -> list[str]:
    """Return which sums the causes miss: none, unless percapita itself is at fault."""
    missed: list[str] = []
    sums: Sequence[tuple[str, Decimal, Decimal]] = (
        ("bill", _sum(e.bill for e in found.values()), _EXACT.subtract(after.bill, before.bill)),
        (
            "allocated cost",
            _sum(e.allocated for e in found.values()),
            _EXACT.subtract(after.allocated, before.allocated),
        ),
    )
    for name, mine, due in sums:
        if mine != due:
            missed.append(f"the causes sum to {mine} of the {name}, it moved by {due}")
    return missed


def _sum(amounts: Iterable[Decimal]) -> Decimal:
    result = ZERO
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result
