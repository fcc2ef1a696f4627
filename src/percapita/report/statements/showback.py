"""What one team, tenant or tier cost in a period, pool by pool: shown, or charged.

A statement is shown as soon as there are figures. It is charged only from months that are closed:
what is charged does not change afterwards.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Any, Final, Literal

from percapita.core.errors import InputError
from percapita.core.money import ZERO, percent, text, total
from percapita.measure.figures import Figure
from percapita.measure.question import Question, ask
from percapita.model.describe import decisions
from percapita.report.adjustments import status
from percapita.report.cost import as_json
from percapita.report.cost.answer import Answer, answer
from percapita.report.opened import Opened
from percapita.store.read.closing import CLOSED

Kind = Literal["showback", "chargeback"]
COLUMNS: Final = (
    "pool", "layer", "owner", "class", "direct", "shared", "overhead", "total", "share_percent",
    "total_before", "total_change", "split",
)  # fmt: skip

_EARNED: Final = (
    "revenue", "revenue_per_unit", "margin", "margin_per_unit", "margin_percent",
)  # fmt: skip


class NotClosedError(InputError):
    """Months that still change cannot be charged."""

    def __init__(self, period: str) -> None:
        super().__init__(
            f"{period} is not closed: its figures may still change, so nothing is charged.",
            hint=f"Close it with percapita close {period}, or ask for a showback.",
        )


class NobodyNamedError(InputError):
    """A statement is of somebody, or of a cut."""

    def __init__(self, written: str) -> None:
        super().__init__(
            f"{written!r} is not NAME=VALUE.", hint="Write --for tier=Pro, or owner=platform."
        )


class NothingOfTheirsError(InputError):
    """Whoever is named had no cost and no units."""

    def __init__(self, of: str, period: str) -> None:
        super().__init__(
            f"Nothing of {of} is in {period}.",
            hint="percapita cost --by the same name lists the values there are.",
        )


@dataclass(frozen=True, slots=True)
class Line:
    """What one pool took of it."""

    pool: str
    layer: str
    owner: str
    cost_class: str
    split: str
    """How the pool is split, in words."""
    now: Figure | None
    total: Decimal
    before: Decimal | None

    @property
    def change(self) -> Decimal | None:
        """What it rose by."""
        return None if self.before is None else total([self.total, -self.before])


@dataclass(frozen=True, slots=True)
class Showback:
    """A statement."""

    opened: Opened
    of: tuple[str, str]
    kind: Kind
    period: str
    before_period: str
    """The period of the same length before it; empty where nothing is known of it."""
    now: Answer
    before: Answer | None
    lines: tuple[Line, ...]

    @property
    def who(self) -> str:
        """Whose it is, in words."""
        return f"{self.of[0]} {self.of[1]}"

    @property
    def totals(self) -> Figure:
        """All pools together."""
        return self.now.figures.totals

    @property
    def earns(self) -> bool:
        """Tell whether revenue is theirs: a team that owns pools has none of its customers'."""
        at, _ = self.now.question.where[0]
        return at.of_receiver

    @property
    def id(self) -> str:
        """Tells statements apart: equal figures have an equal one, whenever they are asked for."""
        data = to_json(self, named=False)
        data["meta"] = {k: v for k, v in data["meta"].items() if k not in ("as_of", "notes")}
        whole = json.dumps(data, sort_keys=True).encode()
        return f"{self.period}-{hashlib.blake2b(whole, digest_size=6).hexdigest()}"


def showback(opened: Opened, of: str, period: str, kind: Kind = "showback") -> Showback:
    """Return the statement of ``tier=Pro``, ``tenant=Acme``, ``owner=platform`` and alike.

    Raises:
        NobodyNamedError: ``of`` names nobody.
        NotClosedError: it is to be charged, and the period is open.
        NothingOfTheirsError: they had nothing in the period.
    """
    name, equals, value = (part.strip() for part in of.partition("="))
    if not (equals and name and value):
        raise NobodyNamedError(of)
    if kind == "chargeback" and status(opened, opened.period(period)) != CLOSED:
        raise NotClosedError(period)
    now = answer(opened, _question(opened, of, period))
    if not (now.figures.rows or now.figures.totals.units):
        raise NothingOfTheirsError(f"{name} {value}", period)
    earlier = _earlier(opened, period)
    before = answer(opened, _question(opened, of, earlier)) if earlier else None
    return Showback(
        opened, (name, value), kind, period, earlier, now, before, _lines(opened, now, before)
    )


def _question(opened: Opened, of: str, period: str) -> Question:
    return ask(
        opened.model, by=["pool"], where=[of], period=opened.period(period), basis=opened.basis
    )


def _earlier(opened: Opened, period: str) -> str:
    """Return the month before a month that has figures; empty where there is none."""
    days = opened.days(opened.period(period))
    if days.first.day != 1 or days.last.day != 1 or (days.last - days.first).days > 31:  # noqa: PLR2004 a month
        return ""
    last: date = days.first - timedelta(days=1)
    label = f"{last:%Y-%m}"
    return label if label in opened.runs else ""


def _lines(opened: Opened, now: Answer, before: Answer | None) -> tuple[Line, ...]:
    said = {one.pool: one for one in decisions(opened.model)}
    here = {str(row.key[0]): row for row in now.figures.rows}
    then = {str(row.key[0]): row for row in before.figures.rows} if before else {}
    lines = []
    for pool in dict.fromkeys((*here, *then)):
        how = said.get(pool)
        was = then[pool].cost.total if pool in then else ZERO
        lines.append(
            Line(
                pool, how.layer if how else "", how.owner if how else "",
                how.cost_class if how else "", how.split if how else "", here.get(pool),
                here[pool].cost.total if pool in here else ZERO, was if before else None,
            )
        )  # fmt: skip
    return tuple(lines)


def to_json(found: Showback, *, named: bool = True) -> dict[str, Any]:
    """Return it as JSON carries it."""
    now = as_json.statement(found.now)
    whole = found.totals.cost.total
    before = found.before.figures.totals if found.before else None
    totals = now["totals"] if found.earns else {**now["totals"], **dict.fromkeys(_EARNED)}
    meta = {
        **now["meta"], "kind": found.kind, "for": {found.of[0]: found.of[1]},
        "compared_with": found.before_period or None,
    }  # fmt: skip
    if named:
        meta["statement"] = found.id
    return {
        "meta": meta,
        "rows": [_row(line, whole) for line in found.lines],
        "totals": {
            **totals,
            "total_before": text(before.cost.total) if before else None,
            "total_change": text(total([whole, -before.cost.total])) if before else None,
            "cost_per_unit_before": text(before.cost_per_unit) if before else None,
        },
        "classes": now["classes"],
    }


def _row(line: Line, whole: Decimal) -> dict[str, Any]:
    cost = line.now.cost if line.now else None
    return {
        "pool": line.pool, "layer": line.layer or None, "owner": line.owner or None,
        "class": line.cost_class or None,
        **{n: text(getattr(cost, n) if cost else ZERO) for n in ("direct", "shared", "overhead")},
        "total": text(line.total), "share_percent": text(percent(line.total, whole)),
        "total_before": text(line.before), "total_change": text(line.change), "split": line.split,
    }  # fmt: skip


def flat(found: Showback) -> tuple[Sequence[str], list[list[Any]]]:
    """Return header and rows: the pools, then their sum."""
    data = to_json(found)
    rows = [[row[name] for name in COLUMNS] for row in data["rows"]]
    totals: Mapping[str, Any] = {**data["totals"], "pool": "(all)", "share_percent": "100.00"}
    rows.append([totals.get(name) for name in COLUMNS])
    return COLUMNS, rows
