"""A figure that something is decided on: the question, its value, and the page that shows it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final
from urllib.parse import urlencode

from percapita.core.errors import InputError, nearest
from percapita.core.periods import months
from percapita.core.subjects import SESSION, USER
from percapita.measure.figures import Figures
from percapita.measure.question import FULL, Question, ask
from percapita.report.cost.answer import answer
from percapita.report.metrics.listed import METRICS, Kind
from percapita.report.metrics.view import written
from percapita.report.opened import Opened, open_figures
from percapita.store.decisions import FigureAsked

Read = Callable[[Figures], Decimal | int | None]


def _total(name: str) -> Read:
    return lambda found: getattr(found.totals, name)


def _cost(name: str) -> Read:
    return lambda found: getattr(found.totals.cost, name)


_READ: Final[Mapping[str, Read]] = {
    **{name: _total(name) for name in ("cost_per_unit", "units")},
    **{name: _cost(name) for name in ("total", "direct", "shared", "overhead")},
    **{
        name: _total(name)
        for name in (
            "revenue", "revenue_per_unit", "margin", "margin_per_unit", "margin_percent"
        )
    },
    "bill_total": lambda found: found.bill_total,
}  # fmt: skip
_METRICS: Final = {one.name: one for one in METRICS if one.name in _READ}
NAMES: Final = tuple(_READ)
"""Metrics that decisions can be on: each can be asked of a part of the bill."""


class NoFigureError(InputError):
    """A metric that no decision can be on."""

    def __init__(self, name: str) -> None:
        super().__init__(f"{name!r} is no figure to decide on.", hint=nearest(name, NAMES))


class OfOnePersonError(InputError):
    """A figure of one person: the log would name them for ever."""

    def __init__(self) -> None:
        super().__init__(
            "The figure of one person is nothing to decide on.",
            hint="Take a tenant, a segment or a pool.",
        )


@dataclass(frozen=True, slots=True)
class Valued:
    """A figure as it was read."""

    asked: FigureAsked
    value: Decimal | None
    runs: Mapping[str, str]
    """Month -> run."""


def title(metric: str) -> str:
    """Return what a figure is called."""
    return _METRICS[metric].title


def kind(metric: str) -> Kind:
    """Return what sort of number a figure is."""
    return _METRICS[metric].kind


def said(metric: str, value: Decimal | None) -> str:
    """Write a figure for people."""
    whole = kind(metric) == "count" and value is not None
    return written(kind(metric), int(value) if whole and value is not None else value)


def described(asked: FigureAsked) -> str:
    """Return in words which figure it is."""
    where = "".join(f", {one}" for one in asked.where)
    scope = "" if asked.scope == FULL else f", {asked.scope}"
    return f"{title(asked.metric)}{where}{scope}, {asked.period}"


def page(asked: FigureAsked, run: str = "") -> str:
    """Return the address of the page that shows the figure; as a run had it, if one is named."""
    pairs = [("by", "pool")] if asked.where else []
    pairs += [("where", one) for one in asked.where]
    pairs += [("period", asked.period), ("basis", asked.basis), ("unit", asked.unit)]
    pairs += [] if asked.scope == FULL else [("scope", asked.scope)]
    return f"/cost?{urlencode([*pairs, *([('run', run)] if run else [])])}"


def in_basis(opened: Opened, basis: str) -> Opened:
    """Return the published figures of a basis.

    Raises:
        NothingPublishedError: there are none of it any more.
    """
    if basis == opened.basis:
        return opened
    return open_figures(opened.store, now=opened.now, basis=basis)


def runs_of(opened: Opened, period: str) -> dict[str, str]:
    """Return the runs that stand for the months of a period."""
    asked = opened.period(period)
    labels = {label for label, _ in months(asked.span, opened.zone)} if asked else set()
    return {month: run for month, run in sorted(opened.runs.items()) if month in labels}


def value(
    opened: Opened,
    metric: str,
    period: str,
    *,
    where: Sequence[str] = (),
    scope: str = "",
    unit: str = "",
) -> Valued:
    """Read a figure.

    Raises:
        NoFigureError: no figure is called so.
        OfOnePersonError: it is of one person.
        InputError: a name is not known, or nothing was spent in the period.
    """
    if metric not in _READ:
        raise NoFigureError(metric)
    question = _question(opened, period, where, scope, unit)
    found = answer(opened, question).figures
    asked = FigureAsked(
        metric, period, opened.basis, question.scope, question.unit.name, tuple(where)
    )
    read = _READ[metric](found)
    return Valued(asked, None if read is None else Decimal(read), runs_of(opened, period))


def _question(opened: Opened, period: str, where: Sequence[str], scope: str, unit: str) -> Question:
    question = ask(
        opened.model, where=where, scope=scope or FULL, unit=unit, period=opened.period(period),
        basis=opened.basis,
    )  # fmt: skip
    if any(at.source in (USER, SESSION) for at, _ in question.where):
        raise OfOnePersonError
    return question
