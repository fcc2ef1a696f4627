"""The whole way on one page: bills and telemetry in, a proven ledger out.

This is the only file that knows the order of the stages. Each stage takes tables and makes tables
(``core/tables.py``); what one makes, the next one finds by its name.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from percapita import bills, telemetry
from percapita.allocate.engine import Allocation
from percapita.allocate.entries import Calendar, calendar_of, entries, named_units, parts, prepare
from percapita.allocate.usage import Window
from percapita.attribute.activity import active, activity
from percapita.attribute.segments import slices
from percapita.core.errors import InputError
from percapita.core.periods import days, local_day, zone
from percapita.core.sources import Source, Taken
from percapita.core.subjects import SEGMENT, SESSION, TENANT, USER, segment_name
from percapita.core.tables import (
    ACTIVITY,
    COUNTS,
    FINDINGS,
    FLOWS,
    GROUPS,
    LINES,
    OUTPUTS,
    PARTS,
    RATES,
    READINGS,
    SEGMENTS,
    SLICES,
    Table,
)
from percapita.model.spec import Basis, Model
from percapita.pipeline.findings import findings
from percapita.reconcile.proof import prove
from percapita.store import Store
from percapita.store.runs import RunTransaction

if TYPE_CHECKING:
    from percapita.project import Project

Progress = Callable[[str], None]
"""Called with what is being done now; each call is one step."""


_A_DAY = timedelta(days=1)
"""No zone's day lies further than this from the UTC day of the same name."""


def quiet(_: str) -> None:
    """Show no progress."""


def take_in(
    project: Project,
    store: Store,
    sources: Sequence[Source],
    *,
    again: bool = False,
    progress: Progress = quiet,
) -> list[Taken]:
    """Import sources, each whole or not at all; unchanged ones cost a hash of their files."""
    taken = []
    for source in sources:
        progress(source.name)
        if _kind(project.root, source) == "bill":
            taken.append(bills.take(store, source, root=project.root, again=again))
        else:
            segments = project.segment_names()
            taken.append(
                telemetry.take(
                    store, source, root=project.root, model_segments=segments, again=again
                )
            )
    return taken


def _kind(root: Path, source: Source) -> str:
    if source.kind:
        return source.kind
    header = telemetry.header(source, root=root)
    kind = "bill" if source.format or bills.recognises(header) else telemetry.recognises(header)
    if kind is None:
        raise InputError(
            f"{source.path}: its columns ({', '.join(header[:8])} …) are neither those of a bill"
            " nor of readings, counts, segments or revenue.",
            hint="Say what it is with --kind, and map its columns with --map OURS=THEIRS.",
        )
    return kind


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


class ForeignCurrencyError(InputError):
    """Lines in a currency that the model does not have."""

    def __init__(self, currency: str, foreign: str, day: date, lines: int, source: str) -> None:
        super().__init__(
            f"{lines:,} lines of {source} are in {foreign}, the model is in {currency};"
            f" there is no rate for {foreign} on {day}.",
            hint=f"Set `currency: {foreign}` in the model, or give each currency its project.",
        )


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
    """Allocate every billing period, prove each one, and publish them together.

    ``bases`` are allocated beside the model's own. ``hashed`` asks for the hash of the ledger: it
    takes a sort of all of it. Nothing is visible until the last step, and never if a proof fails.

    Raises:
        InputError: there are no lines, or lines in a currency that the model does not have.
        ProofError: some figure does not close.
    """
    started = time.monotonic()
    wanted = tuple(dict.fromkeys((model.basis, *bases)))
    chosen = _periods(store, periods)
    _check_currency(store, model, chosen)
    text = Path(model.path).read_text(encoding="utf-8")
    with store.begin_run(
        model_text=text, model_hash=model.hash, bases=wanted, now=project.now
    ) as tx:
        for period in chosen:
            PeriodRun(store, tx, model, wanted, period).run(progress)
        progress("publish")
        rows = tx.rows
        digest = tx.ledger_hash() if hashed else None
        tx.commit(stats=rows, ledger_hash=digest)
        if publish:
            tx.publish([(basis, period) for basis in wanted for period in chosen])
    return RunResult(
        tx.id, model.hash, wanted, tuple(chosen), rows["ledger"], digest,
        rows["findings"], time.monotonic() - started, publish,
    )  # fmt: skip


def _periods(store: Store, asked: Collection[str] | None) -> list[str]:
    """Return the billing months that have lines, of those asked for."""
    store.bind(LINES)
    found = [row[0] for row in store.engine.rows("SELECT DISTINCT period FROM lines ORDER BY 1")]
    chosen = [period for period in found if asked is None or period in asked]
    if not chosen:
        raise NoLinesError(asked)
    return chosen


def _check_currency(store: Store, model: Model, periods: Sequence[str]) -> None:
    store.bind(LINES, periods=periods)
    foreign = store.engine.rows(
        "SELECT BillingCurrency, min(ChargePeriodStart), count(*), min(source) FROM lines"
        " WHERE BillingCurrency IS DISTINCT FROM ? GROUP BY 1 ORDER BY 3 DESC",
        [model.currency],
    )
    for currency, first, lines, source in foreign:
        raise ForeignCurrencyError(model.currency, str(currency), first.date(), lines, source)


@dataclass(slots=True)
class PeriodRun:
    """One billing period on its way: each method is a stage, ``run`` is their order."""

    store: Store
    tx: RunTransaction
    model: Model
    bases: tuple[Basis, ...]
    period: str

    def run(self, progress: Progress) -> None:
        """Go the whole way."""
        engine, model = self.store.engine, self.model
        self._inputs()
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
        self.write(PARTS, parts(engine, allocation.opened), "0")
        self._load(GROUPS, (g.row(self.period) for g in allocation.book.groups))
        self._load(FLOWS, (flow.row() for flow in allocation.book.flows))
        self._load(RATES, (r for g in allocation.book.groups if (r := g.rate())))
        self.write(SLICES, "SELECT * FROM slices", "0")
        progress(f"{self.period}: proof")
        for table in OUTPUTS:
            self._bind(table, table.name)
        prove(
            engine, currency=model.currency, bases=self.bases, lines="lines", parts="parts",
            groups="groups", flows="flows", ledger="ledger", rollup="rollup",
        )  # fmt: skip
        self._load(FINDINGS, findings(self.store, model, self.period, allocation.cascade))

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
        self.store.bind(LINES, run=self.tx.id, periods=[self.period])
        self.store.bind(LINES, "all_lines", run=self.tx.id)
        for table in (READINGS, COUNTS, SEGMENTS):
            self.store.bind(table, run=self.tx.id)

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
        return numbers

    def _observed(self, calendar: Calendar) -> Iterator[Window]:
        """Yield the windows in which activity is observed: it counts though nothing is billed."""
        month = calendar.month(self.period)
        seen = self.store.engine.rows(
            "SELECT DISTINCT grain, time FROM readings WHERE time >= ? AND time < ?",
            [month.span.start - _A_DAY, month.span.end + _A_DAY],
        )
        hours = {local_day(at, calendar.tz) for grain, at in seen if grain == "hour"}
        labels = {(grain, at.date()) for grain, at in seen if grain != "hour"}
        for day, span in days(month.span, calendar.tz):
            if day in hours or ("day", day) in labels:
                yield calendar.day(span.start)
        if ("month", month.first) in labels:
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
