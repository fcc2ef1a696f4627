"""AWS Cost and Usage Reports: legacy CUR, its Athena spelling, and CUR 2.0 of Data Exports.

The three differ in spelling only (``lineItem/UnblendedCost``, ``line_item_unblended_cost``) and in
that CUR 2.0 keeps tags, cost categories and most product attributes as maps. How each basis follows
from a row's type is said in ``docs/how-to/import-aws-bills.md``.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from percapita.bills.aws_services import CATEGORIES
from percapita.bills.columns import TAG, folded, settled
from percapita.core.sources import Source
from percapita.plugins import (
    BillFormat,
    Binding,
    Cell,
    First,
    Fixed,
    Gathered,
    Inside,
    Labels,
    Like,
    Total,
    When,
)

TYPE: Final = "lineItem/LineItemType"
UNBLENDED: Final = "lineItem/UnblendedCost"
ON_DEMAND: Final = "pricing/publicOnDemandCost"
PLAN: Final = "savingsPlan/SavingsPlanARN"
RESERVATION: Final = "reservation/ReservationARN"
PARENT: Final = "splitLineItem/ParentResourceId"

USED: Final = ("SavingsPlanCoveredUsage", "DiscountedUsage")
UNUSED: Final = ("SavingsPlanRecurringFee", "RIFee")
"""Fees whose effective cost is the part of the commitment that nobody used."""
PURCHASES: Final = ("Fee", "SavingsPlanUpfrontFee", *UNUSED)
NEGATION: Final = "SavingsPlanNegation"
"""What a plan gives back of the on-demand cost of its covered usage."""
OF_USAGE: Final = ("Usage", *USED, NEGATION)
SPENT_ELSEWHERE: Final = (NEGATION, "SavingsPlanUpfrontFee")
"""Rows of cash alone: the amortised view has them in the covered usage."""

PLAN_COLUMNS: Final = (
    "savingsPlan/SavingsPlanEffectiveCost", "savingsPlan/TotalCommitmentToDate",
    "savingsPlan/UsedCommitment",
)  # fmt: skip
RESERVED_COLUMNS: Final = (
    "reservation/EffectiveCost", "reservation/UnusedAmortizedUpfrontFeeForBillingPeriod",
    "reservation/UnusedRecurringFee",
)  # fmt: skip

MANDATORY: Final = (
    "BillingAccountId", "SubAccountId", "BillingCurrency", "BillingPeriodStart",
    "ChargePeriodStart", "ChargePeriodEnd",
)  # fmt: skip

_RESOURCE_TAG: Final = re.compile(r"resource_?tags?[/_](user[:_])?(.+)", re.IGNORECASE)
_COST_CATEGORY: Final = re.compile(r"cost_?category[/_.](.+)", re.IGNORECASE)
_CATEGORY: Final = "costCategory/"
_OF_USERS: Final = ("resourceTags/user:", "resourceTags/", "user:", "user_")
_SPOT: Final = ".*SpotUsage.*"


class AwsCur:
    """The format's entry point."""

    name = "aws-cur"

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell a report by three columns that every one of them has."""
        names = {folded(column) for column in header}
        return {folded(UNBLENDED), folded(TYPE), "lineitemusagestartdate"} <= names

    def aside(self, header: Sequence[str]) -> str | None:
        """Name the table beside a report for Athena that says whether it is being written."""
        status = [folded(column) for column in header] == ["status"]
        return "cost_and_usage_data_status" if status else None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind by AWS' published meaning of the columns."""
        report = _Report(header)
        columns = {ours: cell for ours, cell in report.columns().items() if cell is not None}
        return settled(header, source, columns, mandatory=MANDATORY)


class _Report:
    """The columns of one report, under AWS' legacy names."""

    def __init__(self, header: Sequence[str]) -> None:
        self._header = header
        self._theirs = {folded(column): column for column in reversed(header)}
        self._products = self._theirs.get("product")
        self._kind = self._theirs.get(folded(TYPE), TYPE)

    def has(self, *names: str) -> bool:
        """Tell whether the report has all these columns."""
        return all(folded(name) in self._theirs for name in names)

    def at(self, name: str) -> str:
        """Return the report's spelling of a column; the name itself if it is not there."""
        return self._theirs.get(folded(name), name)

    def one(self, name: str) -> Cell | None:
        """Return a column, ``None`` if it is not there."""
        return self._theirs.get(folded(name))

    def first(self, *names: str, product: str = "", last: str = "") -> Cell | None:
        """Return the first column that is not empty; only the first one is done with by that.

        Args:
            names: in the order they are tried.
            product: key to try after the first column, where product attributes are a map.
            last: what stands in if all are empty.
        """
        cells: list[Cell] = [self.at(name) for name in names[:1] if self.has(name)]
        if product and self._products:
            cells.append(Inside(self._products, product))
        cells += [self.at(name) for name in names[1:] if self.has(name)]
        if last:
            cells.append(Fixed(last))
        if len(cells) < 2:  # noqa: PLR2004 nothing to choose from
            return cells[0] if cells else None
        return First((cells[0], First(tuple(cells[1:]))))

    def by_type(self, *rules: tuple[Sequence[str], Cell | None], other: Cell | None) -> Cell | None:
        """Return a cell by the row's type; the first rule that names the type wins."""
        cell = other
        for types, then in reversed(rules):
            cell = When(self._kind, tuple(types), then, cell)
        return cell

    def columns(self) -> dict[str, Cell | None]:
        """Return what fills each column of ours."""
        return {
            **self._when_and_who(),
            **self._what(),
            **self._costs(),
            **self._quantities(),
            **self._commitment(),
            **self._tags(),
        }

    def _when_and_who(self) -> dict[str, Cell | None]:
        seller = self.first("lineItem/LegalEntity", last="AWS Marketplace")
        billing = self.at("bill/BillingEntity")
        return {
            # A period of AWS is a calendar month; some reports write its end as 23:59:59.
            "BillingPeriodStart": self.one("bill/BillingPeriodStartDate"),
            "ChargePeriodStart": self.one("lineItem/UsageStartDate"),
            "ChargePeriodEnd": self.one("lineItem/UsageEndDate"),
            "BillingAccountId": self.one("bill/PayerAccountId"),
            "BillingAccountName": self.one("bill/PayerAccountName"),
            "SubAccountId": self.one("lineItem/UsageAccountId"),
            "SubAccountName": self.one("lineItem/UsageAccountName"),
            "InvoiceId": self.one("bill/InvoiceId"),
            "InvoiceIssuerName": self.first(
                "bill/InvoicingEntity", "lineItem/LegalEntity", last="Amazon Web Services"
            ),
            "ServiceProviderName": When(billing, ("AWS Marketplace",), seller, Fixed("AWS")),
            "HostProviderName": Fixed("AWS"),
            "BillingCurrency": self.one("lineItem/CurrencyCode"),
        }

    def _what(self) -> dict[str, Cell | None]:
        usage_type = self.at("lineItem/UsageType")
        spot = Like(usage_type, _SPOT, Fixed("Dynamic"), Fixed("Standard"))
        resource = self.at("lineItem/ResourceId")
        family = self.first("product/productFamily", product="product_family")
        place = self.at("product/locationType")
        return {
            "ChargeCategory": self._charge_category(),
            "ChargeClass": self.by_type((("Refund",), Fixed("Correction")), other=None),
            "ChargeFrequency": self.by_type(
                (OF_USAGE, Fixed("Usage-Based")),
                (UNUSED, Fixed("Recurring")),
                other=Fixed("One-Time"),
            ),
            "PricingCategory": self.by_type(
                (("Usage",), spot),
                ((*USED, NEGATION), Fixed("Committed")),
                (PURCHASES, Fixed("Standard")),
                other=None,
            ),
            "ChargeDescription": self.one("lineItem/LineItemDescription"),
            "ServiceName": self.first(
                "product/ProductName", "product/servicename", "product/servicecode",
                "lineItem/ProductCode", product="product_name",
            ),
            "ServiceCategory": self._service_category(),
            "ResourceId": self.one("lineItem/ResourceId"),
            "ResourceType": When(resource, (), family) if family else None,
            "RegionId": self.first(
                "product/regionCode", "product/region", "product/fromRegionCode", product="region"
            ),
            "RegionName": When(place, ("AWS Region",), self.one("product/location")),
            "AvailabilityZone": self.one("lineItem/AvailabilityZone"),
            "SkuId": self.first("product/sku", product="sku"),
            "SkuPriceId": self.one("pricing/RateCode"),
        }  # fmt: skip

    def _charge_category(self) -> Cell:
        discounts = Like(self._kind, ".*Discount", Fixed("Credit"), Fixed("Adjustment"))
        return When(
            self._kind,
            OF_USAGE,
            Fixed("Usage"),
            self.by_type(
                (PURCHASES, Fixed("Purchase")),
                (("Tax",), Fixed("Tax")),
                (("Credit",), Fixed("Credit")),
                other=discounts,
            ),
        )

    def _service_category(self) -> Cell:
        code = self.at("lineItem/ProductCode")
        cell: Cell = Fixed("Other")
        for category, codes in reversed(CATEGORIES.items()):
            cell = When(code, codes, Fixed(category), cell)
        return cell

    def _costs(self) -> dict[str, Cell | None]:
        billed = self.at(UNBLENDED)
        listed = self.one(ON_DEMAND)
        costs: dict[str, Cell | None] = {
            "BilledCost": billed,
            "EffectiveCost": self._effective(billed),
            "ContractedCost": self._contracted(billed),
            "ListCost": listed,
        }
        return {ours: self._unsplit(cell, Fixed("0")) for ours, cell in costs.items() if cell}

    def _effective(self, billed: Cell) -> Cell | None:
        """Return the amortised cost; as billed where the report has no columns to amortise with."""
        rules: list[tuple[Sequence[str], Cell | None]] = []
        if self.has(*PLAN_COLUMNS):
            used, committed, drawn = map(self.at, PLAN_COLUMNS)
            rules += [
                (("SavingsPlanCoveredUsage",), used),
                (SPENT_ELSEWHERE, Fixed("0")),
                (("SavingsPlanRecurringFee",), Total((committed,), (drawn,))),
            ]
        if self.has(*RESERVED_COLUMNS):
            used, upfront, recurring = map(self.at, RESERVED_COLUMNS)
            rules += [
                (("DiscountedUsage",), used),
                (("RIFee",), Total((upfront, recurring))),
                (("Fee",), self._unless_reserved(billed)),
            ]
        return self.by_type(*rules, other=billed)

    def _contracted(self, billed: Cell) -> Cell | None:
        """Return what the same usage costs at the contract's prices without any commitment.

        A reservation's usage is billed at nothing, so its public price stands in; fees of
        commitments and the cash that a savings plan gives back are what this basis leaves out.
        """
        on_demand = self.one(ON_DEMAND)
        return self.by_type(
            (("DiscountedUsage",), First((on_demand, billed)) if on_demand else billed),
            ((*SPENT_ELSEWHERE, *UNUSED), Fixed("0")),
            (("Fee",), self._unless_reserved(billed)),
            other=billed,
        )

    def _unless_reserved(self, billed: Cell) -> Cell:
        return When(self.at(RESERVATION), (), Fixed("0"), billed)

    def _unsplit(self, cell: Cell | None, inside: Cell | None) -> Cell | None:
        """Return another cell for rows that split an instance's cost, which its own row carries."""
        return When(self.at(PARENT), (), inside, cell) if self.has(PARENT) else cell

    def _quantities(self) -> dict[str, Cell | None]:
        amount = self.one("lineItem/UsageAmount")
        unit = self.one("pricing/unit")
        # What is used is counted where it is used, not where its cost is given back or split.
        used = self.by_type(
            (("Usage", *USED), amount), ((NEGATION,), Fixed("0")), other=None
        )  # fmt: skip
        priced = self.by_type((PURCHASES, amount), other=used)
        return {
            "PricingQuantity": self._unsplit(priced, Fixed("0")),
            "ConsumedQuantity": self._unsplit(used, Fixed("0")),
            "PricingUnit": unit,
            "ConsumedUnit": self.by_type((OF_USAGE, unit), other=None),
        }

    def _commitment(self) -> dict[str, Cell | None]:
        plan, reservation = self.at(PLAN), self.at(RESERVATION)
        offered = self.first("savingsPlan/OfferingType", last="Savings Plan")

        def by_kind(of_plan: Cell | None, of_reservation: Cell | None) -> Cell:
            return When(plan, (), of_plan, When(reservation, (), of_reservation))

        used = by_kind(Fixed("Used"), Fixed("Used"))
        unused = by_kind(Fixed("Unused"), Fixed("Unused"))
        return {
            "CommitmentDiscountId": First((plan, reservation)),
            "CommitmentDiscountCategory": by_kind(Fixed("Spend"), Fixed("Usage")),
            "CommitmentDiscountType": by_kind(offered, Fixed("Reserved Instance")),
            "CommitmentDiscountStatus": self.by_type(
                ((*USED, NEGATION), used), (UNUSED, unused), other=None
            ),
        }  # fmt: skip

    def _tags(self) -> dict[str, Cell | None]:
        found: dict[str, Cell | None] = {}
        maps: list[Labels] = []
        for column in self._header:
            name = folded(column)
            if name in ("resourcetags", "tags"):
                maps.append(Labels(column, _OF_USERS))
            elif name == "costcategory":
                maps.append(Labels(column, before=_CATEGORY))
            elif match := _RESOURCE_TAG.fullmatch(column):
                found[TAG + match[2]] = column
            elif match := _COST_CATEGORY.fullmatch(column):
                found[f"{TAG}{_CATEGORY}{match[1]}"] = column
        if maps:
            found["Tags"] = Gathered(tuple(maps))
        return found


SOURCE: BillFormat = AwsCur()
