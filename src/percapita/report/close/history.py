"""Each version of a billing month's figure, and why it moved from one to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from itertools import pairwise
from typing import Any

from percapita.core.errors import InputError, ProofError
from percapita.core.money import quotient, text, total
from percapita.core.tables import FLOWS, GROUPS, LEDGER, LINES, PARTS, SLICES
from percapita.measure.question import BASELINE, ask
from percapita.model.load import loads
from percapita.reconcile.causes import Effect, Version, causes, prove
from percapita.report import numbers
from percapita.report.adjustments import closings
from percapita.report.cost.answer import answer
from percapita.report.focus.export import handed
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.report.table import Column, Page
from percapita.store import Store
from percapita.store.catalog.records import Run
from percapita.store.read import focus as read_focus
from percapita.store.read import history as read_history
from percapita.store.runs.lines import keep_originals


class NoVersionsError(InputError):
    """The month has no figures, or they are gone."""

    def __init__(self, period: str) -> None:
        super().__init__(
            f"No figures of {period} are kept.", hint="percapita runs lists what was run."
        )


@dataclass(frozen=True, slots=True)
class Figure:
    """One version of a month's figure."""

    run: Run
    role: str
    """published, closed, adjustment or past."""
    version: Version

    @property
    def per_unit(self) -> Decimal | None:
        """Cost per unit."""
        return quotient(self.version.numerator, self.version.units)


@dataclass(frozen=True, slots=True)
class Move:
    """What happened between two versions."""

    before: Figure
    after: Figure
    effects: dict[str, Effect]


@dataclass(frozen=True, slots=True)
class History:
    """A month's versions, oldest first, and the moves between them."""

    opened: Opened
    period: str
    figures: tuple[Figure, ...]
    moves: tuple[Move, ...]


def history(opened: Opened, period: str, chosen: Sequence[str] = ()) -> History:
    """Gather the versions of a month that were ever its figures, or those that are chosen.

    Raises:
        InputError: there is none, or a chosen run does not have the month.
        ProofError: the causes of a move do not sum to it.
    """
    roles = _roles(opened, period)
    runs = [opened.store.run(name) for name in chosen] or _kept(opened, roles)
    for run in runs:
        if period not in run.periods or opened.basis not in run.bases or run.collected:
            raise NoVersionsError(f"{period} ({opened.basis} cost) in run {run.id}")
    if not runs:
        raise NoVersionsError(period)
    figures = [
        Figure(run, roles.get(run.id, "past"), _version(opened, run, period)) for run in runs
    ]
    moves = [move(opened, period, before, after) for before, after in pairwise(figures)]
    return History(opened, period, tuple(figures), tuple(moves))


def versions(opened: Opened, period: str) -> list[str]:
    """Return the runs that were ever the figures of a month and are kept, oldest first."""
    return [run.id for run in _kept(opened, _roles(opened, period))]


def _kept(opened: Opened, roles: Mapping[str, str]) -> list[Run]:
    return [run for run in opened.store.runs() if run.id in roles and not run.collected]


def _roles(opened: Opened, period: str) -> dict[str, str]:
    """Return what each run was, or is, to the month."""
    basis, store = opened.basis, opened.store
    found: dict[str, str] = {}
    for entry in store.audit():
        if entry.what == "publish" and [basis, period] in entry.detail["pairs"]:
            found[entry.ref] = "past"
    for step in store.closings.adjustments(basis):
        if step.period == period:
            found[step.from_run] = found.get(step.from_run, "adjustment")
            found[step.to_run] = "adjustment"
    closed = closings(store, basis).get(period)
    current = store.published(basis).get(period)
    if current:
        found[current] = "closed" if closed else "published"
    return found


def _version(opened: Opened, run: Run, period: str) -> Version:
    alone = Opened(opened.store, opened.basis, {period: run.id}, loads(run.model_text), opened.now)
    figures = answer(alone, ask(alone.model, basis=opened.basis)).figures
    return Version(
        figures.bill_total,
        figures.totals.cost.total,
        figures.totals.units,
        baseline=figures.numerator == BASELINE,
    )


def move(opened: Opened, period: str, before: Figure, after: Figure) -> Move:
    """Tell why a month's figure moved between two versions.

    Raises:
        ProofError: the causes do not sum to it.
    """
    for side, figure in (("before", before), ("after", after)):
        _shares(opened.store, opened.basis, period, side, figure.run.id)
    found = read_history.pairs(opened.engine, opened.basis)
    remodelled = before.run.model_hash != after.run.model_hash
    same = _unchanged(before.run, after.run) if remodelled else frozenset()
    metered = opened.store.closings.metered(before.run.id, after.run.id)
    effects = causes(
        found, before.version, after.version, remodelled=remodelled, metered=metered, pools=same
    )
    if missed := prove(effects, before.version, after.version):
        raise ProofError(
            f"From {before.run.id} to {after.run.id}: {'; '.join(missed)}.",
            hint="This is a fault of percapita: please report it.",
        )
    return Move(before, after, effects)


def _shares(store: Store, basis: str, period: str, side: str, run: str) -> None:
    """Make what ``read_history`` compares of one version."""
    for table in (PARTS, GROUPS, FLOWS, LEDGER, SLICES):
        store.bind(table, run=run, periods=[period])
    bound = store.bind(LINES, f"{side}_bound", run=run, periods=[period], keys=["percapita"])
    kept = f"SELECT * EXCLUDE (Extra) FROM {bound}"
    store.engine.execute(f"CREATE OR REPLACE TEMP TABLE {side}_lines AS {kept}")
    keep_originals(store.engine, f"{side}_lines")
    read_focus.given(store.engine, basis, handed(store.engine, basis))
    read_focus.takers(store.engine, basis)
    read_history.shares(store.engine, side)


def _unchanged(before: Run, after: Run) -> frozenset[str]:
    """Return the pools that say the same in both models, if all else in the models is the same."""
    old, new = loads(before.model_text), loads(after.model_text)
    everywhere = ("currency", "timezone", "basis", "units", "segments", "dimensions", "credits")
    if any(getattr(old, name) != getattr(new, name) for name in everywhere):
        return frozenset()
    known = {pool.name: replace(pool, line=0) for pool in old.pools}
    return frozenset(
        pool.name for pool in new.pools if known.get(pool.name) == replace(pool, line=0)
    )


def to_json(found: History) -> dict[str, Any]:
    """Return it as JSON carries it."""
    opened = found.opened
    return {
        "meta": {
            "basis": opened.basis,
            "currency": opened.model.currency,
            "period": found.period,
            "as_of": instant(opened.now),
        },
        "versions": [_figure(one) for one in found.figures],
        "moves": [_move_json(one) for one in found.moves],
    }


def _figure(one: Figure) -> dict[str, Any]:
    return {
        "run": one.run.id,
        "at": instant(one.run.committed_at),
        "role": one.role,
        "model": one.run.model_hash,
        "imports": list(one.run.imports),
        "bill_total": text(one.version.bill),
        "allocated": text(one.version.allocated),
        "units": one.version.units,
        "cost_per_unit": text(one.per_unit),
    }


def _move_json(one: Move) -> dict[str, Any]:
    before, after = one.before, one.after
    gone = sorted(set(before.run.imports) - set(after.run.imports))
    new = sorted(set(after.run.imports) - set(before.run.imports))
    return {
        "from": before.run.id,
        "to": after.run.id,
        "bill_total": text(_less(after.version.bill, before.version.bill)),
        "allocated": text(_less(after.version.allocated, before.version.allocated)),
        "cost_per_unit": text(_less(after.per_unit, before.per_unit)),
        "imports": {"new": new, "gone": gone},
        "causes": [
            {
                "cause": name,
                "lines": effect.lines,
                "bill_total": text(effect.bill),
                "allocated": text(effect.allocated),
                "cost_per_unit": text(effect.per_unit),
            }
            for name, effect in one.effects.items()
        ],
    }


def _less(after: Decimal | None, before: Decimal | None) -> Decimal | None:
    return None if after is None or before is None else total([after, -before])


def flat(found: History) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: every cause of every move, then the move."""
    header = ["from", "to", "cause", "lines", "bill_total", "allocated", "cost_per_unit"]
    rows: list[list[Any]] = []
    for move in found.moves:
        ends = [move.before.run.id, move.after.run.id]
        rows += [
            [*ends, name, effect.lines, effect.bill, effect.allocated, effect.per_unit]
            for name, effect in move.effects.items()
        ]
        whole = _move_json(move)
        rows.append([*ends, "(all)", None, *(whole[name] for name in header[4:])])
    return header, rows


def show(page: Page, found: History) -> None:
    """Print the versions, then each move by cause."""
    opened, figures = found.opened, found.figures
    unit = numbers.places([one.per_unit for one in figures])
    page.line(
        f"{opened.basis.capitalize()} cost of {found.period}, {opened.model.currency}", "bold"
    )
    page.table(
        [
            Column("run", [one.run.id for one in figures], number=False),
            Column("when", [f"{one.run.committed_at:%Y-%m-%d %H:%M}" for one in figures],
                   number=False, rank=2),
            Column("", [one.role for one in figures], number=False),
            Column("bill", [numbers.amount(one.version.bill) for one in figures]),
            Column("allocated", [numbers.amount(one.version.allocated) for one in figures]),
            Column("units", [numbers.count(one.version.units) for one in figures]),
            Column("per unit", [numbers.amount(one.per_unit, unit) for one in figures]),
            Column("model", [one.run.model_hash[:12] for one in figures], number=False, rank=3),
            Column("imports", [str(len(one.run.imports)) for one in figures], rank=4),
        ]
    )  # fmt: skip
    closing = closings(opened.store, opened.basis).get(found.period)
    if closing is not None:
        signed = f", signed off by {closing.signed_off_by}" if closing.signed_off_by else ""
        page.line(f"Closed on {closing.closed_at:%Y-%m-%d} by {closing.closed_by}{signed}.")
    for move in found.moves:
        page.line()
        _show_move(page, move, unit)


def _show_move(page: Page, move: Move, unit: int) -> None:
    page.line(f"{move.before.run.id} to {move.after.run.id}", "bold")
    if not move.effects:
        page.line("Nothing moved.")
        return
    effects = list(move.effects.values())
    allocated = [e.allocated for e in effects]
    each = [e.per_unit for e in effects]
    page.table(
        [
            Column("cause", [*move.effects, "all"], number=False),
            Column("lines", [*(numbers.count(e.lines) for e in effects), ""]),
            Column("bill", [*(numbers.amount(e.bill) for e in effects),
                            numbers.amount(total([e.bill for e in effects]))]),
            Column("allocated", [*map(numbers.amount, allocated),
                                 numbers.amount(total(allocated))]),
            Column("per unit", [*(numbers.amount(one, unit) for one in each),
                                numbers.amount(_together(each), unit)]),
        ],
        totals=True,
    )  # fmt: skip


def _together(moves: Sequence[Decimal | None]) -> Decimal | None:
    """Return the sum of moves per unit; not known where none of them is."""
    known = [one for one in moves if one is not None]
    return total(known) if known else None
