"""How many units a figure is divided by: given head counts first, else what was observed.

Distinct counts do not add over time: each window of the unit counts anew, and a period of several
windows has their sum (user-days, user-months). Nor do they add over segments: the overlap is a
number of its own.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Final, NamedTuple

from percapita.measure.question import Dimension, Question

Key = tuple[str | None, ...]
"""Values of the question's ``unit_dimensions``."""


class Observed(NamedTuple):
    """Units that were observed, over the windows of the unit."""

    rows: Mapping[Key, int]
    total: int
    known: bool = False
    """A total of zero was seen: usage was measured, and none of it was a unit's."""


class Given(NamedTuple):
    """A head count that was given, for the days from ``start`` up to ``end``."""

    attribute: str
    """Segment that was counted, ``tenant``, or empty for everyone."""
    value: str
    start: date
    end: date
    heads: int


@dataclass(frozen=True, slots=True)
class Units:
    """Units of the rows and of all; ``None`` where they are not known."""

    rows: Mapping[Key, int]
    total: int | None
    overlap: int | None
    given: bool
    notes: tuple[str, ...] = ()


class Days(NamedTuple):
    """Local days, the last one not included."""

    first: date
    last: date


_EVERYONE: Final = ""


def units(
    question: Question,
    days: Days,
    buckets: Mapping[str, Days],
    *,
    observed: Observed | None,
    given: Sequence[Given],
) -> Units:
    """Count the units of a question.

    ``buckets`` are the finest pieces of time that the question cuts by, each with its days; empty
    where it does not cut by time.
    """
    usable = _usable(question, given)
    whole = _counted(usable, days, _attribute(question))
    if whole is None:
        return _observed(question, observed, dropped=bool(given))
    notes = ["Units are the head counts that were given."]
    rows = _given_rows(question, usable, days, buckets)
    if rows is None:
        rows = dict(observed.rows) if observed else {}
        seen = "; they are divided by observed units" if rows else ""
        notes.append(f"Head counts do not tell the rows apart{seen}.")
        return Units(rows, whole, None, given=True, notes=tuple(notes))
    if observed is not None and observed.total not in (0, whole):
        notes.append(f"{observed.total:,} units were observed, {whole:,} were given.")
    overlap = sum(rows.values()) - whole if rows and question.unit_dimensions else 0
    return Units(rows, whole, overlap, given=True, notes=tuple(notes))


def _observed(question: Question, observed: Observed | None, *, dropped: bool) -> Units:
    notes = ("Head counts that were given do not fit the question.",) if dropped else ()
    if observed is None or not (observed.total or observed.known):
        return Units({}, None, None, given=False, notes=notes)
    everyone: Mapping[Key, int] = {(): observed.total} if observed.total else {}
    rows = observed.rows if question.unit_dimensions else everyone
    overlap = sum(rows.values()) - observed.total
    return Units(rows, observed.total, overlap, given=False, notes=notes)


def _receivers(question: Question) -> list[Dimension]:
    return [at for at in question.unit_dimensions if at.place != "time"]


def _attribute(question: Question) -> str:
    receivers = _receivers(question)
    return receivers[0].source if receivers else _EVERYONE


def _usable(question: Question, given: Iterable[Given]) -> list[Given]:
    """Return the head counts that the filters let through; none where they cannot tell."""
    filters = {at.source: value for at, value in question.where if at.of_receiver}
    if any(at.place == "time" for at, _ in question.where) or len(filters) > 1:
        return []
    if not filters:
        return list(given)
    ((name, value),) = filters.items()
    return [item for item in given if item.attribute == name and item.value == value]


def _counted(given: Sequence[Given], days: Days, preferred: str) -> int | None:
    """Count everyone in some days: as given for everyone, else the sum over one attribute."""
    everyone = _in(_of(given, _EVERYONE), days)
    if everyone is not None:
        return everyone
    names = dict.fromkeys((preferred, *sorted({item.attribute for item in given})))
    for name in names:
        values = {item.value for item in given if item.attribute == name}
        counts = [_in(_of(given, name, value), days) for value in sorted(values)]
        known = [count for count in counts if count is not None]
        if known:
            return sum(known)
    return None


def _of(given: Iterable[Given], attribute: str, value: str = "") -> list[Given]:
    return [item for item in given if item.attribute == attribute and item.value == value]


def _in(given: Sequence[Given], days: Days) -> int | None:
    """Sum the counts of spans inside the days; where none is, take the one that covers them."""
    inside = [item for item in given if days.first <= item.start and item.end <= days.last]
    if inside:
        return sum(item.heads for item in inside)
    covering = [item for item in given if item.start <= days.first and days.last <= item.end]
    return min(covering, key=lambda item: item.end - item.start).heads if covering else None


def _given_rows(
    question: Question, given: Sequence[Given], days: Days, buckets: Mapping[str, Days]
) -> dict[Key, int] | None:
    """Return the rows' counts; ``None`` where head counts cannot tell the rows apart."""
    receivers = _receivers(question)
    names = {item.attribute for item in given}
    if len(receivers) > 1 or (receivers and receivers[0].source not in names):
        return None
    attribute = receivers[0].source if receivers else _EVERYONE
    values = sorted({item.value for item in given if item.attribute == attribute})
    rows: dict[Key, int] = {}
    for label, span in (buckets or {"": days}).items():
        for value in values if receivers else [_EVERYONE]:
            of_row = _of(given, attribute, value) if receivers else given
            count = _in(of_row, span) if receivers else _counted(of_row, span, attribute)
            if count is not None:
                rows[_key(question, label, value)] = count
    return rows


def _key(question: Question, label: str, value: str) -> Key:
    """``label`` is a day where days are asked for, so that its month can be read from it."""
    when = {"day": label, "month": label[:7]}
    return tuple(
        when[at.source] if at.place == "time" else value for at in question.unit_dimensions
    )
