"""A showback or chargeback as a report."""

from __future__ import annotations

from decimal import Decimal

from percapita.core.money import percent
from percapita.report.charts import Bar, Part, bars
from percapita.report.document.blocks import (
    Block,
    Document,
    Facts,
    Grid,
    Heading,
    Picture,
    Words,
    count,
    money,
)
from percapita.report.document.blocks import percent as share
from percapita.report.numbers import amount, places
from percapita.report.statements.showback import Line, Showback

_DRAWN = 10
_PARTS = {"direct": "c1", "shared": "c2", "overhead": "c3"}


def document(found: Showback) -> Document:
    """Return the statement as blocks."""
    meta = found.now
    title = f"{found.kind.capitalize()}, {found.who}, {found.period}"
    opened = found.opened
    standing = f"{opened.basis.capitalize()} cost in {opened.model.currency}, statement {found.id}."
    if found.kind == "showback":
        standing += " Shown, not charged."
    blocks: list[Block] = [Heading(title, 1), Words(standing, quiet=True), _facts(found)]
    drawn = _chart(found)
    if drawn:
        blocks.append(Picture(drawn, f"Cost of {found.who} by pool"))
    blocks += [Heading("By pool"), _grid(found), Heading("How each pool is split"), _how(found)]
    blocks += [Words(note, quiet=True) for note in (*_beside(found), *meta.notes)]
    return Document(title, blocks)


def _facts(found: Showback) -> Facts:
    totals, opened = found.totals, found.opened
    unit, currency = opened.model.primary, opened.model.currency
    before = found.before.figures.totals if found.before else None
    was = f"{amount(before.cost.total)} in {found.before_period}" if before else currency
    per = places([totals.cost_per_unit])
    pairs = [
        ("Cost", money(totals.cost.total), was),
        ("Units", count(totals.units), f"{unit.name}s in the period"),
        (f"Cost per {unit.name}", money(totals.cost_per_unit, per), f"{currency} / {unit.window}"),
    ]
    if found.earns and totals.revenue is not None:
        pairs.append(("Revenue", money(totals.revenue), currency))
        left = share(totals.margin_percent)
        pairs.append(("Margin", money(totals.margin), f"{left} of revenue"))
    return Facts(pairs)


def _grid(found: Showback) -> Grid:
    whole = found.totals.cost.total
    header = ["pool", "owner", "direct", "shared", "overhead", "total", "share"]
    compared = found.before is not None
    if compared:
        header += [found.before_period, "change"]
    rows = []
    for line in found.lines:
        row = [line.pool, line.owner, *_parts(line), money(line.total),
               share(percent(line.total, whole))]  # fmt: skip
        rows.append([*row, money(line.before), money(line.change, plus=True)] if compared else row)
    cost = found.totals.cost
    sums = ["all", "", money(cost.direct), money(cost.shared), money(cost.overhead),
            money(whole), share(percent(whole, whole))]  # fmt: skip
    if found.before is not None:
        was = found.before.figures.totals.cost.total
        sums += [money(was), money(whole - was, plus=True)]
    return Grid(header, [*rows, sums], text=2, sums=1)


def _parts(line: Line) -> list[str]:
    if line.now is None:
        return ["", "", ""]
    cost = line.now.cost
    return [money(one) if one else "" for one in (cost.direct, cost.shared, cost.overhead)]


def _how(found: Showback) -> Grid:
    rows = [[line.pool, line.split.replace("`", "")] for line in found.lines if line.split]
    return Grid(["pool", "rule"], rows, text=2)


def _beside(found: Showback) -> list[str]:
    """Say what the bill holds that is not in the statement."""
    bill = found.now.figures.bill_total
    rest = bill - found.totals.cost.total
    said = f"The whole bill is {amount(bill)} {found.opened.model.currency}; {amount(rest)} of it"
    return [f"{said} is others' or falls on nobody."]


def _chart(found: Showback) -> str:
    drawn = []
    for line in found.lines[:_DRAWN]:
        if line.now is None:
            continue
        parts = [
            Part(kind, value, amount(value), paint)
            for kind, paint in _PARTS.items()
            if (value := Decimal(getattr(line.now.cost, kind)))
        ]
        drawn.append(Bar(line.pool, parts, amount(line.total)))
    return bars(drawn, label=f"Cost of {found.who} by pool") if drawn else ""
