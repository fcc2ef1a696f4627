"""What explain is asked, looked up: whose figure, of which pool and time."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from percapita.core.errors import InputError, nearest
from percapita.report.adjustments import status
from percapita.report.explain.found import Question
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.report.sought import Sought, segment
from percapita.report.sought import subject as subject_of
from percapita.report.sought import tenant as tenant_of


def sought(
    opened: Opened, subject: str | None, pairs: Mapping[str, str], tenant: str | None
) -> Sought:
    """Return whose figure is asked for: one of the three is given.

    Raises:
        InputError: nobody is known so, or the model has no such segment.
    """
    if pairs:
        return segment(opened, pairs)
    if tenant:
        return tenant_of(opened, tenant)
    return subject_of(opened, str(subject))


def question(opened: Opened, period: str | None, pool: str, lines: int | None) -> Question:
    """Look up the period and the pool; ``lines`` as in ``Question``.

    Raises:
        InputError: the model has no such pool.
    """
    pools = [*(one.name for one in opened.model.pools), "unallocated", "rounding", "credits"]
    if pool and pool not in pools:
        raise InputError(f"{pool!r} is not a pool of the model.", hint=nearest(pool, pools))
    window = opened.period(period)
    return Question(
        opened.basis,
        tuple(sorted(opened.runs.items())),
        window.span if window else None,
        pool,
        lines,
    )


def meta(opened: Opened, period: str | None, pool: str) -> dict[str, Any]:
    """Return what an explanation says of itself."""
    runs = sorted(set(opened.runs.values()))
    return {
        "basis": opened.basis,
        "currency": opened.model.currency,
        "period": opened.label(opened.period(period)),
        "pool": pool or None,
        "status": status(opened, opened.period(period)),
        "as_of": instant(opened.now),
        "model": opened.model.hash,
        "run": runs[0] if len(runs) == 1 else runs,
        "notes": list(opened.notes),
    }
