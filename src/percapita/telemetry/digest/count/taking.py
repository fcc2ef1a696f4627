"""Spans of a sample as the catalog keeps them: what was counted, and no text that may be an id."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from percapita.store.catalog.traced import Begun, Kept
from percapita.store.live.numbers import resolve
from percapita.telemetry.digest.count.signals import Names, tidy
from percapita.telemetry.digest.decode.resources import CELLS
from percapita.telemetry.digest.decode.signals import Batch
from percapita.telemetry.digest.decode.wire import LENGTH, Ints
from percapita.telemetry.digest.meters.plan import FAILED, SPAN_KINDS, Plan, status
from percapita.telemetry.digest.rows import Rows

Ids = tuple[str, str]
_TRACE, _SPAN = 16, 8
"""Bytes of an id."""


@dataclass(slots=True)
class Taken:
    """Spans of one batch; the numbers of subjects are provisional until ``settle``."""

    begun: list[Begun]
    ids: list[Ids]
    bodies: list[dict[str, Any]]
    user: Ints
    session: Ints
    tenant: Ints

    def settle(self, numbers: Ints) -> None:
        """Write the numbers that the door gave over the provisional ones."""
        for column in (self.user, self.session, self.tenant):
            resolve(column, numbers)

    def spans(self) -> Iterator[Kept]:
        """Yield the spans as the catalog keeps them."""
        whose = zip(self.user.tolist(), self.session.tolist(), self.tenant.tolist(), strict=True)
        for ids, who, body in zip(self.ids, whose, self.bodies, strict=True):
            yield Kept(*ids, *who, body)


def taken(
    batch: Batch, rows: Rows, duration: Ints, which: Ints, why: Mapping[int, str],
    plan: Plan, names: Names,
) -> Taken:  # fmt: skip
    """Take spans from a batch; those without ids belong to no trace.

    Args:
        batch: decoded spans.
        rows: a row each.
        duration: nanoseconds that each of them took.
        which: those that are taken.
        why: hash of a trace to why it was chosen.
        plan: what meters ask of spans.
        names: texts behind the codes of rows.
    """
    layout = batch.layout
    trace, span = _raw(batch, layout.trace, which, _TRACE), _raw(batch, layout.span, which, _SPAN)
    which = np.array([at for at in which.tolist() if at in trace and at in span], np.int64)
    first = {int(rows.trace[at]): at for at in reversed(which.tolist())}
    some = rows.take(which)
    told = _told(batch, which, duration)
    return Taken(
        [Begun(trace[at].hex(), int(rows.received[at]), why[one]) for one, at in first.items()],
        [(trace[at].hex(), span[at].hex()) for at in which.tolist()],
        [{**body, "begun": int(some.at[place]) - body["took"],
          **_counted(some, place, plan, names)} for place, body in enumerate(told)],
        some.user, some.session, some.tenant,
    )  # fmt: skip


def _told(batch: Batch, which: Ints, duration: Ints) -> list[dict[str, Any]]:
    """Return what spans say of themselves."""
    parent = _raw(batch, batch.layout.parent, which, _SPAN)
    name = _raw(batch, batch.layout.name, which)
    failed = status(batch) == FAILED
    kinds = np.clip(batch.number(batch.layout.kind), 0, len(SPAN_KINDS))
    words = (*SPAN_KINDS, "")
    return [
        {
            "parent": parent.get(at, b"").hex() or None,
            "name": tidy(name.get(at, b"").decode(errors="replace")),
            "kind": words[kinds[at]], "took": int(duration[at]), "failed": bool(failed[at]),
        }
        for at in which.tolist()
    ]  # fmt: skip


def _raw(batch: Batch, number: int, which: Ints, size: int = 0) -> dict[int, bytes]:
    """Return a field's bytes of some signals; where a size is said, only those of that size."""
    found = batch.parts.of(number, LENGTH)
    found = found.only(np.isin(found.owner, which))
    if size:
        found = found.only(found.length == size)
    places = zip(found.owner.tolist(), found.start.tolist(), found.length.tolist(), strict=True)
    return {owner: batch.buffer.text(start, length) for owner, start, length in places}


def _counted(rows: Rows, at: int, plan: Plan, names: Names) -> Mapping[str, Any]:
    """Return where a span was counted, and what it added to which meter."""
    shown = names.lexicon.shown
    cells = dict(zip(CELLS, names.cells[int(rows.cell[at])], strict=True))
    meters = {
        meter: int(values[at]) for meter, values in rows.quantities.items() if values[at] >= 0
    }
    called = {
        meter: shown(int(rows.called[by][at]))
        for meter, by in plan.callings().items()
        if meter in meters and by in rows.called
    }
    return {
        **cells, "operation": shown(int(rows.operation[at])),
        "feature": shown(int(rows.feature[at])), "meters": meters, "called": called,
    }  # fmt: skip
