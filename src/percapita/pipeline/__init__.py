"""The whole way on one page: bills and telemetry in, a proven ledger out.

This is the only file that knows the order of the stages. Each stage takes tables and makes tables
(``core/tables``); what one makes, the next one finds by its name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from percapita.allocate.engine import Allocation
from percapita.allocate.entries import Calendar, calendar_of, entries, named_units, parts, prepare
from percapita.allocate.heaviest import heaviest
from percapita.allocate.levels import DELIVERIES
from percapita.allocate.pools import keys, originals
from percapita.allocate.usage import Window
from percapita.attribute.activity import active, activity
from percapita.attribute.presence import presence
from percapita.attribute.segments import slices
from percapita.bills.converting import TABLE as CONVERTED
from percapita.bills.converting import convert, foreign
from percapita.core.errors import InputError
from percapita.core.periods import days, zone
from percapita.core.subjects import SEGMENT, SESSION, TENANT, USER, segment_name
from percapita.core.tables import (
    ACTIVITY,
    CONVERSIONS,
    COUNTS,
    FINDINGS,
    FLOWS,
    GROUPS,
    HEAVIEST,
    LINES,
    OUTPUTS,
    PARTS,
    PRESENCE,
    RATES,
    SEGMENTS,
    SLICES,
    TAG_RULES,
    Table,
)
from percapita.live.keeping import after_run, before_run
from percapita.model.spec import Basis, Model
from percapita.model.tags import to_json
from percapita.pipeline.closed import Again, AllClosedError, run_again, steps
from percapita.pipeline.findings import findings
from percapita.pipeline.units import check_units
from percapita.reconcile.proof import prove
from percapita.store import Store, claimed
from percapita.store.read import activity as read_activity
from percapita.store.runs.lines import converted, unconverted
from percapita.store.runs.transaction import RunTransaction

if TYPE_CHECKING:
    from percapita.project import Project

Progress = Callable[[str], None]
"""Called with what is being done now; each call is one step."""

_A_DAY = timedelta(days=1)
"""No zone's day lies further than this from the UTC day of the same name."""


def quiet(_: str) -> None:
    """Show no progress."""


@dataclass(frozen=True, slots=True)
class RunResult:
    """What a run made."""

    run: str
    model: str
    basis: tuple[str, ...]
    periods: tuple[str, ...]
    rows: int
    """Rows of the ledger."""
    ledger_hash: str | None
    findings: int
    seconds: float
    published: bool
    later: tuple[str, ...] = ()
    """Months with lines that have not begun and were not asked for: no run has them."""


class NoLinesError(InputError):
    """There is nothing to allocate."""

    def __init__(self, periods: Collection[str] | None) -> None:
        where = f" in {', '.join(sorted(periods))}" if periods else ""
        super().__init__(
            f"There are no bill lines{where}.", hint="Take a bill in first: percapita import FILE."
        )


def run(
    project: Project,
    store: Store,
    model: Model,
    *,
    bases: Sequence[Basis] = (),
    periods: Collection[str] | None = None,
    publish: bool = True,
    hashed: bool = False,
    progress: Progress = quiet,
) -> RunResult:
    """Allocate every open billing period, prove each one, and publish them together.

    ``bases`` are allocated beside the model's own. ``hashed`` asks for the hash of the ledger, a
    sort of all of it. Nothing is visible until the last step, and never if a proof fails.

    Raises:
        InputError: there are no lines, or lines in a currency that there is no rate for.
        ProofError: some figure does not close.
    """
    started = time.monotonic()
    wanted = tuple(dict.fromkeys((model.basis, *bases)))
    check_units(model, store.meter_bases())
    if publish:
        before_run(store, project.now)
    chosen, later = _periods(store, periods, f"{project.now:%Y-%m}")
    again = _restate(project, store, chosen, progress) if publish else []
    chosen = [p for p in chosen if not publish or p not in store.closings.closed()]
    if not chosen:
        return _only_restated(store, again, started)
    mixed = _convert(project, store, model, chosen)
    with _begun(project, store, model, wanted) as tx:
        for period in chosen:
            PeriodRun(store, tx, model, wanted, period, mixed).run(progress)
        digest = tx.ledger_hash() if hashed else None
        tx.commit(stats=tx.rows, ledger_hash=digest)
        if publish:
            tx.publish(product(wanted, chosen), steps(again))
            after_run(store, project.now)
    return replace(_result(store, tx.id, started, published=publish), later=later)


def _begun(project: Project, store: Store, model: Model, bases: Sequence[Basis]) -> RunTransaction:
    text = Path(model.path).read_text(encoding="utf-8")
    return store.begin_run(model_text=text, model_hash=model.hash, bases=bases, now=project.now)


def _result(store: Store, run: str, started: float, *, published: bool) -> RunResult:
    made = store.run(run)
    return RunResult(
        made.id, made.model_hash, made.bases, made.periods, made.stats["ledger"],
        made.ledger_hash, made.stats["findings"], time.monotonic() - started, published,
    )  # fmt: skip


def _restate(
    project: Project, store: Store, periods: Sequence[str], progress: Progress
) -> list[Again]:
    """Run the closed months that were restated, each under its own model."""

    def work(tx: RunTransaction, model: Model, bases: tuple[Basis, ...], period: str) -> None:
        mixed = _convert(project, store, model, [period])
        PeriodRun(store, tx, model, bases, period, mixed).run(progress)

    return run_again(project, store, periods, work)


def _only_restated(store: Store, again: Sequence[Again], started: float) -> RunResult:
    """Book what closed months differ by, where there is no open month to publish."""
    if not again:
        raise AllClosedError(store.closings.closed())
    store.closings.publish_restated(steps(again))
    return _result(store, again[-1].run, started, published=True)


def _periods(
    store: Store, asked: Collection[str] | None, today: str
) -> tuple[list[str], tuple[str, ...]]:
    """Return the billing months that have lines, of those asked for, and those left for later.

    Schedules and yearly fees have lines in months that have not begun; they wait, unless they are
    asked for or there is nothing else.
    """
    store.bind(LINES, seen_by="")
    found = [row[0] for row in store.engine.rows("SELECT DISTINCT period FROM lines ORDER BY 1")]
    chosen = [period for period in found if asked is None or period in asked]
    if not chosen:
        raise NoLinesError(asked)
    begun = [period for period in chosen if period <= today]
    if asked is not None or not begun:
        return chosen, ()
    return begun, tuple(period for period in chosen if period > today)


def _convert(project: Project, store: Store, model: Model, periods: Sequence[str]) -> bool:
    """Convert the lines that are in another currency than the model; tell whether there are any."""
    lines = store.bind(LINES, "imported_lines", seen_by="")
    if not foreign(store.engine, lines, model.currency, model.timezone):
        return False
    convert(
        store.engine, lines, project.rates(), currency=model.currency, zone=model.timezone,
        needed=periods,
    )  # fmt: skip
    return True


@dataclass(slots=True)
class PeriodRun:
    """One billing period on its way: each method is a stage, ``run`` is their order."""

    store: Store
    tx: RunTransaction
    model: Model
    bases: tuple[Basis, ...]
    period: str
    mixed: bool
    """Some lines, of this month or another, are converted."""

    def run(self, progress: Progress) -> None:
        """Go the whole way."""
        engine, model = self.store.engine, self.model
        self._inputs()
        self._kept()
        engine.expect("unit", [unit.name for unit in model.units])
        tz = zone(model.timezone)
        prepare(engine, model, self.bases, tz)
        units = self._units()
        slices(engine, model)
        calendar = calendar_of(engine, model, tz)
        allocation = Allocation(
            engine, self, model, calendar, units, self._active, self._record,
            lambda step: progress(f"{self.period}: {step}"),
        )  # fmt: skip
        allocation.run(entries(engine, calendar), self._observed(calendar))
        alone, several = parts(engine, allocation.opened)
        self.write(PARTS, alone, "alone")
        self.write(HEAVIEST, heaviest(engine, self.written(PARTS), several), "0")
        self.write(PARTS, several, "several")
        self._load(GROUPS, (g.row(self.period) for g in allocation.book.groups))
        self._load(FLOWS, (flow.row() for flow in allocation.book.flows))
        self._load(RATES, (r for g in allocation.book.groups if (r := g.rate())))
        self.write(SLICES, "SELECT * FROM slices", "0")
        self._bind(ACTIVITY, "activity")
        self.write(PRESENCE, presence(engine, model), "0")
        progress(f"{self.period}: proof")
        for table in OUTPUTS:
            self._bind(table, table.name)
        prove(
            engine, currency=model.currency, bases=self.bases, lines="plain_lines", parts="parts",
            groups="groups", flows="flows", ledger="ledger", rollup="rollup",
        )  # fmt: skip
        self._load(FINDINGS, findings(self.store, model, allocation))

    def write(self, table: Table, relation: object, part: str) -> int:
        """Write a relation as one more file of the table; return its rows."""
        return self.tx.write(table, self.period, relation, part=part)

    def written(self, table: Table) -> str:
        """Return the name of a view over what was written so far."""
        return self._bind(table, f"written_{table.name}")

    def _bind(self, table: Table, name: str) -> str:
        self.store.engine.view(name, self.tx.relation(table, [self.period]))
        return name

    def _inputs(self) -> None:
        self._lines("lines", [self.period])
        self._lines("all_lines", None)
        self._lines("plain_lines", [self.period], rules=False)
        for table in (COUNTS, SEGMENTS):
            self.store.bind(table, run=self.tx.id)
        tz, unknown = zone(self.model.timezone), self.model.sampling.unknown
        claimed.bind(self.store, tz, run=self.tx.id, unknown=unknown)
        self.store.engine.load("deliveries", DELIVERIES, claimed.deliveries(self.store))

    def _lines(self, name: str, periods: Collection[str] | None, *, rules: bool = True) -> None:
        """Bind lines of some months or of all: in the model's currency, under the tag rules."""
        asked, seen_by = originals(self.model), None if rules else ""
        plain = not self.mixed and not asked
        imported = name if plain else f"imported_{name}"
        extra = keys(self.model)
        self.store.bind(
            LINES, imported, run=self.tx.id, periods=periods, seen_by=seen_by, keys=extra
        )
        if plain:
            return
        lines = f"SELECT * FROM {imported}"
        seen = converted(lines, self._conversions(), extra) if self.mixed else unconverted(lines)
        self.store.engine.view(name, seen)

    def _conversions(self) -> str:
        return f"SELECT * FROM {CONVERTED}"

    def _kept(self) -> None:
        """Keep what the lines were read through, so that readers see them as the run did."""
        if self.mixed:
            mine = f"{self._conversions()} WHERE period = '{self.period}'"
            self.write(CONVERSIONS, mine, "0")
        if self.store.tag_rules.rules:
            rules = enumerate(map(to_json, self.store.tag_rules.rules), 1)
            self._load(TAG_RULES, rules)

    def _units(self) -> dict[tuple[str, str], int]:
        """Hand out numbers to the units that lines name, and tell of what kind every subject is."""
        kinds: dict[str, set[tuple[str, str]]] = {}
        for level, name in named_units(self.store.engine, self.model):
            kind = level if level in (USER, SESSION, TENANT) else SEGMENT
            kinds.setdefault(kind, set()).add((level, name))
        numbers: dict[tuple[str, str], int] = {}
        for kind, units in sorted(kinds.items()):
            ids = {u: segment_name(*u) if kind == SEGMENT else u[1] for u in units}
            found = self.store.door.numbers(kind, sorted(ids.values()))
            numbers |= {unit: found[name] for unit, name in ids.items()}
        self.store.subjects_view("subject_kinds")
        read_activity.mark_bots(self.store.engine, self.model, self.period, "subject_kinds")
        return numbers

    def _observed(self, calendar: Calendar) -> Iterator[Window]:
        """Yield the windows in which activity is observed: it counts though nothing is billed."""
        month = calendar.month(self.period)
        # The bounds of the files tell: in a day without readings nobody is active.
        ((first, last, grain),) = self.store.engine.rows(
            "SELECT min(time), max(time), max(grain) FROM readings"
        )
        if first is None:
            return
        for _, span in days(month.span, calendar.tz):
            if span.end > first - _A_DAY and span.start < last + _A_DAY:
                yield calendar.day(span.start)
        label = datetime(month.first.year, month.first.month, 1, tzinfo=UTC)
        monthly = "SELECT 1 FROM readings WHERE grain = 'month' AND time = ? LIMIT 1"
        if grain == "month" and self.store.engine.rows(monthly, [label]):
            yield month

    def _active(self, window: Window) -> None:
        active(self.store.engine, self.model, window.first, window.last)

    def _record(self, window: Window) -> None:
        part = f"{window.grain}-{window.first}"
        self.write(ACTIVITY, activity(self.store.engine, self.model, window.first), part)

    def _load(self, table: Table, rows: Iterable[Sequence[Any]]) -> None:
        schema = {column.name: column.type for column in table.columns}
        name = f"_{table.name}"
        self.store.engine.load(name, schema, rows)
        self.write(table, f"SELECT * FROM {name}", "0")
        self.store.engine.drop(name)
