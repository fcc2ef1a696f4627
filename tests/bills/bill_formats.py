"""Bill formats that a test installs for as long as it runs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal

from percapita.core.sources import Source
from percapita.plugins import Binding, Cell, Document, Each, First, Fixed

COLUMNS = {
    "BilledCost": "cost", "EffectiveCost": "cost", "ListCost": "list", "ConsumedQuantity": "amount",
    "BillingCurrency": "currency", "ChargePeriodStart": "day", "ServiceName": "service.name",
    "ChargeCategory": "kind",
}  # fmt: skip


class Crediting:
    """A bill whose rows carry their credits in a cell."""

    name = "crediting"

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell it by two columns."""
        return {"cost", "credits"} <= set(header)

    def aside(self, header: Sequence[str]) -> str | None:  # noqa: ARG002
        """Know of no other dataset."""
        return None

    def bind(self, header: Sequence[str], source: Source) -> Binding:  # noqa: ARG002
        """Bind the row, and each credit as one more."""
        credit: dict[str, Cell] = {
            "BilledCost": "amount",
            "EffectiveCost": "amount",
            "ChargeCategory": Fixed("Credit"),
            "ChargeDescription": First(("full_name", "name")),
            "tags.credit": "info.kind",
        }
        values = {"BillingCurrency": "USD", "ChargeCategory": "Usage", **source.values}
        return Binding(COLUMNS, values, each=Each("credits", credit))


class Pricing:
    """A bill in a text of its own: a line ``NAME = AMOUNT`` a charge."""

    name = "pricing"

    def recognises(self, header: Sequence[str]) -> bool:  # noqa: ARG002
        """Tell nothing by columns."""
        return False

    def aside(self, header: Sequence[str]) -> str | None:  # noqa: ARG002
        """Know of no other dataset."""
        return None

    def bind(self, header: Sequence[str], source: Source) -> Binding:  # noqa: ARG002
        """Bind what ``records`` yields."""
        columns = {
            "BilledCost": "price.amount", "BillingCurrency": "price.currency",
            "ServiceName": "name", "ChargePeriodStart": "day", "Tags": "tags",
        }  # fmt: skip
        return Binding(columns, dict(source.values))

    def records(self, document: Document, source: Source) -> Iterator[Mapping[str, object]] | None:  # noqa: ARG002
        """Read files that begin with the word ``prices``."""
        return self._charges(document) if document.head.startswith("prices\n") else None

    def _charges(self, document: Document) -> Iterator[Mapping[str, object]]:
        with document.text.open(encoding="utf-8") as file:
            next(file)
            for line in file:
                name, _, amount = line.partition("=")
                yield {
                    "name": name.strip(),
                    "price": {"amount": Decimal(amount.strip()), "currency": "EUR"},
                    "day": "2025-10-01",
                    "tags": {"team": "a", "n": Decimal("1.50")},
                    "path": document.path.name,
                }
