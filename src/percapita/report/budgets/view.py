"""Budgets written out: tables for the terminal, JSON, or flat rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

from percapita.core.money import percent, text, total
from percapita.measure.budget import CAUSES, VOLUME, Standing
from percapita.report.numbers import amount, count, share
from percapita.report.table import Column

if TYPE_CHECKING:
    from percapita.report.table import Page

_STYLES: Final = {"over": "red", "will be over": "red"}


def to_json(found: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return where budgets stand as JSON carries it, a row per budget and month."""
    return [
        {
            "budget": at.budget.name, "month": at.month, "owner": at.budget.owner or None,
            "status": at.status, "planned": text(at.planned), "actual": text(at.actual),
            "through": at.outlook.through and at.outlook.through.isoformat(),
            "to_come": text(at.outlook.to_come), "forecast": text(at.outlook.forecast),
            "low": text(at.outlook.low), "high": text(at.outlook.high),
            "missed_percent": text(at.outlook.missed), "tested_months": at.outlook.tested,
            "variance": text(at.variance),
            "variance_percent": text(percent(at.variance, at.planned)), "complete": at.complete,
            "planned_units": at.budget.units_of(at.month), "units": at.units,
            "causes": {name: text(value) for name, value in at.causes.items()},
        }
        for at in found
    ]  # fmt: skip


def flat(found: Sequence[Standing]) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows, a column for each cause; empty is not known, or nothing."""
    rows = to_json(found)
    names = [name for name in (rows[0] if rows else {}) if name != "causes"]
    return [*names, *CAUSES], [
        [*(row[name] for name in names), *(row["causes"].get(cause) for cause in CAUSES)]
        for row in rows
    ]


def show(page: Page, found: Sequence[Standing], basis: str, currency: str) -> None:
    """Print a row per budget and month, then why complete months are off."""
    months = sorted({at.month for at in found})
    several = len(months) > 1
    where = "" if several else f" of {months[0]}"
    page.line(f"Budgets{where}, {basis} cost, {currency}", "bold")
    dropped = page.table([*_months(found, several=several), *_rows(found)])
    if dropped:
        page.line(f"Wider terminals also show: {', '.join(dropped)}.")
    for at in found:
        _explain(page, at)
    why = [at for at in found if at.causes]
    if why:
        page.line()
        page.line("Why actual differs from planned", "bold")
        page.table([*_months(_twice(why), several=several), *_causes(why)])


def _months(found: Sequence[Standing], *, several: bool) -> list[Column]:
    if not several:
        return []
    return [Column("month", [at.month for at in found], number=False)]


def _twice(found: Sequence[Standing]) -> list[Standing]:
    """Return each once for every cause, and for their sum."""
    return [at for at in found for _ in range(len(at.causes) + 1)]


def _rows(found: Sequence[Standing]) -> list[Column]:
    seen = [at.outlook for at in found]
    return [
        Column("budget", [at.budget.name for at in found], number=False),
        Column("planned", [amount(at.planned) for at in found]),
        Column("actual", [amount(at.actual) for at in found]),
        Column("used %", [share(at.used) for at in found], rank=3),
        Column("forecast", [amount(one.forecast) for one in seen]),
        Column("low", [amount(one.low, missing="") for one in seen], rank=4),
        Column("high", [amount(one.high, missing="") for one in seen], rank=4),
        Column("variance", [amount(at.variance) for at in found]),
        Column("%", [share(percent(at.variance, at.planned)) for at in found], rank=1),
        Column("status", [at.status for at in found],
               [_STYLES.get(at.status, "") for at in found], number=False),
        Column("owner", [at.budget.owner for at in found], number=False, rank=5),
    ]  # fmt: skip


def _explain(page: Page, at: Standing) -> None:
    """Say how far the bill goes, and how good the forecast was before."""
    if at.complete:
        return
    seen = at.outlook
    known = f"billed before {seen.through}" if seen.through else "not billed yet"
    said = f"{at.budget.name}, {at.month}: {known}; {amount(seen.to_come)} to come."
    if seen.missed is not None:
        before = "the month before" if seen.tested == 1 else f"the {seen.tested} months before"
        said += f" From the same day of {before} it would have missed by {share(seen.missed)} %"
        said += "." if seen.tested == 1 else " at most."
    page.line(said)


def _causes(found: Sequence[Standing]) -> list[Column]:
    names, causes, amounts = [], [], []
    for at in found:
        for name, value in at.causes.items():
            names.append(at.budget.name)
            causes.append(_told(at, name))
            amounts.append(amount(value))
        names.append(at.budget.name)
        causes.append("all")
        amounts.append(amount(total(list(at.causes.values()))))
    return [
        Column("budget", names, number=False),
        Column("cause", causes, number=False),
        Column("amount", amounts),
    ]


def _told(at: Standing, cause: str) -> str:
    """Name a cause; that of volume with the units it is of."""
    if cause != VOLUME:
        return cause
    return f"{cause}: {count(at.units)} units, {count(at.budget.units_of(at.month))} planned"
