"""The pricing feed: what a unit costs by tier, and what a unit of each driver costs.

A version's id names the month, the run and the cut, and ends in a hash of the figures. Asked for by
its id, a version is worked out again from that run, and is the same or an error.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Any, Final

from percapita.core.errors import InputError, nearest
from percapita.core.money import PLACES, quotient, text
from percapita.core.tables import RATES
from percapita.measure.figures import Figure
from percapita.measure.question import ask
from percapita.report.cost import as_json
from percapita.report.cost.answer import Answer, answer
from percapita.report.opened import NoPeriodError, Opened
from percapita.store.read.rates import Rate, rates

Units = Mapping[str, tuple[str, int]]
"""Meter -> the unit it is told in, and how many base units one is."""

_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)
_HUNDRED: Final = Decimal(100)
_PARTS: Final = 4


class MarginError(InputError):
    """A margin that no price has."""

    def __init__(self, written: str) -> None:
        super().__init__(
            f"{written!r} is no margin.",
            hint="Write percents of the price, from 0 to below 100.",
        )


class VersionError(InputError):
    """No such version of the prices."""

    def __init__(self, version: str, why: str) -> None:
        super().__init__(f"There is no version {version!r} of the prices: {why}.",
                         hint="percapita pricing shows the version of now.")  # fmt: skip


@dataclass(frozen=True, slots=True)
class Priced:
    """The prices of a month."""

    opened: Opened
    period: str
    by: str
    margins: tuple[Decimal, ...]
    now: Answer
    rates: tuple[Rate, ...]
    units: Units

    @property
    def version(self) -> str:
        """The id of these figures."""
        said = json.dumps([_tiers(self, ()), _drivers(self)], sort_keys=True)
        mark = hashlib.blake2b(said.encode(), digest_size=6).hexdigest()
        run = self.opened.runs[self.period]
        return ".".join((self.period, run, self.opened.basis, self.by or "all", mark))


def named(version: str) -> tuple[str, str, str, str]:
    """Return month, run, basis and cut of a version's id.

    Raises:
        VersionError: it is no id.
    """
    head = version.split(".", _PARTS - 1)
    if len(head) < _PARTS or "." not in head[-1]:
        raise VersionError(version, "that is no id of one")
    period, run, basis, rest = head
    by, _, _ = rest.rpartition(".")
    return period, run, basis, "" if by == "all" else by


def pricing(
    opened: Opened,
    period: str,
    *,
    by: str = "",
    margins: Sequence[str] = (),
    units: Units,
    version: str = "",
) -> Priced:
    """Return the prices of a month.

    Args:
        opened: the figures.
        period: a month that has some.
        by: a segment of the model; its first unless said.
        margins: percents to work out prices for.
        units: what meters are told in.
        version: the id that they must have; any unless said.

    Raises:
        InputError: the month has no figures, or a name is not known.
        VersionError: the figures are not those of the version.
    """
    if period not in opened.runs:
        raise NoPeriodError(period, opened.runs)
    by = _cut(opened, by)
    question = ask(
        opened.model, by=[by] if by else [], period=opened.period(period), basis=opened.basis
    )
    now = answer(opened, question)
    opened.bind(RATES, periods=[period])
    found = Priced(
        opened, period, by, tuple(map(_margin, margins)), now,
        tuple(rates(opened.engine, opened.basis)), units,
    )  # fmt: skip
    if version and found.version != version:
        raise VersionError(version, "the figures of that run have another one")
    return found


def _cut(opened: Opened, by: str) -> str:
    """Return the segment that prices are told apart by."""
    segments = [one.name for one in opened.model.segments]
    if by and by not in segments:
        raise InputError(f"{by!r} is no segment of the model.", hint=nearest(by, segments))
    return by or next(iter(segments), "")


def _margin(written: str) -> Decimal:
    if not re.fullmatch(r"\d{1,2}(\.\d{1,6})?", written, re.ASCII):
        raise MarginError(written)
    return Decimal(written)


def price(cost: Decimal | None, margin: Decimal) -> Decimal | None:
    """Return the price whose margin, in percent of it, is so much."""
    return None if cost is None else quotient(cost * _HUNDRED, _HUNDRED - margin)


def to_json(found: Priced) -> dict[str, Any]:
    """Return the feed as JSON carries it."""
    return {
        "meta": {**as_json.meta(found.now), "version": found.version, "by": found.by or None},
        "tiers": _tiers(found, found.margins),
        "drivers": _drivers(found),
    }


def _tiers(found: Priced, margins: Sequence[Decimal]) -> list[dict[str, Any]]:
    figures = found.now.figures
    rows = figures.rows if found.by else (figures.totals,)
    return [
        {
            **({found.by: row.key[0]} if found.by else {}),
            "units": row.units, "total": text(row.cost.total),
            "cost_per_unit": text(row.cost_per_unit), "floor_price": text(row.cost_per_unit),
            "revenue_per_unit": text(row.revenue_per_unit), "margin_percent": text(_earned(row)),
            "prices": [
                {"margin_percent": text(m), "price": text(price(row.cost_per_unit, m))}
                for m in margins
            ],
        }
        for row in rows
    ]  # fmt: skip


def _earned(row: Figure) -> Decimal | None:
    return row.margin_percent


def _drivers(found: Priced) -> list[dict[str, Any]]:
    rows = []
    for one in found.rates:
        unit, factor = found.units.get(one.meter, ("", 1))
        rows.append({
            "pool": one.pool, "cell": json.loads(one.cell) if one.cell else None,
            "meter": one.meter, "amount": text(one.amount), "total": one.total,
            "unit": unit or "count", "base_units": factor,
            "price": text(_rate(one, factor)), "rate": text(_rate(one, 1)),
        })  # fmt: skip
    return rows


def _rate(one: Rate, factor: int) -> Decimal | None:
    """Return what so many base units cost, to the digits that money has."""
    if not one.total:
        return None
    exact = _EXACT.divide(_EXACT.multiply(one.amount, Decimal(factor)), Decimal(one.total))
    return exact.quantize(Decimal(1).scaleb(-PLACES), context=_EXACT)


def flat(found: Priced) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: the tiers, then the drivers."""
    header = ["line", found.by or "all", "units", "cost_per_unit", "revenue_per_unit",
              *(f"price_at_{text(m)}" for m in found.margins),
              "pool", "cell", "meter", "unit", "price", "rate"]  # fmt: skip
    rows: list[list[Any]] = []
    for row in _tiers(found, found.margins):
        tier = ["tier", row.get(found.by), row["units"], row["cost_per_unit"],
                row["revenue_per_unit"], *(one["price"] for one in row["prices"])]  # fmt: skip
        rows.append([*tier, *[None] * 6])
    blank = [None] * (4 + len(found.margins))
    for row in _drivers(found):
        cell = None if row["cell"] is None else json.dumps(row["cell"])
        rows.append(["driver", *blank, row["pool"], cell, row["meter"], row["unit"], row["price"],
                     row["rate"]])  # fmt: skip
    return header, rows
