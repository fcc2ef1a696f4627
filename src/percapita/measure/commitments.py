"""Commitments: how much usage they cover, how much of them is used, what they save.

The formulas are those of the FinOps Foundation's unit of the same names; on-demand equivalent is
what the usage costs at list price.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from percapita.core.money import ZERO, percent, total


@dataclass(frozen=True, slots=True)
class Commitment:
    """The sums of one commitment, of a month, or of all; ``None`` is not known.

    ``used`` and ``unused`` are amortised cost. ``open`` sums are usage that is not covered and
    could be; single commitments have none.
    """

    purchased: Decimal | None = None
    used: Decimal | None = None
    unused: Decimal | None = None
    used_list: Decimal | None = None
    open_cost: Decimal | None = None
    open_list: Decimal | None = None

    @property
    def committed(self) -> Decimal | None:
        """Amortised cost of the commitment, used or not."""
        return added((self.used, self.unused))

    @property
    def utilisation(self) -> Decimal | None:
        """Percent of the amortised cost that covered usage."""
        return percent(self.used or ZERO, self.committed)

    @property
    def coverage(self) -> Decimal | None:
        """Percent of the usage that could be covered that is, at list price."""
        return None if self.on_demand is None else percent(self.used_list or ZERO, self.on_demand)

    @property
    def on_demand(self) -> Decimal | None:
        """What all this usage costs at list price; not known where a part of it is not."""
        if (self.used and self.used_list is None) or (self.open_cost and self.open_list is None):
            return None
        return added((self.used_list, self.open_list))

    @property
    def actual(self) -> Decimal | None:
        """What it costs: covered, unused and not covered."""
        return added((self.used, self.unused, self.open_cost))

    @property
    def savings(self) -> Decimal | None:
        """On-demand equivalent less the actual cost."""
        if self.on_demand is None or self.actual is None:
            return None
        return total([self.on_demand, -self.actual])

    @property
    def effective_savings_rate(self) -> Decimal | None:
        """Percent: savings / on-demand equivalent = 1 - actual / on-demand equivalent."""
        return percent(self.savings, self.on_demand)

    @property
    def break_even(self) -> Decimal | None:
        """Percent of utilisation below which the commitment costs more than list price."""
        return percent(self.used, self.used_list)


def added(amounts: Iterable[Decimal | None]) -> Decimal | None:
    """Return the sum of what is known; ``None`` where nothing is."""
    known = [amount for amount in amounts if amount is not None]
    return total(known) if known else None


def summed(parts: Iterable[Commitment]) -> Commitment:
    """Return commitments, or months of one, together."""
    found = list(parts)
    return Commitment(
        added(part.purchased for part in found),
        added(part.used for part in found),
        added(part.unused for part in found),
        _worth([(part.used, part.used_list) for part in found]),
        added(part.open_cost for part in found),
        _worth([(part.open_cost, part.open_list) for part in found]),
    )


def _worth(parts: Iterable[tuple[Decimal | None, Decimal | None]]) -> Decimal | None:
    """Return the list costs together; ``None`` where a part that costs has none."""
    known = list(parts)
    if any(cost and worth is None for cost, worth in known):
        return None
    return added(worth for _, worth in known)
