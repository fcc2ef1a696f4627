"""Bills of Northwind Hosting: a row per server and month, its discounts as JSON in one cell."""

from __future__ import annotations

from collections.abc import Sequence

from percapita.core.sources import Source
from percapita.plugins import BillFormat, Binding, Cell, Each, Fixed, When


class Northwind:
    """The format's entry point."""

    name = "northwind"

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell a bill by two columns that only it has."""
        return {"server_no", "net_amount"} <= set(header)

    def aside(self, header: Sequence[str]) -> str | None:
        """Name the list of contacts that comes in the same folder and is no bill."""
        return "contacts" if {"server_no", "phone"} <= set(header) else None

    def bind(self, header: Sequence[str], source: Source) -> Binding:  # noqa: ARG002
        """Say which column is which; what the user says in percapita.yaml comes first."""
        columns: dict[str, Cell] = {
            "ChargePeriodStart": "month",
            "BillingPeriodStart": "month",
            "BilledCost": "net_amount",
            "EffectiveCost": "net_amount",
            "ListCost": "net_amount",
            "ChargeCategory": When("product", ("VAT",), Fixed("Tax"), Fixed("Usage")),
            "ResourceId": "server_no",
            "ServiceName": "product",
            "tags.team": "team",
            **source.columns,
        }
        discount: dict[str, Cell] = {
            "BilledCost": "amount",
            "EffectiveCost": "amount",
            "ChargeCategory": Fixed("Credit"),
            "ChargeDescription": "reason",
        }
        values = {"BillingCurrency": "EUR", **source.values}
        return Binding(columns, values, each=Each("discounts", discount))


SOURCE: BillFormat = Northwind()
