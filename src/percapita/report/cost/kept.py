"""Cost statements that are worked out once: as long as their runs stand, they cannot change."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

from percapita.core.errors import PercapitaError
from percapita.core.roles import EVERYTHING, Sight
from percapita.core.version import VERSION
from percapita.measure.question import Question, ask
from percapita.report.cost import as_json
from percapita.report.cost.sighted import answer
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.store.kept.on_disk import OnDisk


def statement(
    opened: Opened,
    by: Sequence[str],
    period: str | None,
    *,
    unit: str = "",
    sight: Sight = EVERYTHING,
) -> dict[str, Any]:
    """Return a cost statement by names that tell no subjects apart.

    Raises:
        NotForRoleError: a role that sees only so much may not ask it.
        InputError: a name is not known, or nothing was spent in the period.
    """
    question = ask(opened.model, by=by, period=opened.period(period), basis=opened.basis, unit=unit)
    if any(at.place == "subject" for at in question.by):
        raise SubjectsError

    def make() -> str:
        made = as_json.statement(answer(opened, question, sight))
        # What opening the figures adds to the notes is about now, and comes back below.
        made["meta"]["notes"] = made["meta"]["notes"][len(opened.notes) :]
        return json.dumps(made, ensure_ascii=False)

    found = OnDisk(opened.store.root).text(key_of(opened, question, sight), make)
    result: dict[str, Any] = json.loads(found)
    result["meta"] |= {
        "as_of": instant(opened.now),
        "notes": [*opened.notes, *result["meta"]["notes"]],
    }
    return result


class SubjectsError(PercapitaError):
    """Statements with names of people are never kept: somebody may be forgotten."""

    def __init__(self) -> None:
        super().__init__("A statement that tells subjects apart is not kept.")


def key_of(opened: Opened, question: Question, sight: Sight) -> str:
    """Return what the answer depends on, in one word."""
    closings = opened.store.closings
    said = [
        VERSION, repr(sight), opened.basis, sorted(opened.runs.items()), opened.model.hash,
        [at.name for at in question.by], question.unit.name, question.scope, question.top,
        question.skip,
        [(at.name, value) for at, value in question.where],
        question.period.label if question.period else None,
        [repr(one) for one in closings.all()], [repr(one) for one in closings.adjustments()],
        # Revenue is converted as it is read.
        repr(opened.store.rates()) if opened.store.rates else "",
    ]  # fmt: skip
    return hashlib.blake2b(json.dumps(said).encode(), digest_size=16).hexdigest()
