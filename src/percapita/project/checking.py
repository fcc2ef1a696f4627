"""What ``check`` is told of a project, and the units that its sources give usage in."""

from __future__ import annotations

from percapita.core import periods
from percapita.core.errors import Problem
from percapita.model.load import ModelError
from percapita.model.spec import Model
from percapita.project.opening import Project
from percapita.report.budgets.standings import budget_findings
from percapita.report.check import check
from percapita.report.check.breaks import break_findings
from percapita.report.check.lag import lag_findings
from percapita.report.prices.book import book_findings
from percapita.report.prices.contracts import contract_findings
from percapita.report.tags.taxonomy import read_map, read_taxonomy
from percapita.store import Store
from percapita.telemetry.units import unit


def asked(project: Project, period: str | None) -> check.Project:
    """Return what check works on; a model that cannot be loaded is part of what it tells.

    Raises:
        InputError: the period cannot be read.
    """
    model: Model | None = None
    problems: tuple[Problem, ...] = ()
    try:
        model = project.model()
    except ModelError as error:
        problems = error.problems
    months = None
    if period:
        zone = periods.zone(model.timezone if model else "UTC")
        months = [name for name, _ in periods.months(periods.parse(period, zone).span, zone)]
    return check.Project(
        now=project.now,
        model=model,
        problems=problems,
        taxonomy=read_taxonomy(project.taxonomy),
        resource_map=read_map(project.resource_map),
        sources=[source.name for source in project.sources],
        period=period or "",
        months=months,
        identity_tags=project.identity_tags,
        rates=project.rates,
        more=(
            lambda store, currency: book_findings(
                store, project.price_book, project.now, currency, months
            ),
            lambda store, currency: contract_findings(
                store, project.contracts, project.now, currency
            ),
            lambda store, currency: budget_findings(store, project.budgets, project.now, currency),
            lambda store, currency: break_findings(store, model, project.now, currency, months),
            lambda store, _: lag_findings(store, model, project.now, months),
        ),
    )


def units(project: Project, store: Store) -> dict[str, tuple[str, int]]:
    """Return the unit of each meter whose source gives just one, and base units in one."""
    found: dict[str, set[tuple[str, int]]] = {}
    for source in project.all_sources(store):
        meters = [(meter.name, meter.unit, meter.scale) for meter in source.meters.values()]
        if source.unit and "meter" in source.values:
            meters.append((source.values["meter"], source.unit, source.scale))
        for name, text, scale in meters:
            found.setdefault(name, set()).add((text, unit(text, scale).factor))
    return {name: ways.pop() for name, ways in found.items() if len(ways) == 1}
