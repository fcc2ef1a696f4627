"""Price book and contracts on the terminal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Final

from percapita.measure.contracts import Standing
from percapita.measure.pricebook import Judged
from percapita.report.numbers import amount, count, places, share
from percapita.report.table import Column

if TYPE_CHECKING:
    from percapita.report.table import Page

_STYLES: Final = {"notice due": "red", "ended": "dim", "future": "dim"}


def show_book(
    page: Page, found: Sequence[Judged], stakes: Mapping[str, Decimal], unseen: Sequence[str]
) -> None:
    """Print expected against found, a row per price and month."""
    if found:
        page.line("Prices: expected against found, per unit", "bold")
        dropped = page.table(_prices(found))
        if dropped:
            page.line(f"Wider terminals also show: {', '.join(dropped)}.")
        for currency, stake in stakes.items():
            page.line(f"At stake: {amount(stake)} {currency}.")
    if unseen:
        page.line(f"No line has these prices: {', '.join(unseen)}.")


def _prices(found: Sequence[Judged]) -> list[Column]:
    digits = places([price for one in found for price in (one.expected_price, one.found_price)])
    marks = ["red" if one.differs else "" for one in found]
    return [
        Column("price", [one.price.name for one in found], number=False),
        Column("month", [one.period for one in found], number=False),
        Column("unit", [one.price.unit for one in found], number=False, rank=3),
        Column("quantity", [amount(one.quantity) for one in found], rank=2),
        Column("expected", [amount(one.expected_price, digits) for one in found]),
        Column("found", [amount(one.found_price, digits) for one in found]),
        Column("%", [share(one.percent) for one in found], rank=1),
        Column("lines", [count(one.lines) for one in found], rank=4),
        Column("off", [count(one.off_lines) for one in found], marks),
        Column("at stake", [amount(one.at_stake) for one in found], marks),
        Column("", [one.price.currency for one in found], number=False),
    ]


def show_contracts(page: Page, found: Sequence[Standing]) -> None:
    """Print where each contract stands, and prices that are above what was agreed."""
    page.line("Contracts, what is due first", "bold")
    dropped = page.table(_contracts(found))
    if dropped:
        page.line(f"Wider terminals also show: {', '.join(dropped)}.")
    silent = [at.contract for at in found if not at.lines]
    if silent:
        named = ", ".join(f"{one.name} (vendor: {one.vendor})" for one in silent)
        page.line(
            f"No line in its term belongs to: {named}. A line is a vendor's by InvoiceIssuerName;"
            " say match: where the bill calls it otherwise."
        )
    off = [one for at in found for one in at.prices if one.differs]
    if off:
        page.line()
        page.line("Above the agreed price, per unit", "bold")
        page.table(_prices(off))


def _contracts(found: Sequence[Standing]) -> list[Column]:
    def days(at: Standing) -> str:
        return "" if at.notice_in is None or at.notice_in < 0 else str(at.notice_in)

    contracts = [at.contract for at in found]
    return [
        Column("contract", [one.name for one in contracts], number=False),
        Column("status", [at.status for at in found],
               [_STYLES.get(at.status, "") for at in found], number=False),
        Column("notice until", [str(one.notice or "") for one in contracts], number=False),
        Column("days", [days(at) for at in found]),
        Column("ends before", [str(one.end) for one in contracts], number=False, rank=2),
        Column("spent", [amount(at.spent) for at in found]),
        Column("term %", [share(at.elapsed) for at in found], rank=3),
        Column("pace", [amount(at.pace) for at in found], rank=4),
        Column("committed", [amount(one.commitment) for one in contracts]),
        Column("used %", [share(at.used, missing="") for at in found], rank=1),
        Column("", [one.currency for one in contracts], number=False),
        Column("owner", [one.owner for one in contracts], number=False, rank=5),
    ]  # fmt: skip
