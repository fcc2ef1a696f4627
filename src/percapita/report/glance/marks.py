"""What stands as marks on a chart of months: what happened, and what was decided, by day."""

from __future__ import annotations

from calendar import monthrange
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any, Final

from percapita.core.periods import local_day
from percapita.core.roles import Sight
from percapita.report.charts.line import Mark
from percapita.report.decisions.log import days
from percapita.report.opened import Opened
from percapita.store.read import events as read_events

KINDS: Final = ("incident", "deploy", "flag", "maintenance", "scale")
"""Kinds of event, those that stay first where there are too many to draw."""
DECISION: Final = "decision"
PAINTS: Final[Mapping[str, str]] = {DECISION: "c1", "deploy": "c3", "incident": "bad"}
"""Kind -> the class that colours its mark; all others are grey."""
_MOST: Final = 60


@dataclass(frozen=True, slots=True)
class Marked:
    """The marks of some months, oldest first, and how many there was no room for."""

    rows: list[dict[str, Any]]
    left: int

    def to_json(self) -> dict[str, Any]:
        """Return them as JSON carries them."""
        return {"marks": self.rows, "marks_left": self.left}


def marked(opened: Opened, months: Sequence[str], sight: Sight) -> Marked:
    """Gather the marks of months: one a day and kind, and each decision.

    Who may not see tenants sees no events, since these may name one; decisions are for who may see
    the books.
    """
    events = _events(opened, months) if sight.tenants else []
    decisions = _decisions(opened, months) if sight.people and sight.revenue else []
    events.sort(key=lambda row: row["on"], reverse=True)
    events.sort(key=lambda row: KINDS.index(row["kind"]))
    kept = [*decisions, *events[:_MOST]]
    return Marked(sorted(kept, key=lambda row: (row["on"], row["kind"])), len(events[_MOST:]))


def _events(opened: Opened, months: Sequence[str]) -> list[dict[str, Any]]:
    """Return a row a day and kind."""
    first, last = opened.period(months[0]), opened.period(months[-1])
    assert first is not None  # noqa: S101 a month is a period
    assert last is not None  # noqa: S101 likewise
    span = type(first.span)(first.span.start, last.span.end)
    found: dict[tuple[date, str], dict[str, Any]] = {}
    for one in read_events.quarters(opened.store, span, KINDS):
        on = local_day(one.first, opened.zone)
        if (row := found.get((on, one.kind))) is not None:
            row["count"] += one.events
        elif f"{on:%Y-%m}" in months:
            found[on, one.kind] = _row(on, one.kind, one.name, one.events)
    return list(found.values())


def _decisions(opened: Opened, months: Sequence[str]) -> list[dict[str, Any]]:
    first = date.fromisoformat(f"{months[0]}-01")
    year, month = map(int, months[-1].split("-"))
    found = days(opened, first, date(year, month, monthrange(year, month)[1]))
    return [
        {**_row(one.decided_on, DECISION, one.decision, 1), "page": f"/decisions#{one.name}"}
        for one in found
        if f"{one.decided_on:%Y-%m}" in months
    ]


def _row(on: date, kind: str, name: str, count: int) -> dict[str, Any]:
    return {"on": str(on), "kind": kind, "name": name, "count": count, "page": None}


def said(row: Mapping[str, Any]) -> str:
    """Return a mark in words."""
    more = f" and {row['count'] - 1:,} more" if row["count"] > 1 else ""
    return f"{row['on']} {row['kind']}: {row['name']}{more}"


def drawn(rows: Sequence[Mapping[str, Any]], months: Sequence[str]) -> list[Mark]:
    """Return the marks for a chart whose points stand in the middle of their months."""
    found = []
    for row in rows:
        on = date.fromisoformat(row["on"])
        through = (on.day - 0.5) / monthrange(on.year, on.month)[1]
        at = months.index(f"{on:%Y-%m}") + through - 0.5
        kind = row["kind"]
        found.append(
            Mark(at, said(row), PAINTS.get(kind, ""), row["page"] or "", below=kind == DECISION)
        )
    return found
