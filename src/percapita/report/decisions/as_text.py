"""The decisions log for the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from percapita.report import numbers
from percapita.report.decisions import figure, log
from percapita.report.decisions.log import Entry
from percapita.report.table import Column, Page
from percapita.store.decisions import Decision, Expected, Observed, Withdrawn


def show(page: Page, found: Sequence[Entry]) -> None:
    """Print a line a decision."""
    if not found:
        page.line("Nothing was decided yet. Write it down: percapita decision record --help")
        return
    rows = [(one, one.decision) for one in found]
    page.table(
        [
            Column("", [one.name for _, one in rows], number=False),
            Column("decided", [str(one.decided_on) for _, one in rows], number=False),
            Column("by", [one.decided_by for _, one in rows], number=False, rank=2),
            Column("decision", [one.decision for _, one in rows], number=False),
            Column("on", [figure.described(one.figure) for _, one in rows], number=False, rank=1),
            Column("then", [figure.said(one.figure.metric, one.value) for _, one in rows]),
            Column("now", [_now(entry) for entry, _ in rows]),
            Column("state", [entry.status for entry, _ in rows], number=False),
        ]
    )


def _now(entry: Entry) -> str:
    if entry.gone:
        return "gone"
    return figure.said(entry.decision.figure.metric, entry.now) if entry.restated else "as then"


def show_one(page: Page, entry: Entry) -> None:
    """Print all that is known of one decision."""
    one = entry.decision
    page.line(f"{one.name}  {one.decision}", "bold")
    page.line(f"Decided on {one.decided_on} by {one.decided_by}; recorded by {one.recorded_by}.")
    page.line(f"On: {figure.described(one.figure)}, {one.figure.basis} cost, {_unit(one)}")
    page.line(f"Was {figure.said(one.figure.metric, one.value)} then, {_standing(entry)}")
    page.line(f"Page: {figure.page(one.figure)}")
    if told := expected(one.expected, one.figure.metric):
        page.line(f"Expected: {told}")
    if one.review_on:
        page.line(f"Review on {one.review_on}: {entry.status}.")
    for seen in one.observed:
        page.line(f"Observed in {seen.period}: {observed(one, seen)}")
    if one.withdrawn is not None:
        page.line(f"Withdrawn {withdrawn(one.withdrawn)}")


def _unit(one: Decision) -> str:
    runs = ", ".join(sorted(set(one.runs.values())))
    return f"per {one.figure.unit}, {one.currency}, run {runs}."


def _standing(entry: Entry) -> str:
    if entry.gone:
        return f"cannot be read now: {entry.gone}"
    if not entry.restated:
        return "is the same now."
    return f"is {figure.said(entry.decision.figure.metric, entry.now)} now: restated."


def expected(found: Expected, metric: str) -> str:
    """Return what a decision is to bring, in words."""
    change = ""
    if found.change_percent is not None:
        change = f"{_signed(numbers.share(found.change_percent), found.change_percent)} %"
    elif found.change is not None:
        change = _signed(figure.said(metric, found.change), found.change)
    return "; ".join(part for part in (found.effect, change) if part)


def observed(one: Decision, seen: Observed) -> str:
    """Return what came of a decision, in words."""
    metric = one.figure.metric
    change, share = log.changed(seen)
    told = f"{figure.said(metric, seen.before)} → {figure.said(metric, seen.after)}"
    if change is not None and share is not None:
        told += f", {_signed(figure.said(metric, change), change)}"
        told += f" ({_signed(numbers.share(share), share)} %)"
    verdict = {True: ", as expected", False: ", short of what was expected", None: ""}
    note = f". {seen.note}" if seen.note else ""
    return f"{told}{verdict[log.reached(one, seen)]}{note}"


def withdrawn(how: Withdrawn) -> str:
    """Return in words when, by whom and why a decision was withdrawn."""
    return f"on {how.at:%Y-%m-%d} by {how.who}: {how.reason}"


def _signed(written: str, value: Decimal) -> str:
    return f"+{written}" if value > 0 else written
