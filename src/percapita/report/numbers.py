"""Numbers as people read them: grouped, a true minus, as many digits as the figure deserves.

Machines get ``core.money.text``. An undefined figure is ``n/a``, an unknown one ``—``.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import UTC, datetime
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

UNDEFINED: Final = "n/a"
UNKNOWN: Final = "—"
MINUS: Final = "\u2212"

_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
_CENTS: Final = 2
_FINE: Final = 4
_FINEST: Final = 6
_SMALLEST: Final = 12
_LARGE: Final = 100
_SIGNIFICANT: Final = 3
_PSEUDONYM: Final = re.compile(r"[0-9a-f]{32}")


def amount(value: Decimal | None, places: int = _CENTS, *, missing: str = UNKNOWN) -> str:
    """Write an amount, rounded half-even: ``1,234.50``, ``\u2212226.20``."""
    if value is None:
        return missing
    rounded = value.quantize(Decimal(1).scaleb(-places), context=_EXACT)
    plain = f"{rounded.copy_abs():,f}"
    return f"{MINUS}{plain}" if rounded < 0 else plain


def brief(name: str) -> str:
    """Return a pseudonym's first digits, which explain takes too; other names as they are."""
    return name[:12] if _PSEUDONYM.fullmatch(name) else name


def count(value: int | None, *, missing: str = UNKNOWN) -> str:
    """Write a whole number: ``1,200``."""
    if value is None:
        return missing
    return f"{MINUS if value < 0 else ''}{abs(value):,}"


def share(value: Decimal | None, *, missing: str = UNDEFINED) -> str:
    """Write a percentage to two places, without its sign: ``43.89``."""
    return amount(value, _CENTS, missing=missing)


def places(values: Iterable[Decimal | None]) -> int:
    """Return how many fractional digits a column of unit costs needs.

    Two, or as many as give the smallest figure three significant digits, six at most.
    """
    needed = _CENTS
    for value in values:
        if value:
            above = _SIGNIFICANT - 1 - value.adjusted()
            needed = max(needed, min(above, _FINEST))
    return needed


def least_places(value: Decimal, usual: int = _CENTS) -> int:
    """Return how many fractional digits a figure needs that may be smaller than a cent.

    As many as usual, unless it would read 0.00: then as give three significant digits.
    """
    if not value or value.adjusted() >= -usual:
        return usual
    return min(_SIGNIFICANT - 1 - value.adjusted(), _SMALLEST)


def money_places(whole: Decimal) -> int:
    """Return how many fractional digits the amounts of a bill of this size are shown with.

    Cents as a rule; of a bill below 100, or below 1, more, so that its lines do not all read 0.00.
    """
    size = whole.copy_abs()
    if not size or size >= _LARGE:
        return _CENTS
    return _FINE if size >= 1 else _FINEST


def instant(moment: datetime | None) -> str | None:
    """Write an instant in UTC: ``2025-11-01T00:00:00Z``."""
    if moment is None:
        return None
    return moment.astimezone(UTC).replace(microsecond=0, tzinfo=None).isoformat() + "Z"
