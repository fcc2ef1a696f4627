"""A decision, and later its effect or its end, written down: what was said is checked."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Final

from percapita.core.errors import InputError
from percapita.core.money import exact
from percapita.core.periods import local_day
from percapita.core.privacy import gives_away
from percapita.report.decisions.figure import in_basis, value
from percapita.report.numbers import MINUS
from percapita.report.opened import Opened
from percapita.store.decisions import (
    Decision,
    Decisions,
    Expected,
    FigureAsked,
    Observed,
    Withdrawn,
)

_MOST: Final = 2000
"""Characters of what is said."""
_DAY: Final = re.compile(r"\d{4}-\d{2}-\d{2}")


class SaidError(InputError):
    """Something that is to be said of a decision, and is not, or cannot be kept so."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of a decision, as it was typed."""

    decision: str
    metric: str
    period: str
    where: Sequence[str] = ()
    scope: str = ""
    unit: str = ""
    decided_by: str = ""
    """Whoever records it, unless said."""
    decided_on: str = ""
    """Today, unless said."""
    expected: str = ""
    change: str = ""
    """``-4500`` of the figure, or ``-20 %`` of it."""
    review_on: str = ""


def record(opened: Opened, said: Said, who: str) -> Decision:
    """Write a decision down with its figure as it is now.

    Raises:
        InputError: something is missing, or the figure cannot be read.
    """
    today = local_day(opened.now, opened.zone)
    decided = _day("the day of the decision", said.decided_on) or today
    if decided > today:
        raise SaidError(f"{decided} is yet to come: nothing was decided on it.")
    review = _day("the day of the review", said.review_on)
    if review is not None and review < decided:
        raise SaidError(f"The review, {review}, is before the decision, {decided}.")
    found = value(
        opened, said.metric, said.period, where=said.where, scope=said.scope, unit=said.unit
    )
    made = Decision(
        0, _text("what was decided", said.decision), decided,
        _text("who decided", said.decided_by or who, mail=True), found.asked, found.value,
        opened.model.currency, found.runs, _expected(said), review, opened.now, who,
    )  # fmt: skip
    return Decisions(opened.store.catalog).keep(made)


def observe(opened: Opened, name: str, period: str, who: str, *, note: str = "") -> Decision:
    """Write down what a decision's figure is in a later period, beside what it was before.

    Raises:
        UnknownDecisionError: no decision is called so.
        InputError: the period is none, is not later, or has no figures.
    """
    log = Decisions(opened.store.catalog)
    asked = log.one(name).figure
    opened = in_basis(opened, asked.basis)
    before, after = opened.period(asked.period), opened.period(period)
    if before is None or after is None or after.span.start < before.span.end:
        raise SaidError(
            f"{period or 'Nothing'} is not after {asked.period}, which {name} was decided on.",
            hint="Name a later period: the effect is the difference of the two.",
        )
    was, now = _again(opened, asked, asked.period), _again(opened, asked, period)
    seen = Observed(
        period, was[0], now[0], {**was[1], **now[1]},
        _text("the note", note) if note.strip() else "", opened.now, who,
    )  # fmt: skip
    log.observe(name, seen)
    return log.one(name)


def withdraw(opened: Opened, name: str, who: str, *, reason: str) -> Decision:
    """Write down that a decision does not hold any more, and why; it stays in the log.

    Raises:
        UnknownDecisionError: no decision is called so.
        WithdrawnError: it was withdrawn before.
        SaidError: no reason is given, or none that can be kept.
    """
    log = Decisions(opened.store.catalog)
    log.withdraw(name, Withdrawn(_text("why it is withdrawn", reason), opened.now, who))
    return log.one(name)


def _again(
    opened: Opened, asked: FigureAsked, period: str
) -> tuple[Decimal | None, Mapping[str, str]]:
    found = value(
        opened, asked.metric, period, where=asked.where, scope=asked.scope, unit=asked.unit
    )
    return found.value, found.runs


def _expected(said: Said) -> Expected:
    effect = _text("what is expected", said.expected) if said.expected.strip() else ""
    typed = said.change.strip().replace(MINUS, "-")
    if not typed:
        return Expected(effect)
    try:
        change = exact(typed.removesuffix("%"))
    except ValueError:
        raise SaidError(
            f"{said.change!r} is no change of a figure.", hint="Write -4500 or -20 %."
        ) from None
    percent = typed.endswith("%")
    return Expected(effect, None if percent else change, change if percent else None)


def _text(what: str, typed: str, *, mail: bool = False) -> str:
    """Return what was typed, if it can be kept: the log stays, and is read by others."""
    found = " ".join(typed.split())
    if not found:
        raise SaidError(f"Say {what}.")
    if len(found) > _MOST:
        raise SaidError(f"Say {what} in {_MOST:,} characters; it has {len(found):,}.")
    if any(unicodedata.category(letter) == "Cc" for letter in found):
        raise SaidError(f"A character in {what} cannot be kept.", hint="Type it anew.")
    if not mail and gives_away(found):
        raise SaidError(
            f"An address stands in {what}: the log would keep it for ever.",
            hint="Leave e-mail and IP addresses out; name a tenant, a tier or a team.",
        )
    return found


def _day(what: str, typed: str) -> date | None:
    written = typed.strip()
    if not written:
        return None
    with suppress(ValueError):
        if _DAY.fullmatch(written):
            return date.fromisoformat(written)
    raise SaidError(f"{typed!r} is not {what}.", hint="Write 2025-11-30.")
