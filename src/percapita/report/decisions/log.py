"""The log as it is read: each figure as it was then and is now, and what came of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from decimal import Decimal
from typing import Any, Final, Literal

from percapita.core.errors import PercapitaError
from percapita.core.money import percent, text, total
from percapita.core.periods import local_day
from percapita.report.decisions import figure
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.store.decisions import Decision, Decisions, FigureAsked, Observed

Status = Literal["open", "review due", "observed", "withdrawn"]
COLUMNS: Final = (
    "decision", "decided_on", "decided_by", "said", "metric", "period", "basis", "scope", "unit",
    "where", "then", "now", "currency", "expected", "expected_change", "expected_change_percent",
    "review_on", "status", "observed_in", "before", "after", "change", "change_percent",
    "withdrawn_at", "withdrawn_by", "withdrawn_because",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Entry:
    """A decision, and how its figure stands now."""

    decision: Decision
    now: Decimal | None
    runs: Mapping[str, str]
    """That ``now`` is read from."""
    gone: str
    """Why there is no figure any more; empty where there is."""
    status: Status

    @property
    def restated(self) -> bool:
        """The figure is another by now."""
        return bool(self.gone) or self.now != self.decision.value


def log(opened: Opened, names: Sequence[str] = ()) -> list[Entry]:
    """Return the decisions, the newest first, or those that are named.

    Raises:
        UnknownDecisionError: one that is named is none.
    """
    kept = Decisions(opened.store.catalog)
    found = [kept.one(name) for name in names] if names else list(reversed(kept.all()))
    today = local_day(opened.now, opened.zone)
    known: dict[FigureAsked, tuple[Decimal | None, Mapping[str, str], str]] = {}
    entries = []
    for one in found:
        if one.figure not in known:
            known[one.figure] = _now(opened, one.figure)
        entries.append(Entry(one, *known[one.figure], _status(one, today)))
    return entries


def _status(one: Decision, today: date) -> Status:
    if one.withdrawn is not None:
        return "withdrawn"
    if one.observed:
        return "observed"
    return "review due" if one.review_on is not None and one.review_on <= today else "open"


def _now(opened: Opened, asked: FigureAsked) -> tuple[Decimal | None, Mapping[str, str], str]:
    """Return a figure as it is now and the runs of it, or why there is none any more."""
    try:
        found = figure.value(
            figure.in_basis(opened, asked.basis), asked.metric, asked.period, where=asked.where,
            scope=asked.scope, unit=asked.unit,
        )  # fmt: skip
    except PercapitaError as error:
        return None, {}, error.message
    return found.value, found.runs, ""


def days(opened: Opened, first: date, last: date) -> list[Decision]:
    """Return what was decided between two days, both included, and holds, oldest first."""
    kept = [one for one in Decisions(opened.store.catalog).all() if one.withdrawn is None]
    found = [one for one in kept if first <= one.decided_on <= last]
    return sorted(found, key=lambda one: (one.decided_on, one.number))


def to_json(opened: Opened, found: Sequence[Entry]) -> dict[str, Any]:
    """Return the log as JSON carries it."""
    return {
        "meta": {"as_of": instant(opened.now), "timezone": str(opened.zone)},
        "decisions": [entry_json(one) for one in found],
    }


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return one decision as JSON carries it."""
    one, asked = entry.decision, entry.decision.figure
    then = sorted(set(one.runs.values()))
    expected = one.expected
    return {
        "id": one.name, "decision": one.decision, "decided_on": str(one.decided_on),
        "decided_by": one.decided_by, "status": entry.status,
        "figure": {
            **figure_json(asked), "currency": one.currency, "page": figure.page(asked),
        },
        "then": {
            "value": text(one.value), "runs": dict(one.runs),
            "page": figure.page(asked, then[0]) if len(then) == 1 else None,
        },
        "now": {"value": text(entry.now), "runs": dict(entry.runs), "gone": entry.gone or None},
        "restated": entry.restated,
        "expected": {
            "effect": expected.effect or None, "change": text(expected.change),
            "change_percent": text(expected.change_percent),
        },
        "review_on": str(one.review_on) if one.review_on else None,
        "observed": [_observed_json(one, seen) for seen in one.observed],
        "withdrawn": one.withdrawn and {
            "reason": one.withdrawn.reason, "at": instant(one.withdrawn.at),
            "by": one.withdrawn.who,
        },
        "recorded_at": instant(one.recorded_at), "recorded_by": one.recorded_by,
    }  # fmt: skip


def figure_json(asked: FigureAsked) -> dict[str, Any]:
    """Return which figure it is as JSON carries it."""
    return {
        "metric": asked.metric, "title": figure.title(asked.metric),
        "kind": figure.kind(asked.metric), "period": asked.period, "basis": asked.basis,
        "scope": asked.scope, "unit": asked.unit, "where": list(asked.where),
    }  # fmt: skip


def _observed_json(one: Decision, seen: Observed) -> dict[str, Any]:
    change, share = changed(seen)
    return {
        "period": seen.period, "before": text(seen.before), "after": text(seen.after),
        "change": text(change), "change_percent": text(share), "reached": reached(one, seen),
        "runs": dict(seen.runs), "note": seen.note or None,
        "page": figure.page(_in(one.figure, seen.period)),
        "recorded_at": instant(seen.recorded_at), "recorded_by": seen.recorded_by,
    }  # fmt: skip


def _in(asked: FigureAsked, period: str) -> FigureAsked:
    return FigureAsked(asked.metric, period, asked.basis, asked.scope, asked.unit, asked.where)


def changed(seen: Observed) -> tuple[Decimal | None, Decimal | None]:
    """Return what the figure changed by, and in percent of what it was."""
    if seen.before is None or seen.after is None:
        return None, None
    change = total([seen.after, -seen.before])
    return change, percent(change, seen.before.copy_abs())


def reached(one: Decision, seen: Observed) -> bool | None:
    """Tell whether the figure changed by what was expected; ``None`` where nobody can say."""
    change, share = changed(seen)
    wanted, got = one.expected.change, change
    if one.expected.change_percent is not None:
        wanted, got = one.expected.change_percent, share
    if wanted is None or got is None:
        return None
    return got <= wanted if wanted < 0 else got >= wanted


def flat(found: Sequence[Entry]) -> list[list[Any]]:
    """Return a row a decision and observation, under ``COLUMNS``."""
    rows = []
    for entry in found:
        one, asked = entry.decision, entry.decision.figure
        kept = [
            one.name, str(one.decided_on), one.decided_by, one.decision, asked.metric,
            asked.period, asked.basis, asked.scope, asked.unit, "; ".join(asked.where), one.value,
            entry.now, one.currency, one.expected.effect or None, one.expected.change,
            one.expected.change_percent, str(one.review_on) if one.review_on else None,
            entry.status,
        ]  # fmt: skip
        gone = one.withdrawn
        ended = [instant(gone.at), gone.who, gone.reason] if gone else [None] * 3
        effects = [
            [seen.period, seen.before, seen.after, *changed(seen)] for seen in one.observed
        ] or [[None] * 5]
        rows += [[*kept, *effect, *ended] for effect in effects]
    return rows
