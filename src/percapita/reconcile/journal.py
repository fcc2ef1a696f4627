"""The month's double entries: cost by pool on one side, who is owed it on the other.

Debit: the cost of each pool in the run's basis, to the account of its class of profit and loss.
Credit: the billed cost of each invoice to accounts payable, of lines without an invoice to accrued
liabilities. What the basis says more or less than the bill (commitments used, or paid ahead) goes
to prepaid expenses, issuer by issuer. Both sides are equal, or nothing is written.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Context, Decimal
from typing import Final, NamedTuple

from percapita.core.errors import ProofError
from percapita.core.money import ZERO, text, total

_EXACT: Final = Context(prec=120)


@dataclass(frozen=True, slots=True)
class Accounts:
    """What the ledger of finance calls things; names stand in where no number is given."""

    payable: str = "accounts payable"
    accrued: str = "accrued liabilities"
    prepaid: str = "prepaid expenses"
    classes: Mapping[str, str] = field(default_factory=dict)
    """Class of profit and loss to account; the class itself unless said."""
    pools: Mapping[str, str] = field(default_factory=dict)
    """Pool to account, where it is not that of its class."""


class Owed(NamedTuple):
    """What lines of one issuer and invoice come to."""

    issuer: str
    invoice: str
    """Empty: none yet."""
    billed: Decimal
    cost: Decimal
    """In the basis of the run."""


class Spent(NamedTuple):
    """What a pool cost, and where it belongs."""

    pool: str
    cost_class: str
    cost_centre: str
    owner: str
    amount: Decimal


class Entry(NamedTuple):
    """One line of the journal; a negative debit is written as credit, and the other way round."""

    account: str
    debit: Decimal
    credit: Decimal
    cost_centre: str
    pool: str
    owner: str
    issuer: str
    invoice: str
    status: str
    """open, closed or adjustment."""
    of_period: str
    """The month it is for; that of the journal, but for adjustments."""

    @property
    def signed(self) -> Decimal:
        """Debit less credit."""
        return _EXACT.subtract(self.debit, self.credit)


class UnbalancedError(ProofError):
    """Debit and credit differ, or the debits are not the bill."""

    def __init__(self, what: str, found: Decimal, due: Decimal) -> None:
        super().__init__(
            f"The journal's {what} is {text(found)}, due is {text(due)}; it was not written.",
            hint="This is a fault of percapita: please report it.",
        )


def entries(
    spent: Iterable[Spent], owed: Iterable[Owed], accounts: Accounts, *, status: str, period: str
) -> list[Entry]:
    """Return the entries of a month's own figures, or of one adjustment."""
    found = [
        _entry(_account(one, accounts), one.amount, status, period, spent=one)
        for one in spent
        if one.amount
    ]
    ahead: dict[str, Decimal] = {}
    for bill in owed:
        account = accounts.payable if bill.invoice else accounts.accrued
        if bill.billed:
            found.append(_entry(account, -bill.billed, status, period, owed=bill))
        rest = _EXACT.subtract(bill.billed, bill.cost)
        ahead[bill.issuer] = _EXACT.add(ahead.get(bill.issuer, ZERO), rest)
    for issuer, amount in sorted(ahead.items()):
        if amount:
            whose = Owed(issuer, "", ZERO, ZERO)
            found.append(_entry(accounts.prepaid, amount, status, period, owed=whose))
    return found


def _account(one: Spent, accounts: Accounts) -> str:
    known = accounts.pools.get(one.pool)
    return known or accounts.classes.get(one.cost_class, one.cost_class)


def _entry(
    account: str,
    signed: Decimal,
    status: str,
    period: str,
    *,
    spent: Spent | None = None,
    owed: Owed | None = None,
) -> Entry:
    debit = signed if signed > 0 else ZERO
    credit = _EXACT.minus(signed) if signed < 0 else ZERO
    return Entry(
        account, debit, credit,
        spent.cost_centre if spent else "", spent.pool if spent else "",
        spent.owner if spent else "", owed.issuer if owed else "", owed.invoice if owed else "",
        status, period,
    )  # fmt: skip


def prove(found: Sequence[Entry], bill: Decimal) -> None:
    """Stop where the two sides differ, or the pools do not sum to the bill.

    Raises:
        UnbalancedError: they do.
    """
    balance = total([entry.signed for entry in found])
    if balance:
        raise UnbalancedError("debit less credit", balance, ZERO)
    cost = total([entry.signed for entry in found if entry.pool])
    if cost != bill:
        raise UnbalancedError("cost", cost, bill)
