"""An invoice as lines: a charge per item and time, its discount, its tax."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from typing import Literal

from percapita.bills.written.documents import Days, Written
from percapita.bills.written.invoice.grammar import Cut, Invoice, Item
from percapita.bills.written.invoice.pricing import (
    Rounding,
    cost,
    drawn,
    intervals,
    priced,
    rounded,
    whole,
)
from percapita.bills.written.quantities import Quantities, used_by
from percapita.bills.written.schedules import EXACT, Charge, Line
from percapita.core import money
from percapita.core.periods import next_month
from percapita.core.split import split
from percapita.model.spec import Trail

ONCE, RECURRING, USAGE = "One-Time", "Recurring", "Usage-Based"
_COMMITMENT = "CommitmentDiscountStatus"


def lines_of(written: Written) -> list[Line]:
    """Return all lines.

    Raises:
        DocumentError: an item has no time, a quantity can't be had, or the sum is not the total.
    """
    invoice: Invoice = written.value
    found: list[Line] = []
    rounding = Rounding(invoice.decimals)
    for number, item in enumerate(invoice.items):
        found += _Position(written, invoice, item, ("items", number), rounding).lines()
    found += _whole_cuts(written, invoice)
    written.stop()
    _sum(written, invoice, found)
    return found


def _sum(written: Written, invoice: Invoice, found: list[Line]) -> None:
    made = money.total(
        [amount for line in found if isinstance(amount := line["BilledCost"], Decimal)]
    )
    if invoice.total is not None and made != invoice.total:
        missing = money.text(EXACT.subtract(invoice.total, made))
        written.wrong(
            "wrong-total", ("total",),
            f"The lines sum to {money.text(made)}, not {money.text(invoice.total)}: the difference"
            f" is {missing} {invoice.currency}.",
            "Look for an item, a discount or a tax; `decimals: 2` rounds amounts to cents.",
        )  # fmt: skip
        written.stop()


def _whole_cuts(written: Written, invoice: Invoice) -> Iterator[Line]:
    """Yield discount and tax of the invoice that are one amount."""
    for word, cut in (("discount", invoice.discount), ("tax", invoice.tax)):
        if cut is None or cut.amount is None:
            continue
        span = invoice.period or _all(invoice)
        if span is None:
            message = f"{word!r} is an amount, and the invoice has no period."
            written.wrong("missing-key", (word,), message, "Write period: 2025-10.")
            continue
        amount = -cut.amount if word == "discount" else cut.amount
        columns = {**_columns(invoice), "ServiceName": invoice.service or invoice.issuer,
                   "ServiceCategory": invoice.category, "Tags": dict(invoice.tags),
                   "ChargeDescription": cut.name or word.capitalize(), "ChargeFrequency": ONCE,
                   "x_Line": written.line(word)}  # fmt: skip
        category = "Credit" if word == "discount" else "Tax"
        yield from Charge(span, amount, columns, invoice.date, category=category).lines()


def _all(invoice: Invoice) -> Days | None:
    spans = [item.period for item in invoice.items if item.period]
    if not spans:
        return None
    return Days(min(span.start for span in spans), max(span.end for span in spans))


def _columns(invoice: Invoice) -> Mapping[str, object]:
    return {
        "InvoiceId": invoice.invoice or None,
        "InvoiceIssuerName": invoice.issuer,
        "ServiceProviderName": invoice.issuer,
        "BillingAccountId": invoice.account or invoice.issuer,
        "BillingAccountName": invoice.account or invoice.issuer,
        "BillingCurrency": invoice.currency,
    }


@dataclass(slots=True)
class _Position:
    """One item on its way to lines."""

    written: Written
    invoice: Invoice
    item: Item
    trail: Trail
    rounding: Rounding

    def lines(self) -> Iterator[Line]:
        item, quantities = self.item, Quantities(self.written)
        span = item.period or self.invoice.period
        if span is None:
            message = f"Nothing says which time {item.item!r} is for."
            self.written.wrong("missing-key", self.trail, message, "Write period: 2025-10.")
            return
        for word, said in (("quantity", item.quantity), ("used", item.used)):
            if said is not None:
                quantities.outside(said, span, (*self.trail, word))
        if item.pack is not None:
            yield from self._pack(span, item.pack, quantities)
            return
        for time in intervals(span, item.every):
            used = None
            if item.quantity is not None:
                used = quantities.within(item.quantity, time, (*self.trail, "quantity"))
            yield from self._once(time, used)

    def _at(self, time: Days) -> date | None:
        if self.invoice.date is not None and self.item.every == "once":
            return self.invoice.date
        return time.end - timedelta(days=1) if self.item.billed == "arrears" else None

    def _once(self, time: Days, used: Decimal | None) -> Iterator[Line]:
        """Yield what one charge of the item becomes."""
        item, total = self.item, money.ZERO
        committed = {} if item.minimum is None else self._committed("Used")
        for quantity, exact, tier in priced(item, used):
            amount = rounded(exact, self.invoice.decimals)
            total = EXACT.add(total, amount)
            columns = {**self._own(), **committed, "SkuPriceId": f"tier {tier}" if tier else None}
            charge = Charge(time, amount, columns, self._at(time), quantity, self._listed(quantity),
                            self._category(amount))  # fmt: skip
            yield from charge.lines()
        if item.minimum is not None and total < item.minimum:
            short = EXACT.subtract(item.minimum, total)
            total = item.minimum
            name = f"{item.item}: up to the minimum"
            columns = {**self._own(name), **self._committed("Unused")}
            yield from Charge(time, short, columns, self._at(time)).lines()
        yield from self._cuts(time, total)

    def _category(self, amount: Decimal) -> str:
        if amount < 0:
            return "Credit"
        return "Purchase" if self.item.amount is not None else "Usage"

    def _listed(self, quantity: Decimal | None) -> Decimal | None:
        if self.item.list_price is None or quantity is None:
            return None
        return rounded(cost(quantity, self.item.list_price, self.item.per), self.invoice.decimals)

    def _cuts(self, time: Days, total: Decimal, *, discount: bool = True) -> Iterator[Line]:
        """Yield an item's discount, and the tax on what is left."""
        item, invoice = self.item, self.invoice
        cut = item.discount or invoice.discount
        off = self._of("discount", cut, total, time) if discount else None
        if cut and off is not None:
            total = EXACT.subtract(total, off)
            columns = self._own(cut.name or f"{item.item}: discount")
            yield from Charge(time, -off, columns, self._at(time), category="Credit").lines()
        cut = item.tax or invoice.tax
        tax = self._of("tax", cut, total, time)
        if cut and tax is not None:
            columns = self._own(f"{cut.name or 'Tax'}: {item.item}")
            yield from Charge(time, tax, columns, self._at(time), category="Tax").lines()

    def _of(
        self, word: Literal["discount", "tax"], cut: Cut | None, total: Decimal, time: Days
    ) -> Decimal | None:
        """Return what a discount or tax is on the item; none where it is nothing."""
        if cut is None or (cut.percent is None and getattr(self.item, word) is None):
            return None
        if cut.percent is None:
            return cut.amount
        if not cut.percent or not total:
            return None
        # All that is billed in a month is rounded as one sum.
        month = (self._at(time) or time.start).replace(day=1)
        kind = (word, cut.percent, cut.name, month)
        return self.rounding.next(kind, cost(total, cut.percent, Decimal(100)))

    def _pack(self, span: Days, pack: Decimal, quantities: Quantities) -> Iterator[Line]:
        """Yield a prepaid pack: billed once, its cost where it is used, what is left at the end."""
        item, amount = self.item, self.item.amount or money.ZERO
        assert item.used is not None  # noqa: S101
        assert not isinstance(item.used, Decimal)  # noqa: S101
        taken = drawn(pack, used_by(quantities.dated(item.used, (*self.trail, "used")), span))
        last = (span.end - timedelta(days=1)).replace(day=1)
        left = EXACT.subtract(pack, money.total([one.inside for one in taken]))
        rows = [(one.month, one.inside, "Used") for one in taken] + [(last, left, "Unused")]
        columns = {**self._own(), **self._committed("Used")}
        charge = Charge(span, amount, columns, self._at(span))
        yield {**charge.once(), _COMMITMENT: None}
        costs = split(amount, whole([quantity for _, quantity, _ in rows]))
        for (month, quantity, status), part in zip(rows, costs, strict=True):
            if quantity:
                yield {
                    **charge.part(self._within(month, span), part, quantity),
                    _COMMITMENT: status,
                }
        yield from self._beyond(span, [(one.month, one.beyond) for one in taken if one.beyond])
        yield from self._cuts(span, amount)

    def _beyond(self, span: Days, beyond: list[tuple[date, Decimal]]) -> Iterator[Line]:
        """Yield what was used beyond a pack."""
        if beyond and self.item.overage is None:
            total = money.text(money.total([quantity for _, quantity in beyond]))
            self.written.wrong(
                "outside-period", (*self.trail, "used"),
                f"{total} more than the pack was used, from {beyond[0][0]:%Y-%m} on.",
                "Give the price of a unit beyond the pack: overage: 0.006.",
            )  # fmt: skip
            return
        for month, quantity in beyond:
            exact = cost(quantity, self.item.overage or money.ZERO, self.item.per)
            amount = rounded(exact, self.invoice.decimals)
            time = self._within(month, span)
            columns = self._own(f"{self.item.item}: beyond the pack")
            yield from Charge(time, amount, columns, None, quantity).lines()
            yield from self._cuts(time, amount, discount=False)

    def _within(self, month: date, span: Days) -> Days:
        return Days(max(month, span.start), min(next_month(month), span.end))

    def _committed(self, status: str) -> dict[str, object]:
        return {
            "CommitmentDiscountId": f"{self.invoice.issuer}/{self.item.item}",
            "CommitmentDiscountName": self.item.item,
            "CommitmentDiscountCategory": "Usage" if self.item.pack is not None else "Spend",
            "CommitmentDiscountType": "Prepaid" if self.item.pack is not None else "Minimum",
            "PricingCategory": "Committed",
            _COMMITMENT: status,
        }

    def _own(self, name: str = "") -> dict[str, object]:
        item, invoice = self.item, self.invoice
        usage = item.amount is None or item.pack is not None
        frequency = USAGE if usage else RECURRING if item.every != "once" else ONCE
        return {
            **_columns(invoice),
            "ServiceName": item.service or invoice.service or invoice.issuer,
            "ServiceCategory": item.category or invoice.category,
            "ChargeDescription": name or item.item,
            "ChargeFrequency": frequency,
            "PricingCategory": "Standard",
            "PricingUnit": item.unit or None,
            "SkuId": item.sku or item.item,
            "ResourceId": item.resource or None,
            "Tags": {**invoice.tags, **item.tags},
            "x_Line": self.written.line(*self.trail),
        }
