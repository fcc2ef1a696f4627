"""What the sample company hands over, as a project folder, and the truth beside it."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from importlib.resources import files
from pathlib import Path
from typing import Any, Final

from percapita.sample import bill, books, company, focus, planted, truth, usage
from percapita.sample.bill import Charge
from percapita.sample.catalogue import resources
from percapita.sample.files import write_text
from percapita.sample.planted import Planted

TEMPLATES: Final = ("percapita.yaml", "model.yaml", "taxonomy.yaml")


@dataclass(frozen=True, slots=True)
class Made:
    """How much was written."""

    users: int
    tenants: int
    charges: int
    usage_rows: int
    planted: int


@dataclass(frozen=True, slots=True)
class _Quarter:
    """Everything that happened."""

    seed: int
    people: company.Company
    used: usage.Usage
    charges: list[Charge]
    invoices: list[books.Invoice]


def generate(folder: Path, *, seed: int = 1, users: int = 20_000, plant: bool = True) -> Made:
    """Write the project folder; equal arguments give equal bytes."""
    people = company.make(seed, users)
    used = usage.make(seed, people, silent=plant)
    charges = bill.make(seed, people)
    invoices = books.invoices(seed, people)
    money = list(truth.entries(charges, invoices))
    views: tuple[truth.View, ...] = ("true", "delivered") if plant else ("true",)
    told = {view: truth.solve(people, used, money, view) for view in views}
    quarter = _Quarter(seed, people, used, charges, invoices)
    errors = _deliver(folder, quarter, plant=plant)
    _json(folder / "truth.json", _truth(told))
    _json(folder / "planted.json", [error.record() for error in errors])
    rows = sum(map(len, used.rows.values()))
    return Made(users, len(people.tenants), len(charges), rows, len(errors))


def _deliver(folder: Path, quarter: _Quarter, *, plant: bool) -> list[Planted]:
    users = [books.USERS_HEADER, *books.user_rows(quarter.people, plant=plant)]
    vendors = list(books.vendor_rows(quarter.invoices))
    errors: list[Planted] = []
    extra: list[tuple[str, str]] = []
    if plant:
        broken, row = planted.in_bill(quarter.charges)
        extra.append(row)
        errors += planted.in_usage(quarter.used)
        errors += planted.in_users(users)
        errors += [planted.in_vendors(vendors), broken, *planted.around_bill()]
    focus.write(folder / "bills", quarter.charges, extra)
    if plant:
        shutil.copytree(folder / "bills", folder / planted.COPY)
    _usage(folder / "usage", quarter.used.rows)
    write_text(folder / "users.csv", users)
    write_text(folder / "vendors.csv", vendors)
    write_text(folder / "support.csv", books.desk_rows(quarter.invoices))
    write_text(folder / "revenue.csv", books.revenue_rows(quarter.seed, quarter.people))
    _settings(folder, quarter.people)
    return errors


def _usage(folder: Path, rows: Mapping[str, list[str]]) -> None:
    for stem, lines in rows.items():
        header = usage.HEADERS.get(stem.partition("-")[0])
        if header is None:
            write_text(folder / f"{stem}.jsonl", lines)
        else:
            write_text(folder / f"{stem}.csv", [header, *lines])


def _settings(folder: Path, people: company.Company) -> None:
    for name in TEMPLATES:
        text = files("percapita.sample").joinpath(name).read_text(encoding="utf-8")
        (folder / name).write_text(text, encoding="utf-8")
    write_text(folder / "resource_map.csv", _resource_map(people))


def _resource_map(people: company.Company) -> Iterable[str]:
    yield "service,resource type,usage pattern,tagging status,attribution method"
    seen = {}
    for resource in resources(people):
        direct = "CustomerID" in resource.tags
        tagged = "tagged" if resource.tags else "untagged"
        pattern = "direct" if direct else "shared" if resource.tags else "unknown"
        kind = resource.sku.partition(":")[0]
        seen[resource.service, kind, pattern] = (
            f"{resource.service},{kind},{pattern},{tagged},{resource.pool}"
        )
    yield from seen.values()


def _truth(told: Mapping[truth.View, truth.Truth]) -> dict[str, Any]:
    return {
        "unit": "active user",
        "basis": "effective",
        "views": {view: _view(answer) for view, answer in told.items()},
    }


def _view(answer: truth.Truth) -> dict[str, Any]:
    return {month: _month(answer, month) for month in answer.cost}


def _month(answer: truth.Truth, month: str) -> dict[str, Any]:
    classes = {stratum.true for stratum in truth.NOT_ALLOCATED}
    cost, units = answer.cost[month], answer.units[month]
    tiers = {
        tier: _row(amount, units.get(tier, 0))
        for tier, amount in sorted(cost.items())
        if tier not in classes
    }
    total = sum((cost[name] for name in cost if name not in classes), Decimal(0))
    return {
        "tiers": tiers,
        "classes": {name: _digits(cost[name]) for name in sorted(classes & cost.keys())},
        "allocated": _row(total, units["all"]),
    }


def _row(amount: Decimal, units: int) -> dict[str, Any]:
    each = truth.FORTY.divide(amount, Decimal(units)) if units else None
    return {
        "cost": _digits(amount),
        "units": units,
        "cost_per_unit": None if each is None else _digits(each),
    }


def _digits(amount: Decimal) -> str:
    return format(amount.quantize(Decimal(1).scaleb(-18), context=truth.FORTY), "f")


def _json(path: Path, value: object) -> None:
    path.write_text(json.dumps(value, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
