"""A run's figures, opened for questions: which run stands for which billing period."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from functools import lru_cache
from zoneinfo import ZoneInfo

from percapita.core.errors import InputError
from percapita.core.periods import Period, local_day, next_month, parse, zone
from percapita.core.tables import INPUTS, PRESENCE, Table
from percapita.measure.units import Days
from percapita.model.load import loads
from percapita.model.spec import Model
from percapita.store import Store
from percapita.store.catalog.records import Run
from percapita.store.engine import Engine


class NothingPublishedError(InputError):
    """There are no figures to read."""

    def __init__(self, basis: str, known: Collection[str]) -> None:
        self.known = tuple(sorted(known))
        """Bases that there are figures of."""
        figures = f" of {basis} cost" if basis else ""
        other = f" Published: {', '.join(self.known)}." if known else ""
        command = f"percapita run --basis {basis}" if basis and known else "percapita run"
        super().__init__(f"No figures{figures} are published.{other}", hint=f"Type {command}.")


class NoPeriodError(InputError):
    """The period asked for has no figures."""

    def __init__(self, label: str, known: Collection[str]) -> None:
        super().__init__(
            f"There are no figures for {label}.", hint=f"Known: {', '.join(sorted(known))}."
        )


@dataclass(frozen=True, slots=True)
class Opened:
    """The runs that stand for each billing period of one basis, and the model they followed."""

    store: Store
    basis: str
    runs: Mapping[str, str]
    """Billing period to run."""
    model: Model
    """Of the last of the runs."""
    now: datetime
    heads: bool = False
    """Every run has the table ``presence``."""
    notes: tuple[str, ...] = field(default=())

    @property
    def engine(self) -> Engine:
        """The engine that bound tables are read with."""
        return self.store.engine

    @property
    def zone(self) -> ZoneInfo:
        """The time zone that days are of."""
        return zone(self.model.timezone)

    @property
    def last_run(self) -> str:
        """The newest of the runs; inputs are read as it read them."""
        return max(self.runs.values())

    def bind(self, *tables: Table, periods: Collection[str] | None = None) -> None:
        """Bind tables under their own names: outputs of all runs, inputs as the last run read."""
        for table in tables:
            if table in INPUTS:
                self.store.bind(table, run=self.last_run)
            else:
                chosen = {p: r for p, r in self.runs.items() if periods is None or p in periods}
                self.store.bind(table, chosen=chosen)

    def days(self, period: Period | None) -> Days:
        """Return the local days of a period; without one, those of all billing periods."""
        if period is None:
            months = sorted(self.runs)
            first = date.fromisoformat(f"{months[0]}-01")
            return Days(first, next_month(date.fromisoformat(f"{months[-1]}-01")))
        last = local_day(period.span.end, self.zone)
        return Days(local_day(period.span.start, self.zone), last)

    def period(self, text: str | None) -> Period | None:
        """Read a period in the model's time zone."""
        return parse(text, self.zone) if text else None

    def label(self, period: Period | None) -> str:
        """Return how a statement calls its period."""
        if period is not None:
            return period.label
        months = sorted(self.runs)
        return months[0] if len(months) == 1 else f"{months[0]}..{months[-1]}"


def open_figures(
    store: Store, *, now: datetime, basis: str = "", run: str = "", model_text: str | None = None
) -> Opened:
    """Open the published figures, or one run's.

    Args:
        store: where they are.
        now: the time that the statement carries.
        basis: billed, effective, contracted or list; the model's unless said.
        run: id of a run; the published ones unless said.
        model_text: the model file as it is now, to tell whether it was edited since.

    Raises:
        NothingPublishedError: there is nothing to read.
    """
    records = {record.id: record for record in store.runs()}
    if run:
        return _one_run(store, store.run(run), basis, now)
    published = [record for record in records.values() if record.published]
    if not published:
        raise NothingPublishedError(basis, ())
    basis = basis or _known(published[-1].model_text).basis
    runs = store.published(basis)
    if not runs:
        raise NothingPublishedError(basis, {b for record in published for b, _ in record.published})
    last = records[max(runs.values())]
    standing = [records[name] for name in sorted(set(runs.values()))]
    notes = _notes(standing, last, model_text)
    return Opened(store, basis, runs, _known(last.model_text), now, _heads(standing), notes)


def open_runs(store: Store, runs: Mapping[str, str], basis: str, *, now: datetime) -> Opened:
    """Open just these runs' figures, published or not any more.

    Raises:
        InputError: one of them is gone.
    """
    last = store.run(max(runs.values()))
    for name in set(runs.values()):
        store.run(name)
    return Opened(store, basis, runs, _known(last.model_text), now)


def _one_run(store: Store, record: Run, basis: str, now: datetime) -> Opened:
    model = _known(record.model_text)
    basis = basis or model.basis
    if basis not in record.bases:
        raise NothingPublishedError(basis, record.bases)
    runs = dict.fromkeys(record.periods, record.id)
    return Opened(store, basis, runs, model, now, _heads([record]))


@lru_cache(maxsize=16)
def _known(text: str) -> Model:
    """Read a model that was run: its text stays what it is."""
    return loads(text)


def _heads(records: Sequence[Run]) -> bool:
    return all(PRESENCE.name in record.stats for record in records)


def _notes(records: Sequence[Run], last: Run, model_text: str | None) -> tuple[str, ...]:
    notes = []
    if len({record.model_hash for record in records}) > 1:
        notes.append(
            "The periods were run with different models; names are those of the last one. Run"
            " percapita run to bring all to one model."
        )
    if model_text is not None and model_text != last.model_text:
        notes.append("The model file was edited since these figures were made: percapita run.")
    return tuple(notes)
