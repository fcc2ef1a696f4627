"""Products and quotients of decimals as SQL, exactly: in whole numbers, never in doubles.

The engine rounds a product of two money columns and divides them as doubles. Here an amount is a
whole number of 10^-18 (a grain); what is multiplied or divided stays a 128-bit integer.
"""

from __future__ import annotations

from typing import Final

from percapita.core.money import PLACES, QUOTIENT_PLACES

_UNIT: Final = 10**PLACES
"""Grains in one, and the bound of what a money column holds."""
_WHOLE: Final = "HUGEINT"


def grains(amount: str) -> str:
    """Return an amount (DECIMAL with 18 digits) as a whole number of grains, with its sign."""
    return f"CAST(replace(CAST({amount} AS VARCHAR), '.', '') AS {_WHOLE})"


def _size(amount: str) -> str:
    return f"abs({grains(amount)})"


def product(first: str, second: str) -> str:
    """Return the product of two amounts of 0 or more in grains, what is below one cut off.

    Null where a money column could not hold it.
    """
    a1, a0 = f"({_size(first)} // {_UNIT})", f"({_size(first)} % {_UNIT})"
    b1, b0 = f"({_size(second)} // {_UNIT})", f"({_size(second)} % {_UNIT})"
    whole = f"{a1} * {b1} * {_UNIT} + {a1} * {b0} + {a0} * {b1} + {a0} * {b0} // {_UNIT}"
    return f"CASE WHEN {a1} * {b1} < {_UNIT} THEN {whole} END"


def above(amount: str, price: str, quantity: str) -> str:
    """Return whether an amount is more than price x quantity, for a quantity of 0 or more."""
    whole, size = f"coalesce({product(price, quantity)}, {_UNIT**2})", grains(amount)
    less = f"-{size} < {whole} OR (-{size} = {whole} AND {_is_cut(price, quantity)})"
    return f"CASE WHEN {price} >= 0 THEN {size} > {whole} WHEN {price} < 0 THEN {less} END"


def below(amount: str, price: str, quantity: str) -> str:
    """Return whether an amount is less than price x quantity, for a quantity of 0 or more."""
    return above(f"(-{amount})", f"(-{price})", quantity)


def _is_cut(first: str, second: str) -> str:
    """Return whether ``product`` cut something off."""
    return f"(({_size(first)} % {_UNIT}) * ({_size(second)} % {_UNIT}) % {_UNIT} <> 0)"


def quotient(amount: str, count: str) -> str:
    """Return amount / count rounded half-even to 12 digits, as ``money.quotient`` does.

    Null where it is undefined, or a money column could not hold it.
    """
    over, under = _size(amount), _size(count)
    quick = _divided(over, under, QUOTIENT_PLACES)
    found = f"CASE WHEN {under} < {_QUICK} THEN {quick} ELSE {_divided(over, under, 2)} END"
    sign = f"CASE WHEN ({amount} < 0) <> ({count} < 0) THEN -1 ELSE 1 END"
    fits = f"{count} <> 0 AND {over} // {under} < {_UNIT}"
    return f"CASE WHEN {fits} THEN CAST({sign} * {found} AS DECIMAL(36,18)) END"


_QUICK: Final = 10 ** (38 - QUOTIENT_PLACES)
"""A remainder below this can take all digits of a quotient at once."""


def _divided(over: str, under: str, digits: int) -> str:
    """Return a quotient by long division, so many digits at a time."""
    found, rest = f"{over} // {under}", f"{over} % {under}"
    for _ in range(QUOTIENT_PLACES // digits):
        next_digits = f"({rest}) * {10**digits} // {under}"
        found, rest = (
            f"({found}) * {10**digits} + {next_digits}",
            f"({rest}) * {10**digits} % {under}",
        )
    up = f"2 * ({rest}) > {under} OR (2 * ({rest}) = {under} AND ({found}) % 2 = 1)"
    rounded = f"({found} + CASE WHEN {up} THEN 1 ELSE 0 END)"
    size = 10**QUOTIENT_PLACES
    step = f"CAST({rounded} % {size} AS BIGINT) * CAST('{1 / size:.12f}' AS DECIMAL(13,12))"
    return f"(CAST({rounded} // {size} AS DECIMAL(36,18)) + CAST({step} AS DECIMAL(36,18)))"
