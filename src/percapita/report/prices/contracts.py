"""Vendor contracts: the file, where each stands, and its findings."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, Final

from percapita.bills.written.documents import AMOUNT, LAST, PERIOD, TEXT, Days, read
from percapita.core.errors import InputError
from percapita.core.money import text
from percapita.core.tables import LINES
from percapita.measure.contracts import Contract, Standing, by_notice, findings
from percapita.measure.pricebook import Price
from percapita.measure.signals import Finding
from percapita.model.pool_keys import MATCH
from percapita.model.shapes import Choice, Flag, Name, Number, WrongError
from percapita.model.spec import Condition, Match
from percapita.model.structures import Key, Listed, Made, Record
from percapita.plugins import Document
from percapita.report.prices.book import BASES, PRICE_KEYS, judged, price_of, rows
from percapita.store import Store
from percapita.store.read import prices as read_prices

_ISSUERS: Final = ("InvoiceIssuerName", "ServiceProviderName")
_CONTRACT: Final = (
    "contracts: [{contract: Acme 2025, vendor: Acme Mail, term: 2025, currency: EUR,"
    " commitment: 12000, notice: 90, renews: true, uplift: 7}]"
)


@dataclass(frozen=True, slots=True)
class Contracts:
    """The file."""

    contracts: tuple[Contract, ...] = ()


class NoContractsError(InputError):
    """There are no contracts to look at."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There are no contracts: {path} is not there.",
            hint="Write them: contracts: [{contract: …, vendor: …, term: 2025, currency: EUR}].",
        )


def _notice(text: object) -> object:
    return int(str(text)) if re.fullmatch(r"\d{1,3}", str(text)) else LAST.make(text)


def _contract(term: Days, **said: Any) -> Contract:  # noqa: ANN401
    notice: int | date | None = said.pop("notice", None)
    if isinstance(notice, int):
        notice = term.end - timedelta(days=notice + 1)
    if notice is not None and notice >= term.end:
        raise WrongError("wrong-order", "The notice date lies after the end of the term.",
                         "Write the last day to cancel, or days before the end.")  # fmt: skip
    match: Mapping[str, Condition] = said.pop("match", Match()).columns
    prices: tuple[Price, ...] = said.pop("prices", ())
    contract = Contract(start=term.start, end=term.end, notice=notice, match=match, **said)
    own = match or {_ISSUERS[0]: Condition((contract.vendor,))}
    last = term.end - timedelta(days=1)
    return replace(contract, match=own, prices=tuple(
        replace(price, match={**own, **price.match}, currency=contract.currency, above=True,
                basis=contract.basis, start=term.start, end=last)
        for price in prices
    ))  # fmt: skip


CONTRACT: Final = Record(
    "A contract",
    (
        Key("contract", TEXT, "What it is called.", _CONTRACT, required=True, field="name"),
        Key("vendor", TEXT, "InvoiceIssuerName of its lines.", _CONTRACT, required=True),
        Key("match", MATCH, "Its lines, where the vendor does not tell them.",
            "match: {ServiceName: [Acme*, Mail*]}", default="lines that the vendor issues"),
        Key("term", PERIOD, "From its first day to its last.", _CONTRACT, required=True),
        Key("currency", TEXT, "Of its amounts.", _CONTRACT, required=True),
        Key("notice", Made(Name("a day, or days before the end"), _notice),
            "Last day to give notice, or days before the end.", _CONTRACT),
        Key("warn", Number(whole=True), "Days before the notice date from which it is a finding.",
            "warn: 90"),
        Key("renews", Flag(), "It goes on by itself.", _CONTRACT),
        Key("uplift", Number(), "Percent that it gets dearer by when it renews.", _CONTRACT),
        Key("commitment", AMOUNT, "What the term costs at least.", _CONTRACT),
        Key("cap", AMOUNT, "What the term may cost at most.", "cap: 20000"),
        Key("basis", Choice(BASES), "Cost that counts.", "basis: billed"),
        Key("prices", Listed(
            Record("A price", PRICE_KEYS, price_of, spec=Price), single=False),
            "Agreed prices, as in a price book.",
            "prices: [{sku: seat, unit: seat, price: 12.50, tolerance: 0}]"),
        Key("owner", TEXT, "Who looks after it.", "owner: platform team"),
        Key("alternative", TEXT, "Where else to go.", "alternative: Other Mail at 0.9 of it"),
    ),
    _contract,
    spec=Contract,
)  # fmt: skip

FILE: Final = Record(
    "The file of contracts",
    (
        Key("contracts", Listed(CONTRACT, key="contract", single=False), "The contracts.",
            _CONTRACT, required=True),
    ),
    Contracts,
    spec=Contracts,
)  # fmt: skip


def read_contracts(path: Path) -> tuple[Contract, ...]:
    """Read ``contracts.yaml``.

    Raises:
        InputError: it is not there, or something is wrong with it.
    """
    if not path.is_file():
        raise NoContractsError(path)
    found: Contracts = read(Document(path, path, ""), FILE, "contracts: []").value
    return found.contracts


def standings(store: Store, contracts: Sequence[Contract], today: date) -> list[Standing]:
    """Return where each contract stands by the live lines, what is due first, first."""
    lines = store.bind(LINES, "contract_lines")
    through = read_prices.through(store.engine, lines, today)
    found = []
    for contract in contracts:
        spent = read_prices.spent(
            store.engine, lines, contract.match, currency=contract.currency, basis=contract.basis,
            span=(contract.start, contract.end), today=today,
        )  # fmt: skip
        found.append(
            Standing(contract, today, spent.lines, spent.amount, through, spent.after,
                     tuple(judged(store, contract.prices)))
        )  # fmt: skip
    return by_notice(found)


def contract_findings(store: Store, path: Path, now: datetime, currency: str) -> list[Finding]:
    """Return the findings of contracts, amounts in a currency; none where there are none."""
    if not path.is_file():
        return []
    return findings(standings(store, read_contracts(path), now.date()), currency)


def to_json(found: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return the contracts as JSON carries them."""
    return [
        {
            "contract": at.contract.name, "vendor": at.contract.vendor,
            "owner": at.contract.owner or None, "status": at.status,
            "start": at.contract.start.isoformat(),
            "last_day": (at.contract.end - timedelta(days=1)).isoformat(),
            "notice": None if at.contract.notice is None else at.contract.notice.isoformat(),
            "notice_in": at.notice_in, "renews": at.contract.renews,
            "uplift": text(at.contract.uplift), "currency": at.contract.currency,
            "basis": at.contract.basis, "lines": at.lines, "spent": text(at.spent),
            "through": None if at.through is None else at.through.isoformat(),
            "elapsed": text(at.elapsed), "pace": text(at.pace),
            "commitment": text(at.contract.commitment), "used": text(at.used),
            "left": text(at.left), "cap": text(at.contract.cap), "after_end": text(at.after),
            "overpaid": text(at.overpaid), "alternative": at.contract.alternative or None,
            "prices": rows(at.prices),
        }
        for at in found
    ]  # fmt: skip
