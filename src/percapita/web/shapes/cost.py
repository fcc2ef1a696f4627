"""Statements of cost, and the pages that are made of them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from percapita.attribute.sampling import CONFIDENCE
from percapita.core.tables import EVENT_KINDS
from percapita.measure.goals import Light, Place
from percapita.measure.question import SCOPES
from percapita.model.spec import Scope, Unit
from percapita.report.cost.as_json import MONEY_COLUMNS
from percapita.report.glance.marks import DECISION, KINDS
from percapita.report.metrics.listed import Kind
from percapita.web.shapes.kinds import (
    BASIS,
    COUNT,
    CUT,
    DAY,
    FLAG,
    INSTANT,
    MOMENT,
    MONEY,
    MONTH,
    NEXT,
    RUN,
    STATUS,
    TEXT,
    Schema,
    among,
    hinted,
    listed,
    maybe,
    named,
    record,
    ref,
    words,
)

_MONEYS: Final = {name: maybe(MONEY) for name in MONEY_COLUMNS}
_FIGURE: Final = {"units": maybe(COUNT), **_MONEYS, "target": ref("Target")}
_ROW: Final = {
    **_FIGURE, "interval": ref("Interval"), "not_known_below": TEXT, "other_rows": COUNT,
    "merged": listed(maybe(TEXT)),
}  # fmt: skip
_SOMETIMES: Final = ("target", "interval", "not_known_below", "other_rows", "merged")
TOTALS: Final[Mapping[str, Schema]] = {
    **_FIGURE, "overlap": maybe(COUNT), "bill_total": MONEY, "booked_total": MONEY,
}  # fmt: skip
META: Final[Mapping[str, Schema]] = {
    "basis": BASIS, "currency": TEXT, "period": TEXT, "scope": among(*SCOPES), "numerator": TEXT,
    "unit": TEXT, "window": hinted(Unit, "window"), "status": STATUS, "as_of": INSTANT,
    "complete_through": maybe(INSTANT), "model": TEXT, "run": RUN, "bill_total": MONEY,
    "missing": listed(TEXT), "sampled": listed(TEXT), "notes": listed(TEXT),
}  # fmt: skip
STATEMENT: Final[Mapping[str, Schema]] = {
    "meta": ref("Meta"), "rows": listed(ref("Figure")), "classes": ref("Classes"),
    "totals": ref("Totals"), "adjustments": listed(ref("Adjustment")),
    "benchmark": ref("Benchmark"),
}  # fmt: skip
GLANCE: Final[Mapping[str, Schema]] = {
    **STATEMENT, "segment": TEXT, "cohort": TEXT, "compared_with": maybe(MONTH),
    "windows": listed(ref("Window")), "trend": listed(ref("TrendMonth")),
    "scopes": listed(ref("ScopeMonth")), "by_month": listed(ref("FigureMonth")),
    "cohorts": listed(ref("Figure")), "changes": listed(ref("PoolChange")),
    "marks": listed(ref("Mark")), "marks_left": COUNT, "events": listed(ref("Event")),
    "findings": listed(ref("Finding")),
}  # fmt: skip

COMPONENTS: Final[Mapping[str, Schema]] = {
    "Meta": record(more=("sampled",), **META),
    "Target": record(
        cost_per_unit=MONEY, due=maybe(TEXT), status=words(Light), over_percent=maybe(MONEY)
    ),
    "Interval": record(
        confidence={"type": "integer", "const": CONFIDENCE}, enough=FLAG, low=maybe(MONEY),
        high=maybe(MONEY), low_per_unit=maybe(MONEY), high_per_unit=maybe(MONEY),
    ),
    "Figure": record(more=_SOMETIMES, rest=CUT, **_ROW),
    "FigureMonth": record(more=_SOMETIMES, rest=CUT, **_ROW, month=MONTH),
    "Classes": named(MONEY),
    "Totals": record(more=("target",), **TOTALS),
    "TrendMonth": record(
        more=("target",), month=MONTH, **TOTALS, low=maybe(MONEY), high=maybe(MONEY)
    ),
    "Adjustment": record(
        billing_period=MONTH, booked_in=MONTH, from_run=TEXT, to_run=TEXT, amount=MONEY
    ),
    "Benchmark": record(
        scope={"type": "string", "const": "infrastructure"}, cost_per_unit=MONEY, low=MONEY,
        high=MONEY, warn=MONEY, status=words(Place),
    ),
    "Window": record(
        days=COUNT, months=COUNT, total=MONEY, units=maybe(COUNT), cost_per_unit=maybe(MONEY),
        change_percent=maybe(MONEY),
    ),
    "ScopeMonth": record(
        month=MONTH, scope=words(Scope), total=MONEY, cost_per_unit=maybe(MONEY)
    ),
    "PoolChange": record(pool=TEXT, before=MONEY, now=MONEY, change=MONEY),
    "Event": record(
        at=MOMENT, kind=among(*EVENT_KINDS), name=TEXT, service=maybe(TEXT), resource=maybe(TEXT),
        subject=maybe(TEXT), payload=named(TEXT),
    ),
    "Finding": record(
        period=maybe(TEXT), code=TEXT, severity=among("info", "warning", "error"), where=TEXT,
        message=TEXT, amount=maybe(MONEY), advice=TEXT, owner=TEXT,
    ),
    "Comparison": record(
        period=TEXT, bill_total_before=MONEY, total_before=MONEY, total_change=MONEY,
        cost_per_unit_before=maybe(MONEY), rows=listed(ref("Changed")),
    ),
    "Changed": record(
        rest=CUT, total_before=MONEY, total_change=MONEY, total_change_percent=maybe(MONEY),
        cost_per_unit_before=maybe(MONEY),
    ),
    "Facet": record(
        facet=TEXT, values=listed(ref("FacetValue")),
        others=maybe(record(values=COUNT, total=MONEY)),
    ),
    "FacetValue": record(
        more=("merged",), value=maybe(TEXT), units=maybe(COUNT), total=MONEY,
        share_percent=maybe(MONEY), chosen=FLAG, merged=listed(maybe(TEXT)),
    ),
    "Mark": record(on=DAY, kind=among(*KINDS, DECISION), name=TEXT, count=COUNT, page=maybe(TEXT)),
    "SavedView": record(
        name=TEXT, owner=TEXT, own=FLAG, shared=FLAG, saved_at=INSTANT, query=TEXT, address=TEXT
    ),
    "Metric": record(
        metric=TEXT, of=maybe(TEXT), title=TEXT, kind=words(Kind), value=ref("Value"),
        unit=maybe(TEXT),
        meaning=TEXT,
    ),
    "Value": {"anyOf": [MONEY, COUNT, {"type": "null"}]},
    "Answered": record(
        question=TEXT, page=TEXT,
        metrics=listed(record(metric=TEXT, of=maybe(TEXT), value=ref("Value"))),
    ),
}  # fmt: skip

VIEWS: Final = record(more=("next",), views=listed(ref("SavedView")), next=NEXT)
OVERVIEW: Final = record(more=("benchmark",), **GLANCE)
COST: Final = record(
    more=("benchmark", "compare", "next", "facets"), **STATEMENT, next=NEXT,
    compare=ref("Comparison"), facets=listed(ref("Facet")),
)  # fmt: skip
FIGURES: Final = record(meta=ref("Meta"), metrics=listed(ref("Metric")))
ROLES: Final = record(
    meta=record(more=("sampled",), **META, role=TEXT), questions=listed(ref("Answered"))
)
