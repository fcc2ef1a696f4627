"""The typing rules of bills: what a cell's text means. One cell, one value or one reason.

Every rule is a function of text; ``typed.py`` applies them to whole columns.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

from percapita.bills.cells import PART, RULE, TERM
from percapita.bills.files.literals import loads, written
from percapita.core import money, periods

PLAIN = r"-?[0-9]{1,17}(\.[0-9]{1,18})?"
"""Amounts that the engine reads by itself, exactly; all other texts are read by ``amount``."""
WHOLE = r"-?[0-9]{1,17}"
"""Likewise in files that write decimals after a comma, where a dot parts thousands."""

_DEEPEST = 100
"""Fractional digits up to which sums are exact."""
_PLAINER = str.maketrans({"\u2212": "-", "\u00a0": " ", "\u202f": " "})
_COMMA = re.compile(r"[+-]?\d{1,3}(\.\d{3})+,\d*|[+-]?\d+,(\d{1,2}|\d{4,})|[+-]?0,\d+")
_DOT_GROUPS = re.compile(r"\d{1,3}(\.\d{3})+(,\d*)?")
_EITHER = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}")

EARLIEST, LATEST = 1990, 2200
"""Years that a date can mean, the second exclusive."""
_MONTH = re.compile(r"(\d{4})[-/]?(\d{2})")
_DAY = re.compile(r"(\d{4})[-/]?(\d{2})[-/]?(\d{2})")
_SLASHED = re.compile(r"(\d{1,2})/(\d{1,2})/(\d{4}|\d{2})(?:,?[ T]+(\S.*))?")
_DOTTED = re.compile(r"(\d{1,2})\.(\d{1,2})\.(\d{4})(?: +(\S.*))?")
_OFFSET = re.compile(r"(.*\d) +([+-]\d{2}:?\d{2})")
_CLOCKS = ("%H:%M:%S", "%H:%M", "%I:%M:%S %p", "%I:%M %p")
_NAMED = ("%d-%b-%Y", "%d %b %Y", "%b %d, %Y", "%d %B %Y", "%B %d, %Y")
_NAMED_MONTH = ("%b %Y", "%B %Y", "%b-%Y")


@dataclass(frozen=True, slots=True)
class Moment:
    """What a date's text names."""

    at: datetime
    """Its first instant, UTC; texts without an offset are UTC."""
    until: datetime
    """The end of what is named: of the month, the day, or the hour from an instant on."""
    month: str
    """Month as written, ``2025-10``."""


def decimal_comma(texts: Collection[str]) -> bool:
    """Tell whether a file's amounts have a comma before their decimals.

    True if at least one amount can be read no other way and none contradicts.
    """
    bodies = [text.translate(_PLAINER).strip(" $€£¥()") for text in texts]
    return any(map(_COMMA.fullmatch, bodies)) and not any("," in b and "." in b[b.rfind(",") :]
                                                          for b in bodies)  # fmt: skip


def ambiguous(text: str) -> bool:
    """Tell whether an amount reads as thousands or as decimals, ``12,345``."""
    return bool(_EITHER.fullmatch(text.strip()))


def amount(text: str, *, comma: bool = False) -> Decimal:
    """Return the exact amount that a cell writes.

    Args:
        text: the cell, or the terms of a total (``cells.TERM``).
        comma: the file writes decimals after a comma.

    Raises:
        ValueError: it is not a number, or none that fits.
    """
    if TERM in text:
        return _total(text, comma=comma)
    body = text.translate(_PLAINER).strip().rstrip("$€£¥ ")
    if comma:
        body = _dotted(text, body)
    value = money.exact(body)
    exponent = value.as_tuple().exponent
    if isinstance(exponent, int) and exponent < -_DEEPEST:
        raise ValueError(f"{text!r} has more than {_DEEPEST} fractional digits")
    return value


def _total(text: str, *, comma: bool) -> Decimal:
    total = money.ZERO
    for term in text.split(TERM)[1:]:
        value = amount(term[1:], comma=comma)
        total = total - value if term[0] == "-" else total + value
    return total


def _dotted(text: str, body: str) -> str:
    if "." in body and not _DOT_GROUPS.fullmatch(body.strip("-+()$€£¥ ")):
        raise ValueError(f"{text!r} is not a number in a file that writes decimals after a comma")
    return body.replace(".", "").replace(",", ".")


def day_first(texts: Collection[str]) -> bool:
    """Tell whether dates such as ``4/1/25`` start with the day.

    The month comes first unless one of the file's dates can only be read with the day first.
    """
    found = [match for text in texts if (match := _SLASHED.fullmatch(text.strip()))]
    month_proven = any(int(match[2]) > 12 for match in found)  # noqa: PLR2004 months
    return not month_proven and any(int(match[1]) > 12 for match in found)  # noqa: PLR2004


def slashed(texts: Collection[str]) -> bool:
    """Tell whether some dates are written such as ``4/1/25``."""
    return any(_SLASHED.fullmatch(text.strip()) for text in texts)


def moment(text: str, *, day_before_month: bool = False) -> Moment:
    """Return what a date's text names.

    Args:
        text: the cell.
        day_before_month: how ``4/1/25`` is read.

    Raises:
        ValueError: it is no date.
    """
    body = text.strip().removesuffix(" UTC").strip()
    if match := _MONTH.fullmatch(body):
        return _month(int(match[1]), int(match[2]))
    if match := _DAY.fullmatch(body):
        return _day(date(int(match[1]), int(match[2]), int(match[3])))
    if match := _SLASHED.fullmatch(body):
        first, second = (2, 1) if day_before_month else (1, 2)
        return _written(match[3], match[first], match[second], match[4])
    if match := _DOTTED.fullmatch(body):
        return _written(match[3], match[2], match[1], match[4])
    if body[:1].isalpha() or body[-4:].isdigit():
        try:
            return _spelled(body)
        except ValueError:
            pass
    if match := _OFFSET.fullmatch(body):
        body = match[1] + match[2]
    if body[4:5] == "/":
        body = body.replace("/", "-")
    return _instant(datetime.fromisoformat(body))


def _month(year: int, number: int) -> Moment:
    first = date(year, number, 1)
    return _bounded(first, periods.next_month(first))


def _day(day: date) -> Moment:
    return _bounded(day, day + timedelta(days=1))


def _bounded(first: date, end: date) -> Moment:
    _check(first.year)
    at = datetime(first.year, first.month, first.day, tzinfo=UTC)
    until = datetime(end.year, end.month, end.day, tzinfo=UTC)
    return Moment(at, until, periods.month_label(first))


def _instant(when: datetime) -> Moment:
    _check(when.year)
    at = when.replace(tzinfo=UTC) if when.tzinfo is None else when.astimezone(UTC)
    return Moment(at, at + timedelta(hours=1), periods.month_label(when.date()))


def _check(year: int) -> None:
    if not EARLIEST <= year < LATEST:
        raise ValueError(f"the year {year} can't be meant")


def _written(year: str, month: str, day: str, clock: str | None) -> Moment:
    century = 2000 if len(year) == 2 else 0  # noqa: PLR2004 digits
    when = date(century + int(year), int(month), int(day))
    return _instant(datetime.combine(when, _clock(clock).time())) if clock else _day(when)


def _clock(text: str) -> datetime:
    for form in _CLOCKS:
        try:
            return datetime.strptime(text.upper(), form)  # noqa: DTZ007 only the time is used
        except ValueError:
            continue
    raise ValueError(f"{text!r} is not a time")


def _spelled(text: str) -> Moment:
    for form in (*_NAMED, *_NAMED_MONTH):
        try:
            day = datetime.strptime(text, form).date()  # noqa: DTZ007 only the day is used
        except ValueError:
            continue
        return _month(day.year, day.month) if form in _NAMED_MONTH else _day(day)
    raise ValueError(f"{text!r} is not a date")


def tags(text: str) -> dict[str, str]:
    """Return the tags that a cell writes, in order of key; keys and values as written.

    Takes a JSON object, the same without its braces, a list of key and value pairs, and the
    single-quoted form that Python prints. ``true`` is the text ``true``; nested values stay JSON
    text; a key with the value null is not there.

    Raises:
        ValueError: it is none of these.
    """
    if text.startswith(TERM):
        return _gathered(text)
    body = text.strip()
    if body.startswith('"'):
        body = "{" + body + "}"
    raw = loads(body)
    if isinstance(raw, list):
        raw = {_picked(item, "key"): _picked(item, "value") for item in raw}
    if not isinstance(raw, dict):
        raise ValueError(f"{text!r} is not an object of tags")  # noqa: TRY004 callers expect one
    return {str(key): _scalar(raw[key]) for key in sorted(raw, key=str) if raw[key] is not None}


def _gathered(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for term in text.split(TERM)[1:]:
        rule, _, body = term.partition(RULE)
        *without, before = rule.split(PART)
        for key, value in tags(body).items():
            cut = next((start for start in without if key.startswith(start)), "")
            found[before + key.removeprefix(cut)] = value
    return dict(sorted(found.items()))


def _picked(item: object, name: str) -> Any:  # noqa: ANN401
    if isinstance(item, dict):
        for key, value in item.items():
            if str(key).lower() == name:
                return value
    raise ValueError(f"{item!r} is not a key and its value")


def _scalar(value: object) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, dict | list | tuple):
        return written(value)
    return str(value)
