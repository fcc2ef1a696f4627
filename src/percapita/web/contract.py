"""What each page's API takes, and the shape of what it gives: the source of ``openapi.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from percapita.core.errors import InputError, nearest
from percapita.measure.question import SCOPES
from percapita.report.cost.as_json import MONEY_COLUMNS

Schema = Mapping[str, Any]

MONEY: Final[Schema] = {"type": "string", "pattern": r"^-?\d+\.\d{2,18}$"}
"""Amounts, quotients and percents: plain digits, no exponent."""
TEXT: Final[Schema] = {"type": "string"}
COUNT: Final[Schema] = {"type": "integer"}
FLAG: Final[Schema] = {"type": "boolean"}
MONTH: Final[Schema] = {"type": "string", "pattern": r"^\d{4}-\d{2}$"}
INSTANT: Final[Schema] = {
    "type": "string", "pattern": r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z$"
}  # fmt: skip
ANY: Final[Schema] = {}
BASES: Final = ("billed", "effective", "contracted", "list")


def maybe(schema: Schema) -> Schema:
    """Return a schema that takes null too: undefined, or not known."""
    return {"anyOf": [schema, {"type": "null"}]}


def listed(schema: Schema) -> Schema:
    """Return the schema of a list."""
    return {"type": "array", "items": schema}


def record(*, more: Iterable[str] = (), **parts: Schema) -> Schema:
    """Return the schema of an object: every part is there but those of ``more``."""
    left = set(more)
    required = [name for name in parts if name not in left]
    return {"type": "object", "properties": dict(parts), "required": required}


def named(schema: Schema) -> Schema:
    """Return the schema of names and values of one kind."""
    return {"type": "object", "additionalProperties": schema}


RUN: Final = {"anyOf": [TEXT, listed(TEXT)]}
_MONEYS: Final = {name: maybe(MONEY) for name in MONEY_COLUMNS}
_TARGET: Final = record(
    cost_per_unit=MONEY, due=maybe(TEXT), status=TEXT, over_percent=maybe(MONEY)
)
FIGURE: Final = record(
    more=("target", "interval"), units=maybe(COUNT), **_MONEYS, target=_TARGET, interval=ANY
)
META: Final = record(
    basis=TEXT, currency=TEXT, period=TEXT, scope=TEXT, numerator=TEXT, unit=TEXT, window=TEXT,
    status=TEXT, as_of=INSTANT, complete_through=maybe(INSTANT), model=TEXT, run=RUN,
    bill_total=MONEY, missing=listed(TEXT), notes=listed(TEXT),
)  # fmt: skip
_SMALL_META: Final = record(
    basis=TEXT, currency=TEXT, period=TEXT, status=TEXT, as_of=INSTANT, model=TEXT, run=RUN,
    notes=listed(TEXT),
)  # fmt: skip
TOTALS: Final = record(
    units=maybe(COUNT), **_MONEYS, overlap=maybe(COUNT), bill_total=MONEY, booked_total=MONEY
)
_CHANGED: Final = record(
    total_before=MONEY, total_change=MONEY, total_change_percent=maybe(MONEY),
    cost_per_unit_before=maybe(MONEY),
)  # fmt: skip
_FACET: Final = record(
    facet=TEXT,
    values=listed(record(
        more=("merged",), value=maybe(TEXT), units=maybe(COUNT), total=MONEY,
        share_percent=maybe(MONEY), chosen=FLAG, merged=listed(maybe(TEXT)),
    )),
    others=maybe(record(values=COUNT, total=MONEY)),
)  # fmt: skip
_COST: Final = {
    "meta": META, "rows": listed(FIGURE), "classes": named(MONEY), "totals": TOTALS,
    "adjustments": listed(ANY), "benchmark": record(scope=TEXT, status=TEXT),
}  # fmt: skip
_GLANCE: Final = {
    **_COST, "segment": TEXT, "cohort": TEXT, "compared_with": maybe(MONTH),
    "windows": listed(record(days=COUNT, months=COUNT, total=MONEY, units=maybe(COUNT),
                             cost_per_unit=maybe(MONEY), change_percent=maybe(MONEY))),
    "trend": listed(record(month=MONTH, low=maybe(MONEY), high=maybe(MONEY), bill_total=MONEY)),
    "scopes": listed(record(month=MONTH, scope=TEXT, total=MONEY, cost_per_unit=maybe(MONEY))),
    "by_month": listed(FIGURE), "cohorts": listed(FIGURE),
    "changes": listed(record(pool=TEXT, before=MONEY, now=MONEY, change=MONEY)),
    "marks": listed(record(on=TEXT, kind=TEXT, name=TEXT, count=COUNT, page=maybe(TEXT))),
    "marks_left": COUNT, "events": listed(ANY), "findings": listed(record(code=TEXT, message=TEXT)),
}  # fmt: skip
_SUMS: Final = (
    "bill_total", "allocated", "idle", "anonymous", "bots", "erased", "excluded", "unallocated",
    "rounding", "difference",
)  # fmt: skip
_IDENTITY: Final = dict.fromkeys(_SUMS, MONEY)
_RECONCILED: Final = {
    **_IDENTITY, "pools": listed(record(pool=TEXT, **_IDENTITY)),
    "periods": listed(record(billing_period=MONTH, status=TEXT, **_IDENTITY)),
    "adjustments": listed(ANY), "conversions": listed(ANY),
}  # fmt: skip
_LINE: Final = {
    "LineId": TEXT, "source": TEXT, "ChargePeriodStart": INSTANT, "ChargePeriodEnd": INSTANT,
    "BillingPeriodStart": INSTANT, "ServiceName": maybe(TEXT), "BillingCurrency": TEXT,
    "line_amount": MONEY,
}  # fmt: skip
VIEW: Final = record(
    name=TEXT, owner=TEXT, own=FLAG, shared=FLAG, saved_at=INSTANT, query=TEXT, address=TEXT
)  # fmt: skip
_FIGURE_ASKED: Final = {
    "metric": TEXT, "title": TEXT, "kind": TEXT, "period": TEXT, "basis": TEXT, "scope": TEXT,
    "unit": TEXT, "where": listed(TEXT),
}  # fmt: skip
DECISION: Final = record(
    id=TEXT, decision=TEXT, decided_on=TEXT, decided_by=TEXT, status=TEXT,
    figure=record(**_FIGURE_ASKED, currency=TEXT, page=TEXT),
    then=record(value=maybe(MONEY), runs=named(TEXT), page=maybe(TEXT)),
    now=record(value=maybe(MONEY), runs=named(TEXT), gone=maybe(TEXT)), restated=FLAG,
    expected=record(effect=maybe(TEXT), change=maybe(MONEY), change_percent=maybe(MONEY)),
    review_on=maybe(TEXT),
    observed=listed(record(period=TEXT, before=maybe(MONEY), after=maybe(MONEY),
                           change=maybe(MONEY), change_percent=maybe(MONEY),
                           reached=maybe(FLAG), note=maybe(TEXT), page=TEXT)),
    recorded_at=INSTANT, recorded_by=TEXT,
)  # fmt: skip
"""One entry of the decisions log."""
_ITEM: Final = record(name=TEXT, verdict=TEXT, evidence=TEXT, advice=TEXT)

RESULTS: Final[Mapping[str, Schema]] = {
    "overview": record(more=("benchmark",), **_GLANCE),
    "cost": record(
        more=("benchmark", "compare", "next", "facets"), **_COST, next=maybe(TEXT),
        facets=listed(_FACET),
        compare=record(period=TEXT, bill_total_before=MONEY, total_before=MONEY,
                       total_change=MONEY, cost_per_unit_before=maybe(MONEY),
                       rows=listed(_CHANGED)),
    ),
    "explain": record(
        more=("subject", "total", "pools", "lines", "other_lines"), meta=_SMALL_META, subject=ANY,
        total=MONEY, pools=listed(record(pool=TEXT, amount=MONEY, why=TEXT, groups=listed(ANY))),
        lines=listed(record(**_LINE, amount=MONEY, parts=listed(ANY))),
        other_lines=record(count=COUNT, amount=MONEY),
    ),
    "line": record(
        meta=_SMALL_META, line=record(**_LINE), total=MONEY,
        parts=listed(record(pool=TEXT, amount=MONEY, start=TEXT)),
        groups=listed(record(pool=TEXT, run=TEXT, path=listed(TEXT), amount=MONEY)),
        receivers=listed(record(subject=COUNT, subject_kind=TEXT, pool=TEXT, amount=MONEY)),
    ),
    "statements": record(
        more=("adjustments", "benchmark"), meta=META, rows=listed(record(total=MONEY)),
        classes=named(MONEY), totals=TOTALS, adjustments=listed(ANY), benchmark=ANY,
    ),
    "report": record(more=("benchmark",), **_GLANCE, reconciliation=record(**_RECONCILED)),
    "pricing": record(
        meta=META, tiers=listed(record(units=maybe(COUNT), total=MONEY, prices=listed(ANY))),
        drivers=listed(ANY),
    ),
    "oncall": record(
        meta=ANY, events=listed(ANY),
        hours=listed(record(start=TEXT, amount=MONEY, low=MONEY, high=MONEY)),
    ),
    "debug": record(
        meta=ANY, endpoints=listed(ANY), third_party=listed(ANY), storage=listed(ANY),
        sampling=listed(ANY),
    ),
    "roles": record(
        meta=ANY, questions=listed(record(question=TEXT, page=TEXT, metrics=listed(ANY)))
    ),
    "history": record(
        meta=record(basis=TEXT, currency=TEXT, period=MONTH, as_of=INSTANT),
        versions=listed(record(run=TEXT, role=TEXT, model=TEXT, bill_total=MONEY)),
        moves=listed(ANY),
    ),
    "decisions": record(
        meta=record(as_of=INSTANT, timezone=TEXT), decisions=listed(DECISION),
        figure=maybe(record(**_FIGURE_ASKED, value=maybe(MONEY), currency=TEXT, page=TEXT,
                            runs=named(TEXT))),
    ),
    "resources": record(
        mapped=listed(named(maybe(TEXT))), missing=listed(named(maybe(TEXT)))
    ),
    "reconcile": record(meta=_SMALL_META, **_RECONCILED),
    "figures": record(
        meta=META,
        metrics=listed(record(metric=TEXT, of=maybe(TEXT), title=TEXT, kind=TEXT,
                              value=maybe({"anyOf": [TEXT, COUNT]}), meaning=TEXT)),
    ),
    "data": record(
        meta=ANY, readiness=listed(_ITEM), adviser=listed(_ITEM), practice=listed(_ITEM),
        findings=listed(record(code=TEXT, severity=TEXT, message=TEXT)), sources=listed(ANY),
        broken_rows=listed(ANY), broken_rows_total=COUNT,
    ),
    "model": record(
        model=TEXT, currency=TEXT, timezone=TEXT, basis=TEXT, units=listed(TEXT),
        segments=listed(record(segment=TEXT, **{"from": TEXT})),
        pools=listed(record(pool=TEXT, takes=TEXT, method=TEXT)),
    ),
    "views": record(views=listed(VIEW)),
    "audit": record(
        entries=listed(record(id=COUNT, at=INSTANT, who=TEXT, what=TEXT, ref=TEXT, detail=ANY)),
        next=maybe(TEXT),
    ),
}  # fmt: skip
"""Page -> what its API answers with. New keys may come at any time."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of a question."""

    name: str
    meaning: str
    schema: Schema
    many: bool = False
    required: bool = False


_PERIOD: Final = Parameter("period", "2025, 2025-Q4, 2025-10, 2025-10-03 or A..B.", TEXT)
_BASIS: Final = Parameter("basis", "Basis of cost.", {"type": "string", "enum": list(BASES)})
_RUN: Final = Parameter("run", "A run other than the published one.", TEXT)
_UNIT: Final = Parameter("unit", "What cost is divided by.", TEXT)
_BY: Final = Parameter("by", "What rows are cut by.", TEXT)
_CURSOR: Final = Parameter("cursor", "`next` of the page before.", TEXT)
_POSITIVE: Final = {"type": "integer", "minimum": 1}
_FIGURES: Final = (_PERIOD, _BASIS, _RUN)

PARAMETERS: Final[Mapping[str, tuple[Parameter, ...]]] = {
    "overview": (*_FIGURES, _BY, _UNIT),
    "cost": (
        *_FIGURES, Parameter("by", "What rows are cut by, in order.", TEXT, many=True),
        Parameter("where", "NAME=VALUE that rows must have.", TEXT, many=True),
        Parameter("compare", "A period to compare with.", TEXT),
        Parameter("facet", "Names whose values are counted beside the rows.", TEXT, many=True),
        Parameter("scope", "Which pools count.", {"type": "string", "enum": list(SCOPES)}),
        _UNIT, Parameter("top", "Only the dearest rows, the rest summed.", _POSITIVE),
        Parameter("limit", "Rows of a page of the list.", {**_POSITIVE, "maximum": 10_000}),
        _CURSOR,
    ),
    "explain": (
        *_FIGURES, Parameter("subject", "A user id, tenant, pseudonym or #NUMBER.", TEXT),
        Parameter("segment", "NAME=VALUE.", TEXT, many=True),
        Parameter("pool", "Only this pool.", TEXT),
        Parameter("lines", "How many bill lines.", _POSITIVE),
    ),
    "line": (*_FIGURES, Parameter("id", "LineId, or its beginning.", TEXT, required=True)),
    "statements": (
        *_FIGURES, _BY, Parameter("for", "NAME=VALUE: whose.", TEXT),
        Parameter("kind", "Shown or charged.", {"type": "string",
                                                "enum": ["showback", "chargeback"]}),
    ),
    "report": (*_FIGURES, _BY, _UNIT),
    "pricing": (
        *_FIGURES, _BY, Parameter("margin", "Target margins in percent.", TEXT, many=True),
        Parameter("version", "Prices as they were published.", TEXT),
    ),
    "oncall": (),
    "debug": _FIGURES,
    "resources": (),
    "roles": (*_FIGURES, Parameter("for", "Whose questions.", TEXT)),
    "history": _FIGURES,
    "decisions": (
        *_FIGURES[:2], Parameter("metric", "The figure to decide on.", TEXT),
        Parameter("where", "NAME=VALUE that it is of.", TEXT, many=True),
        Parameter("scope", "Which pools count.", {"type": "string", "enum": list(SCOPES)}), _UNIT,
    ),
    "reconcile": _FIGURES,
    "figures": (*_FIGURES, Parameter("metric", "Only these.", TEXT, many=True)),
    "data": (_PERIOD,),
    "model": (),
    "views": (),
    "audit": (
        Parameter("who", "Only what this one did.", TEXT),
        Parameter("what", "Only entries of this kind.", TEXT),
        Parameter("limit", "Entries of a page.", {**_POSITIVE, "maximum": 1000}),
        _CURSOR,
    ),
}  # fmt: skip
"""Page -> what its API takes."""


class UnknownParameterError(InputError):
    """A name that the API of a page does not take."""

    def __init__(self, name: str, page: str) -> None:
        known = [one.name for one in PARAMETERS[page]]
        super().__init__(
            f"{name!r} is no parameter of {page}.", hint=nearest(name, known) or "It takes none."
        )


class NotANumberError(InputError):
    """A parameter that is to be a whole number."""

    def __init__(self, name: str, value: str, schema: Schema) -> None:
        most = f" to {schema['maximum']}" if "maximum" in schema else " or more"
        super().__init__(f"{name}={value!r} is no whole number, {schema['minimum']}{most}.")


def check(page: str, pairs: Iterable[tuple[str, str]]) -> None:
    """Refuse what the API of a page does not take: programs mistype in silence.

    Raises:
        UnknownParameterError: a name is not known.
        NotANumberError: a value is no number within bounds.
    """
    known = {one.name: one for one in PARAMETERS[page]}
    for name, value in pairs:
        if name not in known:
            raise UnknownParameterError(name, page)
        schema = known[name].schema
        if schema.get("type") == "integer" and not _within(value, schema):
            raise NotANumberError(name, value, schema)


def _within(value: str, schema: Schema) -> bool:
    most = schema.get("maximum", 10**9)
    digits = value.isascii() and value.isdigit() and len(value) <= 10  # noqa: PLR2004 of 10^9
    return digits and schema["minimum"] <= int(value) <= most
