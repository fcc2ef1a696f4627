"""The file of budgets: what may be spent, key by key."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from percapita.bills.written.documents import AMOUNT, PERIOD, TEXT, Days, read
from percapita.core.errors import InputError
from percapita.core.money import total
from percapita.core.periods import month_label, next_month
from percapita.core.split import split
from percapita.measure.budget import (
    KINDS,
    Budget,
    Planned,
)
from percapita.model.pool_keys import MATCH
from percapita.model.shapes import Choice, Name, Number, WrongError
from percapita.model.spec import Condition, Match
from percapita.model.structures import Either, Key, Listed, Named, Record
from percapita.plugins import Document

_BUDGET: Final = (
    "budgets: [{budget: Platform, pools: [postgres, workers], amounts: {2025: 120000},"
    " units: 1500, owner: platform team}]"
)
_MONTHS: Final = Name("a month, quarter or year")


@dataclass(frozen=True, slots=True)
class Budgets:
    """The file."""

    budgets: tuple[Budget, ...] = ()
    currency: str = ""


class NoBudgetsError(InputError):
    """There are no budgets to look at."""

    def __init__(self, path: Path) -> None:
        super().__init__(
            f"There are no budgets: {path} is not there.",
            hint="Write them: budgets: [{budget: Platform, amounts: {2025: 120000}}].",
        )


class OtherCurrencyError(InputError):
    """Budgets count in another currency than the model."""

    def __init__(self, path: Path, said: str, model: str) -> None:
        super().__init__(
            f"{path} is in {said}, the model counts in {model}.",
            hint=f"Write the amounts in {model}; what rates move is a cause of its own.",
        )


def _span(text: str) -> list[str]:
    """Return the months of a period that consists of whole ones."""
    days = PERIOD.make(text)
    assert isinstance(days, Days)  # noqa: S101
    if days.start.day != 1 or days.end.day != 1:
        raise WrongError("not-a-date", f"{text!r} is not whole months.".replace("{", "("),
                         "Write 2025-10, 2025-Q4 or 2025.")  # fmt: skip
    found, month = [], days.start
    while month < days.end:
        found.append(month_label(month))
        month = next_month(month)
    return found


def _amounts(said: Mapping[str, Decimal]) -> dict[str, Decimal]:
    """Cut what is said for longer periods into equal months, exactly."""
    found: dict[str, Decimal] = {}
    for text, amount in said.items():
        spread = _span(text)
        for month, part in zip(spread, split(amount, [1] * len(spread)), strict=True):
            if month in found:
                raise WrongError("duplicate-value", f"{month} has two amounts.",
                                 "Write the other months one by one.")  # fmt: skip
            found[month] = part
    return dict(sorted(found.items()))


def _units(said: int | Mapping[str, int], among: Iterable[str]) -> dict[str, int]:
    if isinstance(said, int):
        return dict.fromkeys(among, said)
    return {month: count for text, count in said.items() for month in _span(text)}


def _budget(name: str, **said: Any) -> Budget:  # noqa: ANN401
    match: Mapping[str, Condition] = said.pop("match", Match()).columns
    amounts, plan = said.pop("amounts", {}), said.pop("plan", {})
    period, units = said.pop("period", None), said.pop("units", None)
    expects: Mapping[str, Decimal] = said.get("expects", {})
    if bool(amounts) == bool(plan):
        raise WrongError("missing-key", "A budget needs amounts or plan, one of them.",
                         "Write amounts: {2025: 120000}.")  # fmt: skip
    if plan and not ("by" in said and period):
        raise WrongError("missing-key", "A plan needs the keys by and period.",
                         "Write by: tier and period: 2025.")  # fmt: skip
    if not plan and (period or "by" in said):
        raise WrongError("missing-key", "by and period are for a plan.", "Write plan, or units.")
    if plan:
        spread = _span(period)
        planned = {v: Planned(_units(one["units"], spread), one["cost"]) for v, one in plan.items()}
        due = {
            month: total([*(one.per_unit * one.units.get(month, 0) for one in planned.values()),
                          *expects.values()])
            for month in spread
        }  # fmt: skip
        return Budget(name, due, match, plan=planned, **said)
    cut = _amounts(amounts)
    return Budget(name, cut, match, units=_units(units, cut) if units else {}, **said)


_UNITS: Final = Either((Number(whole=True, above=True), Named(_MONTHS, Number(whole=True))))

BUDGET: Final = Record(
    "A budget",
    (
        Key("budget", TEXT, "What it is called.", _BUDGET, required=True, field="name"),
        Key("pools", Listed(TEXT), "Pools of the model that it is for.", _BUDGET, default="all"),
        Key("match", MATCH, "Lines that it is for.", "match: {tags.Team: growth}", default="all"),
        Key("amounts", Named(_MONTHS, AMOUNT), "What may be spent; longer periods are cut into"
            " equal months.", "amounts: {2025: 120000, 2026-Q1: 33000}"),
        Key("units", _UNITS, "Planned number of the model's first unit, in every month or by"
            " month.", "units: {2025-10: 1500, 2025-11: 1600}"),
        Key("by", TEXT, "Segment that a plan tells apart.", "by: tier"),
        Key("period", _MONTHS, "Months of a plan.", "period: 2025"),
        Key("plan", Named(Name("a value of the segment"), Record(
            "A planned value",
            (
                Key("units", _UNITS, "As above.", "plan: {Pro: {units: 250, cost: 103}}",
                    required=True),
                Key("cost", AMOUNT, "Planned cost of one unit in a month.",
                    "plan: {Pro: {units: 250, cost: 103}}", required=True),
            ), dict)),
            "Units and cost of each, in place of amounts.",
            "plan: {Starter: {units: 1200, cost: 27.49}, Pro: {units: 250, cost: 103}}"),
        Key("expects", Named(Choice(KINDS), AMOUNT), "Of each month's amount, what is planned for"
            " kinds of charge that are no usage.", "expects: {credits: -500, tax: 1900}"),
        Key("rates", Named(TEXT, AMOUNT), "What currencies were taken to be worth.",
            "rates: {EUR: 1.05}"),
        Key("warn", Number(), "Percent used from which it is a finding.", "warn: 80"),
        Key("owner", TEXT, "Who answers for it.", "owner: platform team"),
    ),
    _budget,
    spec=Budget,
)  # fmt: skip

FILE: Final = Record(
    "The file of budgets",
    (
        Key("currency", TEXT, "Of the amounts; the model's.", "currency: USD"),
        Key("budgets", Listed(BUDGET, key="budget", single=False), "The budgets.", _BUDGET,
            required=True),
    ),
    Budgets,
    spec=Budgets,
)  # fmt: skip


def read_budgets(path: Path, currency: str) -> tuple[Budget, ...]:
    """Read ``budgets.yaml``.

    Raises:
        InputError: it is not there, is wrong, or counts in another currency than ``currency``.
    """
    if not path.is_file():
        raise NoBudgetsError(path)
    found: Budgets = read(Document(path, path, ""), FILE, "budgets: []").value
    if currency and found.currency and found.currency != currency:
        raise OtherCurrencyError(path, found.currency, currency)
    return found.budgets
