"""Contracts with vendors: what is due, what is left of a commitment, how prices are kept."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from decimal import ROUND_HALF_EVEN, Context, Decimal
from typing import Final

from percapita.core import money
from percapita.measure.pricebook import Judged, Price, counted, gathered, in_currency
from percapita.measure.signals import Finding
from percapita.model.spec import Basis, Condition

UNDERUSED: Final = Decimal(90)
"""Percent of a commitment; a pace below it is a finding."""
NEAR: Final = Decimal(80)
"""Percent of a cap; a pace above it is a finding."""
EARLY: Final = Decimal(10)
"""Percent of a term that must be over before its pace says anything."""

_EXACT: Final = Context(prec=120, rounding=ROUND_HALF_EVEN)


@dataclass(frozen=True, slots=True)
class Contract:
    """What was agreed with a vendor. ``end`` is the day after the last."""

    name: str
    vendor: str
    start: date
    end: date
    currency: str
    match: Mapping[str, Condition] = field(default_factory=dict)
    notice: date | None = None
    """Last day on which it can be cancelled."""
    renews: bool = False
    """It goes on by itself unless it is cancelled."""
    uplift: Decimal | None = None
    """Percent that prices rise by when it renews."""
    commitment: Decimal | None = None
    """What will be paid in the term, used or not."""
    cap: Decimal | None = None
    """What the term may cost at most."""
    basis: Basis = "effective"
    prices: tuple[Price, ...] = ()
    warn: int = 60
    """Days before the notice date from which it is a finding."""
    owner: str = ""
    alternative: str = ""


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a contract stands today."""

    contract: Contract
    today: date
    lines: int
    spent: Decimal
    """In the term, up to ``through``."""
    through: date | None
    """Day up to which there are lines, of whatever vendor."""
    after: Decimal
    """Spent after the end."""
    prices: tuple[Judged, ...] = ()

    @property
    def elapsed(self) -> Decimal | None:
        """Percent of the term that the spend covers."""
        contract = self.contract
        until = min(self.through or self.today, contract.end)
        return money.percent(
            Decimal(max((until - contract.start).days, 0)), (contract.end - contract.start).days
        )

    @property
    def pace(self) -> Decimal | None:
        """What the whole term comes to if the rest is like what was."""
        if self.elapsed is None or self.elapsed < EARLY:
            return None
        return money.quotient(_EXACT.multiply(self.spent, Decimal(100)), self.elapsed)

    @property
    def used(self) -> Decimal | None:
        """Percent of the commitment."""
        if self.contract.commitment is None:
            return None
        return money.percent(self.spent, self.contract.commitment)

    @property
    def left(self) -> Decimal | None:
        """What is left of the commitment; below zero it was exceeded."""
        if self.contract.commitment is None:
            return None
        return _EXACT.subtract(self.contract.commitment, self.spent)

    @property
    def notice_in(self) -> int | None:
        """Days until the notice date; ``None`` once the term is over."""
        if self.contract.notice is None or self.today >= self.contract.end:
            return None
        return (self.contract.notice - self.today).days

    @property
    def status(self) -> str:
        """Future, running, notice due, renewing, or ended."""
        contract = self.contract
        if self.today < contract.start:
            return "future"
        if self.today >= contract.end:
            return "ended"
        if self.notice_in is None:
            return "running"
        if self.notice_in < 0:
            return "renewing" if contract.renews else "ending"
        return "notice due" if self.notice_in <= contract.warn else "running"

    @property
    def overpaid(self) -> Decimal:
        """What prices above the contract's came to."""
        return money.total([one.at_stake for one in self.prices if one.differs])


def findings(standings: Iterable[Standing], currency: str) -> list[Finding]:
    """Return everything about contracts that needs somebody, amounts in a currency."""
    found: list[Finding] = []
    for standing in standings:
        own = standing.contract.currency
        found += [
            in_currency(one, own, currency)
            for part in (_renewal, _commitment, _cap, _prices)
            for one in part(standing)
        ]
    return found


def _renewal(at: Standing) -> list[Finding]:
    contract = at.contract
    last = contract.end - timedelta(days=1)
    if at.status == "ended":
        return _ended(at, last)
    if at.status != "notice due":
        return []
    assert contract.notice is not None  # noqa: S101
    rise = f", {contract.uplift.normalize():f} % dearer" if contract.uplift else ""
    follows = f"It renews on {contract.end}{rise}." if contract.renews else f"It ends on {last}."
    other = f" The alternative: {contract.alternative}." if contract.alternative else ""
    return [
        Finding("contract-renewal", "warning", contract.name,
                f"{at.notice_in} days are left to give notice, until {contract.notice}. {follows}",
                _rise(at), f"Renegotiate, cancel, or plan for it now.{other}", contract.owner)
    ]  # fmt: skip


def _rise(at: Standing) -> Decimal | None:
    """Return what the next term costs more if it is used like this one."""
    base = at.contract.commitment or at.pace
    if base is None or at.contract.uplift is None:
        return None
    return money.percent(_EXACT.multiply(base, at.contract.uplift), Decimal(10000))


def _ended(at: Standing, last: date) -> list[Finding]:
    if not at.after or at.contract.renews:
        return []
    return [
        Finding("contract-ended", "warning", at.contract.name,
                f"It ended on {last}, and the vendor goes on charging.", at.after,
                "Write down the contract that holds now, or find out what is charged.",
                at.contract.owner)
    ]  # fmt: skip


def _commitment(at: Standing) -> list[Finding]:
    contract, pace = at.contract, at.pace
    if contract.commitment is None or pace is None or at.status == "ended":
        return []
    share = money.percent(pace, contract.commitment)
    if share is None or share >= UNDERUSED:
        return []
    return [
        Finding("contract-underused", "warning", contract.name,
                f"{_percent(at.used)} % of the commitment are used after"
                f" {_percent(at.elapsed)} % of the term; at this pace it will be"
                f" {_percent(share)} %.",
                _EXACT.subtract(contract.commitment, pace),
                "Move usage to it, or commit to less when it renews.", contract.owner)
    ]  # fmt: skip


def _cap(at: Standing) -> list[Finding]:
    contract = at.contract
    if contract.cap is None or at.status == "ended":
        return []
    used = money.percent(at.spent, contract.cap)
    heading = money.percent(at.pace, contract.cap)
    if (used or money.ZERO) < NEAR and (heading or money.ZERO) <= Decimal(100):
        return []
    pace = "" if heading is None else f"; at this pace the term takes {_percent(heading)} %"
    return [
        Finding("contract-cap", "warning", contract.name,
                f"{_percent(used)} % of the cap are used{pace}.",
                None if at.pace is None else _EXACT.subtract(at.pace, contract.cap),
                "Find out what is charged beyond the cap, and agree on it before.", contract.owner)
    ]  # fmt: skip


def _prices(at: Standing) -> list[Finding]:
    return [
        Finding("contract-price", "warning", f"{at.contract.name}: {price.name}",
                f"{counted(off.lines)} from {off.periods[0]} on cost more than was agreed.",
                off.stake, "Ask the vendor for a credit; percapita contracts shows the prices.",
                at.contract.owner)
        for price, off in gathered(at.prices)
    ]  # fmt: skip


def _percent(value: Decimal | None) -> str:
    return "0" if value is None else f"{value.quantize(Decimal('0.1'))}"


def by_notice(standings: Sequence[Standing]) -> list[Standing]:
    """Return what is due first, first; what is over, last."""

    def due(at: Standing) -> tuple[bool, date, str]:
        return at.status == "ended", at.contract.notice or at.contract.end, at.contract.name

    return sorted(standings, key=due)
