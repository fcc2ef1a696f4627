"""Money: DECIMAL(36,18) amounts, the text they are written as, and quotients of them.

Amounts are ``Decimal`` with at most 18 fractional digits, signed: a credit is negative.
"""

from __future__ import annotations

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal, InvalidOperation

PLACES = 18
"""Fractional digits of a stored amount."""

QUOTIENT_PLACES = 12
"""Fractional digits of a quotient (cost per unit, percent)."""

ZERO = Decimal(0)
LARGEST = Decimal(10) ** 18
"""Amounts stay below this in magnitude: DECIMAL(36,18) has 18 digits before the point."""

_EXACT = Context(prec=120, rounding=ROUND_HALF_EVEN)
_QUANTUM = Decimal(1).scaleb(-PLACES)
_QUOTIENT = Decimal(1).scaleb(-QUOTIENT_PLACES)
_PLAIN = re.compile(r"[+-]?(\d+(\.\d*)?|\.\d+)([eE][+-]?\d+)?")
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")
_SIGNS = "$€£¥"


def exact(text: str) -> Decimal:
    """Return the amount that ``text`` writes, every digit kept.

    Takes what bills write: scientific notation, thousands commas, a currency sign, a minus or
    parentheses for negative amounts, blanks around.

    Raises:
        ValueError: ``text`` is not a finite number, or is too large for a money column.
    """
    body = text.strip()
    negative = body.startswith("(") and body.endswith(")")
    if negative:
        body = body[1:-1].strip()
    if body.startswith("-") and body[1:2] in _SIGNS:
        negative, body = not negative, body[1:]
    body = body.lstrip(_SIGNS).strip()
    if _GROUPED.fullmatch(body):
        body = body.replace(",", "")
    if not _PLAIN.fullmatch(body):
        raise ValueError(f"{text!r} is not a number")
    try:
        amount = _EXACT.create_decimal(body)
    except InvalidOperation as error:
        raise ValueError(f"{text!r} is not a number") from error
    if abs(amount) >= LARGEST:
        raise ValueError(f"{text!r} is too large for a money column")
    return _EXACT.minus(amount) if negative else amount


def stored(amount: Decimal) -> Decimal:
    """Return ``amount`` with 18 fractional digits, rounded half-even."""
    return amount.quantize(_QUANTUM, context=_EXACT)


def total(amounts: list[Decimal]) -> Decimal:
    """Return the exact sum."""
    result = ZERO
    for amount in amounts:
        result = _EXACT.add(result, amount)
    return result


def quotient(amount: Decimal | None, count: Decimal | int | None) -> Decimal | None:
    """Return amount / count rounded half-even to 12 digits; ``None`` where it is undefined."""
    if amount is None or count is None or count == 0:
        return None
    return _EXACT.divide(amount, Decimal(count)).quantize(_QUOTIENT, context=_EXACT)


def percent(part: Decimal | None, whole: Decimal | int | None) -> Decimal | None:
    """Return 100 x part / whole rounded half-even to 12 digits; ``None`` where it is undefined."""
    return None if part is None else quotient(_EXACT.multiply(part, Decimal(100)), whole)


def text(amount: Decimal | None) -> str | None:
    """Write an amount or quotient as JSON carries it: ``1234.50``, ``-0.0000016``, ``0.00``.

    Plain digits without exponent, trailing zeros cut after the second place, a minus only if the
    amount is not zero.
    """
    if amount is None:
        return None
    plain = format(_EXACT.abs(amount), "f")
    whole, _, fraction = plain.partition(".")
    fraction = fraction.rstrip("0").ljust(2, "0")
    sign = "-" if amount < 0 else ""
    return f"{sign}{whole}.{fraction}"
