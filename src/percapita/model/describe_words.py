"""Names, lists, conditions and drivers in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from percapita.model.spec import Condition, Driver
from percapita.model.words import ACTIVE


def code(name: str) -> str:
    """Return a name in backticks."""
    return f"`{name}`"


def listed(items: Sequence[str], last: str = "and") -> str:
    """Return ``a, b and c``."""
    *head, tail = items
    return f"{', '.join(head)} {last} {tail}" if head else tail


def fits(columns: Mapping[str, Condition]) -> str:
    """Say what every column must be."""
    found = []
    for column, condition in columns.items():
        if condition.present is None:
            verdict = f"is {listed([code(value) for value in condition.values], 'or')}"
        else:
            verdict = "is present" if condition.present else "is absent"
        found.append(f"{code(column)} {verdict}")
    return listed(found)


def driver_words(driver: Driver) -> str:
    """Say what a driver weighs by."""
    if driver.meter == ACTIVE:
        return "active subjects, each counting one"
    narrowed = f" where {fits(driver.where)}" if driver.where else ""
    return f"{code(driver.meter)}{narrowed}"
