"""Small projects written as a user would write them, and the command line asked in this process."""

from __future__ import annotations

import contextlib
import csv
import io
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from percapita.cli import main
from percapita.core.money import total

KEY = "5a" * 32
COSTS = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")
_COLUMNS = (
    *COSTS, "BillingAccountId", "BillingCurrency", "BillingPeriodStart", "BillingPeriodEnd",
    "ChargePeriodStart", "ChargePeriodEnd", "ChargeCategory", "ChargeClass", "ServiceName",
    "ServiceCategory", "ResourceId", "SkuId", "SubAccountId", "InvoiceIssuerName", "ProviderName",
    "Tags",
)  # fmt: skip

Row = Mapping[str, Any]


def month_after(day: str) -> str:
    """Return the first day of the month after that of an ISO date."""
    year, month = int(day[:4]), int(day[5:7])
    return f"{year + month // 12:04d}-{month % 12 + 1:02d}-01"


def charge(service: str, amount: str | Decimal, start: str, end: str, **columns: Any) -> Row:  # noqa: ANN401
    """Return a bill line with one amount in every basis; ``columns`` override."""
    tags = columns.pop("tags", {})
    return {
        **dict.fromkeys(COSTS, str(amount)),
        "BillingAccountId": "payer",
        "BillingCurrency": "USD",
        "BillingPeriodStart": f"{start[:7]}-01T00:00:00Z",
        "BillingPeriodEnd": f"{month_after(start)}T00:00:00Z",
        "ChargePeriodStart": start,
        "ChargePeriodEnd": end,
        "ChargeCategory": "Usage",
        "ServiceName": service,
        "ServiceCategory": "Compute",
        "InvoiceIssuerName": "Nimbus",
        "ProviderName": "Nimbus",
        "Tags": json.dumps(tags),
        **columns,
    }


def table(rows: Sequence[Row], columns: Sequence[str] | None = None) -> str:
    """Write rows as CSV; the columns are those of all rows unless said."""
    names = columns or list(dict.fromkeys(name for row in rows for name in row))
    out = io.StringIO()
    writer = csv.DictWriter(out, names, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def bill(lines: Iterable[Row]) -> str:
    """Write bill lines as a FOCUS file."""
    rows = list(lines)
    extra = [name for row in rows for name in row if name not in _COLUMNS]
    return table(rows, list(dict.fromkeys([*_COLUMNS, *extra])))


def usage(*rows: tuple[Any, ...]) -> list[Row]:
    """Return readings from (time, meter, user, quantity, more columns) tuples."""
    return [
        {"time": time, "meter": meter, "user": user, "quantity": quantity, **dict(*more)}
        for time, meter, user, quantity, *more in rows
    ]


@dataclass(frozen=True)
class Inputs:
    """What a project is made of: the model, bill lines, and tables by the kind they are of."""

    model: str
    lines: Sequence[Row]
    readings: Sequence[Row] = ()
    segments: Sequence[Row] = ()
    counts: Sequence[Row] = ()
    revenue: Sequence[Row] = ()


def write(folder: Path, inputs: Inputs) -> Path:
    """Write a project's files, the key among them; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "model.yaml").write_text(inputs.model, encoding="utf-8")
    (folder / "percapita.key").write_text(f"{KEY}\n", encoding="utf-8")
    (folder / "percapita.key").chmod(0o600)
    (folder / "bill.csv").write_text(bill(inputs.lines), encoding="utf-8")
    sources = ["model: model.yaml", "sources:", "  bill: {kind: bill, path: bill.csv}"]
    names = {"readings": "usage", "segments": "users", "counts": "heads", "revenue": "revenue"}
    for kind, name in names.items():
        rows = getattr(inputs, kind)
        if rows:
            (folder / f"{name}.csv").write_text(table(rows), encoding="utf-8")
            sources.append(f"  {name}: {{kind: {kind}, path: {name}.csv}}")
    (folder / "percapita.yaml").write_text("\n".join(sources) + "\n", encoding="utf-8")
    return folder


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    code: int
    out: str
    err: str


def call(*arguments: str | Path) -> Said:
    """Run a command in this process, whatever it ends with."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run([str(argument) for argument in arguments])
    return Said(code, out.getvalue(), err.getvalue())


def ask(project: Path, question: str, *more: str) -> Any:  # noqa: ANN401
    """Return the JSON answer to a command that must end well."""
    said = call(*question.split(), *more, "--project", project, "--format", "json")

    assert said.code == 0, f"{question}: {said.code}\n{said.err}"
    return json.loads(said.out)


def made(folder: Path, inputs: Inputs, *options: str) -> Path:
    """Write a project and run it; return the folder."""
    ask(write(folder, inputs), "run", *options)
    return folder


def amounts(rows: Iterable[Row], *by: str, column: str = "total") -> dict[Any, Decimal]:
    """Return the amount of each row by its keys; a lone key stands for itself."""
    return {
        (row[by[0]] if len(by) == 1 else tuple(row[name] for name in by)): Decimal(row[column])
        for row in rows
    }


def closes(statement: Mapping[str, Any]) -> bool:
    """Tell whether rows and named lines of a cost statement sum to its bill total."""
    rows = [Decimal(row["total"]) for row in statement["rows"]]
    named = [Decimal(amount) for amount in statement["classes"].values()]
    return total(rows + named) == Decimal(statement["totals"]["bill_total"])
