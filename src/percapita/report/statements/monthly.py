"""The month's report for who does not open the pages: the same figures, on a few sheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from percapita.core.money import percent
from percapita.report.close import reconciliation
from percapita.report.document import blocks
from percapita.report.document.blocks import Block, Document, Facts, Grid, Heading, Picture, Words
from percapita.report.glance import charts
from percapita.report.glance.overview import overview
from percapita.report.numbers import UNKNOWN, places
from percapita.report.opened import Opened

_CHANGES = 8
_COHORTS = 10
_PARTS = ("direct", "shared", "overhead")


@dataclass(frozen=True, slots=True)
class Month:
    """What the report of a month is made of."""

    opened: Opened
    period: str
    data: Mapping[str, Any]
    """As the overview has it."""
    identity: Mapping[str, Any]
    """As reconcile has it."""
    closes: bool


def month(opened: Opened, period: str, *, by: str = "", unit: str = "") -> Month:
    """Gather a month.

    Raises:
        InputError: there are no figures of it.
        ProofError: they do not sum to the bill.
    """
    found = reconciliation.reconcile(opened, opened.period(period))
    data = overview(opened, period, by=by, unit=unit)
    return Month(opened, period, data, reconciliation.to_json(found), found.closes)


def to_json(found: Month) -> dict[str, Any]:
    """Return it as JSON carries it: the overview, and how the bill closes."""
    return {**found.data, "reconciliation": {**found.identity, "meta": None}}


def document(found: Month) -> Document:
    """Return the report as blocks."""
    data, opened = found.data, found.opened
    meta = data["meta"]
    title = f"What one {meta['unit']} cost in {found.period}"
    standing = f"{meta['basis'].capitalize()} cost in {meta['currency']}, {meta['status']},"
    made: list[Block] = [
        Heading(title, 1),
        Words(f"{standing} run {_runs(meta['run'])}, as of {meta['as_of']}.", quiet=True),
        _facts(found),
        Heading(f"Cost per {meta['unit']} by month"),
        Picture(charts.trend(data), f"Cost per {meta['unit']} by month"),
        _months(data),
        Heading(f"By {data['segment']}"),
        _segments(found),
    ]
    if data["cohort"] != data["segment"]:
        made += [Heading(f"The dearest by {data['cohort']}"), _cohorts(data)]
    if data["compared_with"]:
        made += [Heading(f"What changed since {data['compared_with']}")]
        drawn = charts.change(data["changes"], found.period, data["compared_with"])
        if drawn:
            made.append(Picture(drawn, "Allocated cost by pool"))
        made.append(_changes(data))
    made += [Heading("What infrastructure, third parties and people cost"), _scopes(data)]
    made += [Heading("Does it add up to the bill?"), *_reconciled(found)]
    if data["findings"]:
        made += [Heading("Look at these first"), _findings(data)]
    made += [Words(note, quiet=True) for note in (*meta["notes"], *found.identity["meta"]["notes"])]
    made.append(Words(f"Model {opened.model.hash[:12]}. Every amount sums to the bill, exactly.",
                      quiet=True))  # fmt: skip
    return Document(title, made)


def _runs(run: str | Sequence[str]) -> str:
    return run if isinstance(run, str) else ", ".join(run)


def _of(written: str | None) -> Decimal | None:
    return None if written is None else Decimal(written)


def _money(written: str | None, digits: int = 2, *, plus: bool = False) -> str:
    return blocks.money(_of(written), digits, plus=plus)


def _per(data: Mapping[str, Any]) -> int:
    return places([_of(row["cost_per_unit"]) for row in data["rows"]])


def _facts(found: Month) -> Facts:
    data, meta = found.data, found.data["meta"]
    digits = _per(data)
    pairs = [
        (
            f"{one['days']} days",
            _money(one["cost_per_unit"], digits),
            f"{meta['currency']} / {meta['unit']} and {meta['window']}",
        )
        for one in data["windows"]
    ]
    totals = data["totals"]
    pairs += [
        ("Units", blocks.count(totals["units"]), f"{meta['unit']}s"),
        ("Bill", _money(totals["bill_total"]), meta["currency"]),
        ("Allocated", _money(totals["total"]), meta["currency"]),
    ]
    if totals["revenue"] is not None:
        pairs += [
            ("Revenue", _money(totals["revenue"]), meta["currency"]),
            ("Margin", blocks.percent(_of(totals["margin_percent"])), "of revenue"),
        ]
    if "benchmark" in data:
        mark = data["benchmark"]
        pairs.append(("Infrastructure per unit", _money(mark["cost_per_unit"], digits),
                      f"{mark['status']}: {mark['low']} to {mark['high']} is usual"))  # fmt: skip
    return Facts(pairs)


def _months(data: Mapping[str, Any]) -> Grid:
    digits = _per(data)
    rows = [
        [row["month"], blocks.count(row["units"]), _money(row["total"]),
         _money(row["cost_per_unit"], digits), _money(row["revenue"]),
         blocks.percent(_of(row["margin_percent"]))]
        for row in data["trend"]
    ]  # fmt: skip
    return Grid(["month", "units", "allocated", "cost / unit", "revenue", "margin"], rows)


def _segments(found: Month) -> Grid:
    data, digits = found.data, _per(found.data)
    name = data["segment"]
    rows = [_row(row, name, digits) for row in data["rows"]]
    totals = data["totals"]
    beside = [
        [one.replace("_", " "), "", "", "", "", _money(amount), "", "", ""]
        for one, amount in data["classes"].items() if Decimal(amount)
    ]  # fmt: skip
    allocated = _row({name: "allocated", **totals}, name, digits)
    bill = ["bill", "", "", "", "", _money(totals["bill_total"]), "", "", ""]
    header = [name, "units", *_PARTS, "total", "cost / unit", "revenue / unit", "margin"]
    return Grid(header, [*rows, allocated, *beside, bill], sums=1)


def _row(row: Mapping[str, Any], name: str, digits: int) -> list[str]:
    return [
        "not known" if row[name] is None else str(row[name]), blocks.count(row["units"]),
        *(_money(row[part]) for part in (*_PARTS, "total")), _money(row["cost_per_unit"], digits),
        _money(row["revenue_per_unit"], digits), blocks.percent(_of(row["margin_percent"])),
    ]  # fmt: skip


def _cohorts(data: Mapping[str, Any]) -> Grid:
    digits, name = _per(data), data["cohort"]
    rows = [
        ["not known" if row[name] is None else str(row[name]), blocks.count(row["units"]),
         _money(row["total"]), _money(row["cost_per_unit"], digits), _money(row["revenue"]),
         _money(row["margin"])]
        for row in data["cohorts"][:_COHORTS]
    ]  # fmt: skip
    return Grid([name, "units", "cost", "cost / unit", "revenue", "margin"], rows)


def _changes(data: Mapping[str, Any]) -> Grid:
    before = data["compared_with"]
    rows = [
        [row["pool"], _money(row["before"]), _money(row["now"]), _money(row["change"], plus=True),
         blocks.percent(percent(_of(row["change"]), _of(row["before"]) or None))]
        for row in data["changes"][:_CHANGES] if Decimal(row["change"])
    ]  # fmt: skip
    return Grid(["pool", before, "now", "change", "change %"], rows)


def _scopes(data: Mapping[str, Any]) -> Grid:
    names = list(dict.fromkeys(row["scope"] for row in data["scopes"]))
    each = {(row["month"], row["scope"]): row["total"] for row in data["scopes"]}
    months = [row["month"] for row in data["trend"]]
    rows = [[month, *(_money(each.get((month, name))) for name in names)] for month in months]
    return Grid(["month", *names], rows)


def _reconciled(found: Month) -> list[Block]:
    data = found.identity
    named = [
        [name.replace("_", " "), _money(value)]
        for name, value in data.items()
        if name not in ("meta", "pools", "periods", "adjustments", "conversions", "difference")
        and (Decimal(value) or name in ("bill_total", "allocated"))
    ]
    difference = ["difference", _money(data["difference"])]
    said = "Yes." if found.closes else "The bill changed since the run: percapita run."
    return [Words(said), Grid(["", found.opened.model.currency], [*named, difference], sums=1)]


def _findings(data: Mapping[str, Any]) -> Grid:
    rows = [
        [f"{one['code']} {one['where']}", f"{one['message']} {one['advice']}",
         _money(one["amount"]) if one["amount"] else UNKNOWN]
        for one in data["findings"]
    ]  # fmt: skip
    return Grid(["finding", "what to do", "at stake"], rows, text=2)
