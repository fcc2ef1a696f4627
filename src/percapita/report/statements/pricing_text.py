"""The pricing feed in the terminal."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from percapita.core.money import PLACES
from percapita.report import numbers
from percapita.report.statements.pricing import Priced, to_json
from percapita.report.table import Column, Page


def show(page: Page, found: Priced) -> None:
    """Print tiers and drivers."""
    currency, data = found.opened.model.currency, to_json(found)
    page.line(f"Prices of {found.period}, {currency}, version {found.version}", "bold")
    tiers, drivers = data["tiers"], data["drivers"]
    costs = [row["cost_per_unit"] for row in tiers]
    places = numbers.places([None if one is None else Decimal(one) for one in costs])

    def amounts(values: Sequence[str | None]) -> list[str]:
        return [numbers.amount(None if v is None else Decimal(v), places) for v in values]

    names = [row.get(found.by) or "not known" if found.by else "everyone" for row in tiers]
    priced = [
        Column(f"price at {numbers.share(m)} %", amounts([r["prices"][n]["price"] for r in tiers]))
        for n, m in enumerate(found.margins)
    ]
    page.table([
        Column(found.by, names, number=False),
        Column("units", [numbers.count(row["units"]) for row in tiers]),
        Column("cost / unit", amounts(costs)),
        Column("revenue / unit", amounts([row["revenue_per_unit"] for row in tiers])),
        *priced,
    ])  # fmt: skip
    page.line()
    cells = [", ".join(map(str, row["cell"] or [])) for row in drivers]
    page.table([
        Column("pool", [row["pool"] for row in drivers], number=False),
        Column("cell", cells, number=False, rank=1),
        Column("driver", [row["meter"] for row in drivers], number=False),
        Column("amount", [numbers.amount(Decimal(row["amount"])) for row in drivers], rank=2),
        Column("price", [shown(row["price"]) for row in drivers]),
        Column("per", [row["unit"] for row in drivers], number=False),
    ])  # fmt: skip
    for note in found.now.notes:
        page.line(f"Note: {note}")


def shown(written: str | None) -> str:
    """Write a price with the digits it has: drivers' prices may be tiny."""
    if written is None:
        return numbers.UNKNOWN
    value = Decimal(written)
    if not value:
        return "0"
    return numbers.amount(value, max(2, min(PLACES, 2 - value.adjusted())))
