"""Can the figures be trusted, and what should be done first: everything ``percapita check`` says.

Works on an imported bill alone; what needs a run, usage or a model is ``cannot know`` until then.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from percapita.core.errors import Problem
from percapita.core.money import ZERO, total
from percapita.core.rates import Rates
from percapita.core.tables import (
    COUNTS,
    FINDINGS,
    LINES,
    ORIGINALS,
    REVENUE,
    ROLLUP,
    SEGMENTS,
    SLICES,
)
from percapita.measure import practice, readiness
from percapita.measure.practice import Bill, Classes, Item, KeySum, Ranked, Resource
from percapita.measure.readiness import NOTHING, Maturity, ResourceMap, Usage
from percapita.measure.signals import (
    TAG_GOAL,
    Direct,
    Finding,
    MeterUse,
    Refused,
    clear_ids,
    quarantined,
    untagged,
    unused_meters,
)
from percapita.measure.tagging import variants
from percapita.model import uses
from percapita.model.builtin import METRICS
from percapita.model.spec import Model
from percapita.report.lines import bind_lines, currency_of, none
from percapita.report.tags.taxonomy import METHOD, TYPE, Taxonomy
from percapita.store import Store
from percapita.store.decisions import Decisions
from percapita.store.kept import summed_readings
from percapita.store.read import check as read_check
from percapita.store.read import model as read_model
from percapita.store.read.check import Signals, Spender

INPUT_TABLES: Final = (LINES, COUNTS, REVENUE, SEGMENTS)
UNTAGGED_ROWS: Final = 100
"""Rows of the untagged list that are kept; what they leave is summed."""


@dataclass(frozen=True, slots=True)
class Project:
    """What check is told of the project."""

    now: datetime
    model: Model | None
    """``None`` where it cannot be loaded."""
    problems: tuple[Problem, ...]
    """Why it cannot be loaded."""
    taxonomy: Taxonomy | None
    resource_map: Sequence[Mapping[str, str]] | None
    sources: Collection[str]
    """Names of the project's sources."""
    period: str = ""
    months: Collection[str] | None = None
    """Billing months to look at; ``None`` is all."""
    identity_tags: Collection[str] = ()
    """What stands as pseudonyms in the lines of every bill."""
    rates: Callable[[], Rates] = none
    """Reads what other currencies are worth."""
    more: Sequence[Callable[[Store, str], Sequence[Finding]]] = ()
    """Find more in the store; amounts are in the currency that they are told."""


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Broken rows of one source and reason."""

    source: str
    code: str
    rows: int
    example: str
    hint: str


@dataclass(slots=True)
class Checked:
    """All that check found."""

    basis: str
    currency: str
    readiness: list[Item] = field(default_factory=list)
    maturity: Maturity = NOTHING
    adviser: list[Item] = field(default_factory=list)
    practice: list[Item] = field(default_factory=list)
    bill: Bill | None = None
    required: tuple[str, ...] = ()
    dearest: list[Ranked] = field(default_factory=list)
    untagged: list[Spender] = field(default_factory=list)
    quarantine: list[Quarantine] = field(default_factory=list)
    findings: list[dict[str, Any]] = field(default_factory=list)
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()
    """What is wrong with the model, and what the data does not answer to in it."""
    runs: tuple[str, ...] = ()

    def severities(self) -> Counter[str]:
        """Return how many findings of each severity there are."""
        counts = Counter(str(finding["severity"]) for finding in self.findings)
        counts["error"] += len(self.errors)
        counts["warning"] += len(self.warnings)
        return counts


def check(store: Store | None, project: Project) -> Checked:
    """Look at everything; without a store nothing is imported yet."""
    basis = project.model.basis if project.model else "effective"
    if store is None:
        return _judged(Checked(basis, ""), project, None, Usage(), ResourceMap())
    for table in INPUT_TABLES:
        store.bind(table)
    users = summed_readings.users(store)
    summed_readings.bind(store)
    bind_lines(store, project.model, project.rates)
    signals = read_check.signals(store.engine, users)
    warnings = _lint(store, project)
    found = Checked(basis, currency_of(store, project.model), warnings=warnings)
    required = project.taxonomy.required if project.taxonomy else {}
    found.bill = _bill(store, found, project, required)
    if found.bill is not None:
        _resources(store, found, required)
    found.quarantine = _quarantine(store)
    classes = _runs(store, found, project)
    found.findings += _of_inputs(found)
    for look in project.more:
        found.findings += _rows(look(store, found.currency))
    mapped = _mapped(store, project, empty=found.bill is None)
    if project.months is not None:
        summed_readings.bind(store, periods=project.months)
        signals = signals._replace(meters=read_check.meters(store.engine))
    meters = [MeterUse(*use) for use in signals.meters]
    if project.model:
        named = {meter.meter for meter in meters} - METRICS
        found.findings += _rows(unused_meters(named, _meters(project.model)))
        found.findings += _rows(clear_ids(_direct(project.model), project.identity_tags))
        drivers = _meters(project.model, besides=("idle", "behaviour", "live"))
        meters = [use for use in meters if use.meter in drivers]
    decided = [one.decided_on for one in Decisions(store.catalog).all() if one.withdrawn is None]
    found.practice = practice.practice(
        found.bill, classes, meters, tuple(required), project.now, decided
    )
    return _judged(found, project, classes, _usage(signals), mapped)


def _judged(
    found: Checked, project: Project, classes: Classes | None, usage: Usage, mapped: ResourceMap
) -> Checked:
    unit = project.model.primary if project.model else None
    trouble = str(project.problems[0]) if project.problems else ""
    found.required = tuple(project.taxonomy.required) if project.taxonomy else ()
    found.errors = project.problems
    found.readiness = readiness.readiness(found.bill, unit, mapped, trouble)
    found.maturity = readiness.maturity(found.bill, usage)
    found.adviser = readiness.advise(found.bill, usage)
    if not found.practice:
        found.practice = practice.practice(None, classes, [], found.required, project.now)
    return found


def _bill(
    store: Store, found: Checked, project: Project, required: Mapping[str, Sequence[str]]
) -> Bill | None:
    engine = store.engine
    read_check.charges(engine, found.basis, found.currency, required)
    everything, spans = read_check.sums(engine), read_check.spans(engine)
    if project.months is not None:
        bind_lines(store, project.model, project.rates, project.months)
        read_check.charges(engine, found.basis, found.currency, required)
    sums = read_check.sums(engine)
    if everything.lines == 0:
        return None
    written = read_check.tag_keys(engine)
    keys = tuple(
        KeySum(*key, variants=variants(key.key, written))
        for key in read_check.keys(engine, required)
    )
    target = project.taxonomy.target if project.taxonomy else None
    return Bill(
        currency=found.currency,
        lines=sums.lines,
        total=sums.total,
        spend=sums.spend,
        tagged=sums.tagged,
        resources=sums.resources,
        tagged_resources=sums.tagged_resources,
        keys=keys,
        itemised=tuple(spans),
        first=everything.first,
        last=everything.last,
        tag_target=TAG_GOAL if target is None else target,
    )


def _resources(store: Store, found: Checked, required: Mapping[str, Sequence[str]]) -> None:
    assert found.bill is not None  # noqa: S101
    spenders = read_check.dearest(store.engine, required, practice.DEAREST)
    found.dearest = practice.dearest([Resource(*s) for s in spenders], found.bill.spend)
    if required:
        found.untagged = read_check.untagged(store.engine, required, UNTAGGED_ROWS)


def _mapped(store: Store, project: Project, *, empty: bool) -> ResourceMap:
    if project.resource_map is None:
        return ResourceMap()
    named = {row.get(TYPE, "").lower() for row in project.resource_map}
    unmapped = [] if empty else read_check.types(store.engine)
    return ResourceMap(
        rows=len(project.resource_map),
        methods=sum(bool(row.get(METHOD)) for row in project.resource_map),
        unmapped=tuple(
            kind for kind, service in unmapped if not named & {kind.lower(), service.lower()}
        ),
    )


def _usage(signals: Signals) -> Usage:
    return Usage(
        grains=signals.grains,
        levels=signals.levels,
        features=signals.features,
        daily=signals.daily,
        heads=signals.heads,
        heads_from=signals.heads_from,
        payers=signals.payers,
        prices=signals.prices,
        attributes=signals.attributes,
    )


def _quarantine(store: Store) -> list[Quarantine]:
    grouped: dict[tuple[str, str], list[Any]] = {}
    for record in store.imports():
        if record.live and record.quarantined:
            for row in store.quarantined(source=record.source):
                grouped.setdefault((record.source, row.code), []).append(row)
    result = []
    for (source, code), rows in sorted(grouped.items()):
        unique = {(row.file, row.row, row.column): row for row in rows}
        first = unique[min(unique)]
        column = f", column {first.column}" if first.column else ""
        example = f"{first.file}, row {first.row}{column}: {first.reason}"
        result.append(Quarantine(source, code, len(unique), example, first.hint))
    return result


def _runs(store: Store, found: Checked, project: Project) -> Classes | None:
    """Read the published findings and sums."""
    chosen = {
        period: run
        for period, run in store.published(found.basis).items()
        if project.months is None or period in project.months
    }
    if not chosen:
        return None
    for table in (FINDINGS, ROLLUP, SLICES):
        store.bind(table, chosen=chosen)
    found.findings = read_check.findings(store.engine)
    found.runs = tuple(sorted(set(chosen.values())))
    return Classes(*read_check.classes(store.engine, found.basis))


def _of_inputs(found: Checked) -> list[dict[str, Any]]:
    """Return findings about the inputs as they are now, whatever a run saw."""
    rows = [Refused(q.source, q.code, q.rows) for q in found.quarantine]
    made = quarantined(rows)
    if found.bill is not None and found.bill.keys:
        made += untagged(found.bill.tagged, found.bill.spend)
    return _rows(made)


def _rows(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """Return findings about what is now, which belong to no period of a run."""
    return [{"period": None, **one._asdict()} for one in findings]


def _direct(model: Model) -> list[Direct]:
    return [
        Direct(p.name, p.owner, p.direct.level, p.direct.column) for p in model.pools if p.direct
    ]


def _meters(model: Model, *, besides: Collection[str] = ()) -> set[str]:
    """Return the meters that a model uses, but for those in certain keys of a pool."""
    return {
        use.name
        for use in uses.meters(model)
        if not set(besides) & {str(step) for step in use.path[2:3]}
    }


def _lint(store: Store, project: Project) -> tuple[Problem, ...]:
    """Return what the model names and the data does not answer to; inputs are bound."""
    if project.model is None:
        return ()
    from percapita.model.lint import lint  # noqa: PLC0415

    engine = store.engine
    bills, meters = read_model.bills(engine), read_model.meters(engine)
    attributes = read_model.attributes(engine)
    return tuple(
        lint(
            project.model,
            meters=meters if meters or bills else None,
            tags=read_model.tags(engine) if bills else None,
            columns={*store.extra_keys(), *ORIGINALS} if bills else None,
            sources={*project.sources, *bills, *attributes},
            attributes=attributes,
        )
    )


def untagged_rest(found: Checked) -> Decimal:
    """Return the untagged spend that the list leaves out."""
    if found.bill is None:
        return ZERO
    listed = total([spender.amount for spender in found.untagged])
    return total([found.bill.spend, -found.bill.tagged, -listed])
