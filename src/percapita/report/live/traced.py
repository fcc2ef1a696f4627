"""Traces as text and as tables: a list of them, and the spans of one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

from percapita.report.numbers import amount
from percapita.report.table import Column, Page

LIST: Final = (
    "trace", "begun", "chosen", "service", "operation", "subject_kind", "subject", "seconds",
    "spans", "failed", "cost",
)  # fmt: skip
SPANS: Final = (
    "span", "parent", "depth", "service", "name", "kind", "after_seconds", "seconds", "failed",
    "meters", "cost",
)  # fmt: skip
_FEWEST, _FINEST, _TOLD = 2, 12, 2
_ID: Final = 12
"""Digits of an id that a table shows; they name a trace well enough."""


def list_rows(data: Mapping[str, Any]) -> list[list[Any]]:
    """Return a row a trace, in the order of ``LIST``."""
    return [
        [one["subject"]["kind"] if name == "subject_kind" else
         one["subject"]["name"] if name == "subject" else one[name] for name in LIST]
        for one in data["traces"]
    ]  # fmt: skip


def span_rows(data: Mapping[str, Any]) -> list[list[Any]]:
    """Return a row a span, in the order of ``SPANS``."""
    return [
        [metered(one) if name == "meters" else one[name] for name in SPANS] for one in data["rows"]
    ]


def metered(span: Mapping[str, Any]) -> str:
    """Return what a span was counted as."""
    told = (f"{one['meter']} {one['quantity']}" for one in span["meters"])
    return ", ".join(told) or "counted by no meter"


def whose(subject: Mapping[str, Any]) -> str:
    """Return how a table calls whose a trace is."""
    if subject["name"]:
        return str(subject["name"])
    return f"a {subject['kind']}" if subject["kind"] else "nobody"


def show_list(page: Page, data: Mapping[str, Any]) -> None:
    """Print a list of traces."""
    shown = data["traces"]
    if not shown:
        page.line("No traces are kept.")
        page.line("percapita serve receives spans; a sample of the last 24 hours is shown here.")
        return
    costs = [_decimal(one["cost"]) for one in shown]
    places = digits(shown)
    columns = [
        Column("Trace", [one["trace"][:_ID] for one in shown], number=False),
        Column("Begun, UTC", [one["begun"][11:19] for one in shown], number=False, rank=1),
        Column("Operation", [one["operation"] or "" for one in shown], number=False),
        Column("Service", [one["service"] or "" for one in shown], number=False, rank=2),
        Column("Subject", [whose(one["subject"]) for one in shown], number=False, rank=3),
        Column("Seconds", [amount(Decimal(one["seconds"]), 3) for one in shown]),
        Column("Spans", [f"{one['spans']:,}" for one in shown]),
        Column("Failed", [f"{one['failed']:,}" for one in shown]),
        Column(_title(data), [amount(cost, places) for cost in costs]),
    ]
    page.table(columns)
    if data["total"] > len(shown):
        page.line(f"{data['total'] - len(shown):,} more: --top {data['total']}, or --sort.")
    _notes(page, data)


def show_trace(page: Page, data: Mapping[str, Any]) -> None:
    """Print one trace."""
    rows = data["rows"]
    costs = [_decimal(one["cost"]) for one in rows]
    whole = _decimal(data["cost"])
    places = digits(rows)
    page.line(f"Trace {data['trace']}, {data['begun'][:19].replace('T', ' ')} UTC")
    page.line(f"{data['operation']}, {whose(data['subject'])}, {data['seconds']} s")
    page.line()
    columns = [
        Column("Span", [*(f"{'  ' * min(one['depth'], 8)}{one['name']}" for one in rows), "total"],
               number=False),
        Column("Service", [*(one["service"] or "" for one in rows), ""], number=False, rank=1),
        Column("Kind", [*(one["kind"] for one in rows), ""], number=False, rank=3),
        Column("After s", [*(amount(Decimal(one["after_seconds"]), 3) for one in rows), ""],
               rank=2),
        Column("Seconds", [*(amount(Decimal(one["seconds"]), 3) for one in rows), ""]),
        Column("Failed", [*("failed" if one["failed"] else "" for one in rows), ""],
               number=False),
        Column("Meters", [*(metered(one) for one in rows), ""], number=False, rank=4),
        Column(_title(data), [*(amount(cost, places) for cost in costs), amount(whole, places)]),
    ]  # fmt: skip
    page.table(columns, totals=True)
    _notes(page, data)


def _title(data: Mapping[str, Any]) -> str:
    return f"Cost {data['meta']['currency'] or ''}".strip()


def digits(rows: Sequence[Mapping[str, Any]]) -> int:
    """Return how many decimal places costs are shown with: two digits of the smallest tell it."""
    costs = [cost for one in rows if (cost := _decimal(one["cost"]))]
    needed = (_TOLD - 1 - cost.adjusted() for cost in costs)
    return min(max(_FEWEST, *needed), _FINEST) if costs else _FEWEST


def _decimal(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


def _notes(page: Page, data: Mapping[str, Any]) -> None:
    for note in data["meta"]["notes"]:
        page.line(f"Note: {note}")
