"""The values of all metrics of a period, as JSON, as a table, and for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from percapita.core.errors import InputError, nearest
from percapita.core.money import text
from percapita.measure.practice import Item
from percapita.report import numbers
from percapita.report.cost import as_json
from percapita.report.metrics.gathered import Gathered
from percapita.report.metrics.listed import METRICS, Kind, Metric, Value
from percapita.report.opened import Opened
from percapita.report.table import Column, Page

COLUMNS: Final = ("metric", "of", "title", "kind", "value", "unit", "meaning")
_CENTS: Final = 2
_FINE: Final = 4


class UnknownMetricError(InputError):
    """No metric of that name."""

    def __init__(self, name: str) -> None:
        known = [metric.name for metric in METRICS]
        super().__init__(f"{name!r} is no metric.", hint=nearest(name, known))


@dataclass(frozen=True, slots=True)
class Row:
    """One value of a metric."""

    metric: Metric
    of: str
    """The unit, layer and alike that it is of; empty where it is of everything."""
    value: Value
    unit: str = ""
    """That the value is shown with: ``%``, days, decisions; money is in the period's currency."""

    @property
    def written(self) -> str | int | None:
        """The value as JSON carries it."""
        return text(self.value) if isinstance(self.value, Decimal) else self.value

    @property
    def shown(self) -> str:
        """The value as people read it."""
        if self.unit in ("", "%") or self.value is None:
            return written("percent" if self.unit else self.metric.kind, self.value)
        unit = self.unit.removesuffix("s") if self.value == 1 else self.unit
        return f"{written('count', int(self.value))} {unit}"


@dataclass(frozen=True, slots=True)
class Valued:
    """The metrics of a period."""

    meta: Mapping[str, Any]
    rows: tuple[Row, ...]


def values(
    opened: Opened,
    period: str,
    practice: Callable[[], Sequence[Item]],
    names: Sequence[str] = (),
) -> Valued:
    """Work the metrics out, or those that are named.

    Args:
        opened: the figures.
        period: as ``opened.period`` reads it.
        practice: judges the practice, if that is asked for.
        names: metrics; all unless said.

    Raises:
        UnknownMetricError: no metric has such a name.
    """
    known = {metric.name: metric for metric in METRICS}
    for name in names:
        if name not in known:
            raise UnknownMetricError(name)
    gathered = Gathered(opened, period, practice)
    rows = [
        Row(metric, of, value, _unit(gathered, metric, of))
        for metric in ([known[name] for name in names] or METRICS)
        for of, value in metric.read(gathered).items()
    ]
    return Valued(as_json.meta(gathered.by_pool), tuple(rows))


def _unit(gathered: Gathered, metric: Metric, of: str) -> str:
    if metric.name == "practice":
        return gathered.practice[of].unit
    return "%" if metric.kind == "percent" else ""


def written(kind: Kind, value: Value) -> str:
    """Write a value for people: cents, or as many places as a unit cost deserves."""
    if value is None:
        return numbers.UNKNOWN
    if isinstance(value, int):
        return numbers.count(value)
    if kind == "percent":
        return f"{numbers.share(value)} %"
    if kind == "money per unit":
        return numbers.amount(value, numbers.places([value]))
    fine = _FINE if value % 1 else 0
    return numbers.amount(value, _CENTS if kind == "money" else fine)


def to_json(found: Valued) -> dict[str, Any]:
    """Return the metrics as JSON carries them."""
    return {
        "meta": dict(found.meta),
        "metrics": [
            {
                "metric": row.metric.name, "of": row.of or None, "title": row.metric.title,
                "kind": row.metric.kind, "value": row.written, "unit": row.unit or None,
                "meaning": row.metric.meaning,
            }
            for row in found.rows
        ],
    }  # fmt: skip


def flat(found: Valued) -> list[list[Any]]:
    """Return a row a value, under ``COLUMNS``."""
    return [
        [row.metric.name, row.of or None, row.metric.title, row.metric.kind, row.value,
         row.unit or None, row.metric.meaning]
        for row in found.rows
    ]  # fmt: skip


def show(page: Page, found: Valued) -> None:
    """Print a line a value."""
    meta = found.meta
    basis = str(meta["basis"]).capitalize()
    page.line(f"{basis} cost, {meta['period']}, {meta['currency']}", "bold")
    page.table(
        [
            Column("metric", [row.metric.name for row in found.rows], number=False),
            Column("of", [row.of for row in found.rows], number=False),
            Column("value", [row.shown for row in found.rows]),
            Column("meaning", [row.metric.meaning for row in found.rows], number=False, rank=1),
        ]
    )
    for note in meta["notes"]:
        page.line(f"Note: {note}")
