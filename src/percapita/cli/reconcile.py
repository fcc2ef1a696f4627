"""``reconcile``: the figures against the bill, or an outside table against both."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from percapita.cli import options

if TYPE_CHECKING:
    from percapita.core.periods import Period
    from percapita.reconcile.compare import Comparison
    from percapita.report.close.reconciliation import Statement
    from percapita.report.opened import Opened
    from percapita.store import Store

_DIFFERS = 1


@click.command("reconcile")
@options.project
@click.option("--period", metavar="PERIOD",
              help="Billing periods: 2025-10, 2025-Q4 or 2025; all unless said.")  # fmt: skip
@click.option("--basis", default="", metavar="BASIS",
              help="billed, effective, contracted or list; the model's unless said.")  # fmt: skip
@click.option("--run", "run_id", default="", metavar="RUN", help="Another run than the published.")
@click.option("--against", type=click.Path(path_type=Path, dir_okay=False),
              help="A published table to check against the bill, as CSV.")  # fmt: skip
@click.option("--by", "segment", default="", metavar="SEGMENT",
              help="The segment that the table is by; found out unless said.")  # fmt: skip
@click.option("--invoices", type=click.Path(path_type=Path, dir_okay=False),
              help="Invoices to check the lines against: issuer, invoice id, currency, total,"
                   " date.")  # fmt: skip
@click.option("--estimates", is_flag=True,
              help="The live estimates of days beside the bills that came for them.")  # fmt: skip
@click.option("--fail-on-difference", is_flag=True, help="Leave with code 1 if anything differs.")
@options.output("text", "json", "csv")
def reconcile_command(
    *,
    project_dir: Path,
    store_dir: Path | None,
    period: str | None,
    basis: str,
    run_id: str,
    against: Path | None,
    segment: str,
    invoices: Path | None,
    estimates: bool,
    form: str,
    fail_on_difference: bool,
) -> int:
    """Compare the figures with the bill: what is allocated, and every line that is not.

    Figures that do not close leave with code 3; a bill that changed since the run with code 1.

    \b
    Examples:
      percapita reconcile --against published.csv --fail-on-difference
      percapita reconcile --invoices invoices.csv --period 2025-10
      percapita reconcile --estimates --period 2025-11
    """  # noqa: D301
    from percapita.project import Project  # noqa: PLC0415
    from percapita.report.close.reconciliation import reconcile  # noqa: PLC0415
    from percapita.report.opened import open_figures  # noqa: PLC0415

    project = Project.open(project_dir, store_dir)
    with project.store(create=False) as store:
        if invoices is not None:
            return _invoices(store, invoices, period, form, fail=fail_on_difference)
        opened = open_figures(store, now=project.now, basis=basis, run=run_id)
        if estimates:
            return _estimates(opened, opened.period(period), form)
        statement = reconcile(opened, opened.period(period))
        if against is None:
            return _write(statement, form)
        found = _write_comparison(statement, *_compared(opened, against, segment), form)
    return _DIFFERS if fail_on_difference and found.differs else 0


def _estimates(opened: Opened, period: Period | None, form: str) -> int:
    from percapita.report.close import true_up  # noqa: PLC0415

    found = true_up.true_up(opened, period)
    if form == "json":
        _json(true_up.to_json(found))
    elif form == "csv":
        _csv(*true_up.flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        true_up.show(Page(), found)
    return 0


def _invoices(store: Store, path: Path, period: str | None, form: str, *, fail: bool) -> int:
    from percapita.core import periods  # noqa: PLC0415
    from percapita.report.close import invoices  # noqa: PLC0415

    utc = periods.zone("UTC")
    span = periods.parse(period, utc).span if period else None
    found = invoices.against(
        store, path, [name for name, _ in periods.months(span, utc)] if span else None
    )
    if form == "json":
        _json(invoices.to_json(found))
    elif form == "csv":
        _csv(*invoices.flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        invoices.show(Page(), found)
    return _DIFFERS if fail and found.differs else 0


def _compared(opened: Opened, against: Path, segment: str) -> tuple[Comparison, str]:
    from percapita.core.errors import InputError, nearest  # noqa: PLC0415
    from percapita.reconcile.compare import compare, ours_of  # noqa: PLC0415
    from percapita.reconcile.outside import read  # noqa: PLC0415
    from percapita.store.read import bill as read_bill  # noqa: PLC0415

    values = read_bill.values(opened.engine)
    if segment and segment not in values:
        hint = nearest(segment, values)
        raise InputError(f"{segment!r} is no segment with values in this run.", hint=hint)
    pools = [pool.name for pool in opened.model.pools]
    outside = read(against, values, pools=pools, segment=segment)
    ours = ours_of(read_bill.cells(opened.engine, opened.basis, outside.segment))
    return compare(outside, ours), outside.segment


def _write(statement: Statement, form: str) -> int:
    from percapita.report.close import reconciliation  # noqa: PLC0415

    if form == "json":
        _json(reconciliation.to_json(statement))
    elif form == "csv":
        _csv(*reconciliation.flat(statement))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        reconciliation.show(Page(), statement)
    return 0 if statement.closes else _DIFFERS


def _write_comparison(
    statement: Statement, found: Comparison, segment: str, form: str
) -> Comparison:
    from percapita.report.close import reconciliation  # noqa: PLC0415

    if form == "json":
        _json(reconciliation.comparison_json(statement, found, segment))
    elif form == "csv":
        _csv(*reconciliation.comparison_flat(found))
    else:
        from percapita.report.table import Page  # noqa: PLC0415

        reconciliation.show_comparison(Page(), statement, found, segment)
    return found


def _json(value: dict[str, Any]) -> None:
    click.echo(json.dumps(value, indent=2, ensure_ascii=False))


def _csv(header: list[str], rows: list[list[Any]]) -> None:
    from percapita.report.export import write_csv  # noqa: PLC0415

    write_csv(sys.stdout, header, rows)
