"""Closed months in a run: they are left alone, and run beside it where an import restated them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, cast

from percapita.bills.converting import rerated
from percapita.core.errors import InputError
from percapita.core.tables import CONVERSIONS, LINES
from percapita.model.load import loads
from percapita.model.spec import Basis, Model
from percapita.store import Store
from percapita.store.runs.closing import Closing, Restated
from percapita.store.runs.transaction import RunTransaction

if TYPE_CHECKING:
    from percapita.project import Project

Work = Callable[[RunTransaction, Model, tuple[Basis, ...], str], None]
"""Runs one month into a transaction, under a model, for some bases."""


class AllClosedError(InputError):
    """Every month asked for is closed and as it was."""

    def __init__(self, periods: Collection[str]) -> None:
        super().__init__(
            f"Nothing to do: {', '.join(sorted(periods))} is closed, and neither its inputs nor its"
            " exchange rates changed since.",
            hint='To change a closed month: percapita close PERIOD --reopen "REASON".',
        )


@dataclass(frozen=True, slots=True)
class Again:
    """A run of closed months under the model that they were closed with."""

    run: str
    restated: tuple[Restated, ...]


def steps(again: Sequence[Again]) -> list[Restated]:
    """Return what all of the runs restate."""
    return [step for one in again for step in one.restated]


def rates_moved(project: Project, store: Store, period: str, run: str) -> bool:
    """Tell whether a month's lines would be converted at other rates than in a run."""
    if not project.settings.rates:
        return False
    model = loads(store.run(run).model_text)
    bound = {
        table: store.bind(table, f"rated_{table.name}", run=run, periods=[period], seen_by="")
        for table in (LINES, CONVERSIONS)
    }
    return rerated(
        store.engine, bound[LINES], bound[CONVERSIONS], project.rates(),
        currency=model.currency, zone=model.timezone,
    )  # fmt: skip


def run_again(project: Project, store: Store, periods: Sequence[str], work: Work) -> list[Again]:
    """Run the closed months among ``periods`` whose inputs or rates changed; publish nothing.

    Each is run under the text of its own model: a model that was edited since changes no closed
    month.
    """
    closed = store.closings.closed()
    due = [
        one
        for period in periods
        for one in closed.get(period, ())
        if _moved(project, store, period, store.closings.last_run(one))
    ]
    return [
        _again(store, list(group), work)
        for _, group in groupby(sorted(due, key=_model_and_month), key=lambda one: one.run)
    ]


def _moved(project: Project, store: Store, period: str, run: str) -> bool:
    return store.closings.changed(period, run) or rates_moved(project, store, period, run)


def _model_and_month(one: Closing) -> tuple[str, str, str]:
    return one.run, one.period, one.basis


def _again(store: Store, due: Sequence[Closing], work: Work) -> Again:
    record = store.run(due[0].run)
    model = loads(record.model_text)
    bases = cast("tuple[Basis, ...]", tuple(sorted({one.basis for one in due})))
    with store.begin_run(
        model_text=record.model_text, model_hash=record.model_hash, bases=bases
    ) as tx:
        for period in sorted({one.period for one in due}):
            work(tx, model, bases, period)
        tx.commit(stats=tx.rows)
    return Again(tx.id, tuple(Restated(one.basis, one.period, tx.id) for one in due))
