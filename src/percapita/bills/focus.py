"""FOCUS, versions 1.0 to 1.4: the Cost and Usage dataset; the other datasets are told apart."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from percapita.bills.columns import bound, folded
from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.core.tables import COSTS
from percapita.plugins import BillFormat, Binding

MANDATORY: Final = (
    "BilledCost", "EffectiveCost", "ContractedCost", "ListCost", "BillingAccountId",
    "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd", "ChargePeriodStart",
    "ChargePeriodEnd", "ChargeCategory", "InvoiceIssuerName", "ServiceProviderName",
    "ServiceName", "ServiceCategory",
)  # fmt: skip
"""Columns that must not be null; real exports leave some of them empty."""

OLDER_NAMES: Final = {
    "ServiceProviderName": ("ProviderName", "Provider"),
    "InvoiceIssuerName": ("InvoiceIssuer",),
    "RegionId": ("Region",),
    "ConsumedQuantity": ("UsageQuantity",),
}
"""What 1.0 to 1.2 called a column that 1.3 renamed, and what the preview of 1.0 called some: Oracle
Cloud writes its reports so."""

_ASIDE: Final = {
    "invoice_detail": ("InvoiceDetailId", "InvoiceIssueStatus"),
    "billing_period": ("BillingPeriodStatus", "BillingPeriodLastUpdated"),
    "contract_commitment": ("ContractCommitmentId", "ContractCommitmentType"),
}
"""The other datasets of 1.3 and 1.4, by two columns that only they have together."""

COMMITMENT_TERM: Final = ("ContractCommitmentId", "ContractCommitmentPeriodEnd")
"""Columns of the dataset of contract commitments that say when the term of one ends."""

_BEFORE_1_0: Final = ("ChargeType", "AmortizedCost")


class OldFocusError(InputError):
    """A bill in a draft of FOCUS."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"The file of source {source!r} is FOCUS 0.5; 1.0 to 1.4 can be read.",
            hint="Export it anew, or say format: mapped and which column is which.",
        )


class Focus:
    """The format's entry point."""

    name = "focus"

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell whether it is Cost and Usage: a cost, a charge period and what was charged."""
        names = {folded(column) for column in header}
        costs = names & {folded(cost) for cost in COSTS.values()}
        what = names & {"chargecategory", "servicename", "chargetype"}
        return bool(costs) and "chargeperiodstart" in names and bool(what)

    def aside(self, header: Sequence[str]) -> str | None:
        """Name FOCUS' other dataset that these columns belong to."""
        names = {folded(column) for column in header}
        for dataset, columns in _ASIDE.items():
            if names >= {folded(column) for column in columns} and not self.recognises(header):
                return dataset
        return None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind by name.

        Raises:
            OldFocusError: the file is older than FOCUS 1.0.
        """
        names = {folded(column) for column in header}
        if names & {folded(column) for column in _BEFORE_1_0} and "chargecategory" not in names:
            raise OldFocusError(source.name)
        return bound(header, source, also=OLDER_NAMES, mandatory=MANDATORY)


SOURCE: BillFormat = Focus()
