"""The decisions log: what was decided on which figure, then and now."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from percapita.measure.question import SCOPES
from percapita.report.decisions.log import Status
from percapita.report.metrics.listed import Kind
from percapita.web.shapes.kinds import (
    BASIS,
    DAY,
    FLAG,
    INSTANT,
    MONEY,
    NEXT,
    TEXT,
    Schema,
    among,
    listed,
    maybe,
    named,
    record,
    ref,
    words,
)

_ASKED: Final = {
    "metric": TEXT, "title": TEXT, "kind": words(Kind), "period": TEXT, "basis": BASIS,
    "scope": among(*SCOPES), "unit": TEXT, "where": listed(TEXT), "currency": TEXT, "page": TEXT,
}  # fmt: skip
_RUNS: Final = named(TEXT)

COMPONENTS: Final[Mapping[str, Schema]] = {
    "Decided": record(
        id=TEXT, decision=TEXT, decided_on=DAY, decided_by=TEXT, status=words(Status),
        figure=record(**_ASKED),
        then=record(value=maybe(MONEY), runs=_RUNS, page=maybe(TEXT)),
        now=record(value=maybe(MONEY), runs=_RUNS, gone=maybe(TEXT)), restated=FLAG,
        expected=record(
            effect=maybe(TEXT), change=maybe(MONEY), change_percent=maybe(MONEY)
        ),
        review_on=maybe(DAY), observed=listed(ref("Observed")), recorded_at=INSTANT,
        recorded_by=TEXT, withdrawn=maybe(record(reason=TEXT, at=INSTANT, by=TEXT)),
    ),
    "Observed": record(
        period=TEXT, before=maybe(MONEY), after=maybe(MONEY), change=maybe(MONEY),
        change_percent=maybe(MONEY), reached=maybe(FLAG), runs=_RUNS, note=maybe(TEXT), page=TEXT,
        recorded_at=INSTANT, recorded_by=TEXT,
    ),
}  # fmt: skip

DECISIONS: Final = record(
    more=("next",),
    next=NEXT,
    meta=record(as_of=INSTANT, timezone=TEXT),
    decisions=listed(ref("Decided")),
    figure=maybe(record(**_ASKED, value=maybe(MONEY), runs=_RUNS)),
)
