"""``pricebook`` and ``contracts``: what was agreed, against what is charged."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from percapita.cli import options

FINDINGS = 1


@click.command("pricebook")
@options.project
@click.option("--period", metavar="PERIOD", help="Billing months; all unless said.")
@click.option("--fail-on-difference", is_flag=True, help="Leave with code 1 if a price is off.")
@options.output("text", "json", "csv")
def pricebook_command(
    project_dir: Path, store_dir: Path | None, period: str | None, form: str,
    *, fail_on_difference: bool,
) -> int:  # fmt: skip
    """Compare the unit prices that the bill charged with those of the price book.

    The book is pricebook.yaml, or what percapita.yaml names. A line's price is its cost divided by
    its PricingQuantity; prices by tiers are compared by the month. Works on imported bills.

    \b
    Examples:
      percapita pricebook --period 2025-10
      percapita pricebook --format json --fail-on-difference
    """  # noqa: D301
    from percapita.cli.tags import read_model  # noqa: PLC0415
    from percapita.core.money import text  # noqa: PLC0415
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.prices import book as books  # noqa: PLC0415
    from percapita.report.prices import view as prices_view  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    book = books.read_book(project.price_book)
    _, months = read_model(project, period)
    with project.store(create=False) as store:
        found = books.judged(store, book.prices, months)
    unseen, stakes = books.unseen(book, found, project.now.date()), books.at_stake(found)
    if form == "json":
        _json(project.now, {"period": period}, {
            "prices": books.rows(found), "unseen": unseen,
            "at_stake": {currency: text(amount) for currency, amount in stakes.items()},
        })  # fmt: skip
    elif form == "csv":
        _csv(books.HEADER, books.rows(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        prices_view.show_book(Page(), found, stakes, unseen)
    return FINDINGS if fail_on_difference and any(one.differs for one in found) else 0


@click.command("contracts")
@options.project
@options.output("text", "json", "csv")
def contracts_command(project_dir: Path, store_dir: Path | None, form: str) -> None:
    """Show the contracts with vendors: notice dates, use of commitments, prices above the agreed.

    The contracts are those of contracts.yaml, or what percapita.yaml names; what was spent is read
    from imported bills. What needs somebody is a finding of percapita check, too.

    \b
    Examples:
      percapita contracts
      percapita contracts --format json
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.prices import contracts  # noqa: PLC0415
    from percapita.report.prices import view as prices_view  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    agreed = contracts.read_contracts(project.contracts)
    with project.store(create=False) as store:
        found = contracts.standings(store, agreed, project.now.date())
    rows = contracts.to_json(found)
    if form == "json":
        _json(project.now, {}, {"contracts": rows})
    elif form == "csv":
        header = [name for name in (rows[0] if rows else {}) if name != "prices"]
        _csv(header, rows)
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        prices_view.show_contracts(Page(), found)


def _json(now: Any, meta: dict[str, Any], answer: dict[str, Any]) -> None:  # noqa: ANN401
    from percapita.report.numbers import instant  # noqa: PLC0415

    document = {"meta": {**meta, "as_of": instant(now)}, **answer}
    click.echo(json.dumps(document, indent=2, ensure_ascii=False))


def _csv(header: Any, rows: list[dict[str, Any]]) -> None:  # noqa: ANN401
    from percapita.report.export import write_csv  # noqa: PLC0415

    write_csv(sys.stdout, list(header), [[row[name] for name in header] for row in rows])
