"""What each page's API takes, and the shape of what it gives: the source of ``openapi.json``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

from percapita.core.errors import InputError, nearest
from percapita.live.traces import Sort
from percapita.measure.question import SCOPES
from percapita.model.spec import Basis
from percapita.web.api.lists import LISTS
from percapita.web.api.paging import MOST
from percapita.web.shapes import books, cost, decisions, health, live
from percapita.web.shapes.kinds import TEXT, Schema, among, words

RESULTS: Final[Mapping[str, Schema]] = {
    "overview": cost.OVERVIEW,
    "cost": cost.COST,
    "explain": books.EXPLAIN,
    "line": books.LINE,
    "statements": books.STATEMENTS,
    "report": books.REPORT,
    "pricing": books.PRICING,
    "oncall": live.ONCALL,
    "debug": health.DEBUG,
    "traces": health.TRACES,
    "trace": health.TRACE,
    "roles": cost.ROLES,
    "history": books.HISTORY,
    "decisions": decisions.DECISIONS,
    "resources": health.RESOURCES,
    "reconcile": books.RECONCILE,
    "figures": cost.FIGURES,
    "data": health.DATA,
    "model": books.MODEL,
    "views": cost.VIEWS,
    "audit": books.AUDIT,
}
"""Page -> what its API answers with: exactly this, until a later version adds keys."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """One name of a question."""

    name: str
    meaning: str
    schema: Schema
    many: bool = False
    required: bool = False


_PERIOD: Final = Parameter("period", "2025, 2025-Q4, 2025-10, 2025-10-03 or A..B.", TEXT)
_BASIS: Final = Parameter("basis", "Basis of cost.", words(Basis))
_RUN: Final = Parameter("run", "A run other than the published one.", TEXT)
_UNIT: Final = Parameter("unit", "What cost is divided by.", TEXT)
_BY: Final = Parameter("by", "What rows are cut by.", TEXT)
_POSITIVE: Final = {"type": "integer", "minimum": 1}
_FIGURES: Final = (_PERIOD, _BASIS, _RUN)

_ASKED: Final[Mapping[str, tuple[Parameter, ...]]] = {
    "overview": (*_FIGURES, _BY, _UNIT),
    "cost": (
        *_FIGURES, Parameter("by", "What rows are cut by, in order.", TEXT, many=True),
        Parameter("where", "NAME=VALUE that rows must have.", TEXT, many=True),
        Parameter("compare", "A period to compare with.", TEXT),
        Parameter("facet", "Names whose values are counted beside the rows.", TEXT, many=True),
        Parameter("scope", "Which pools count.", among(*SCOPES)),
        _UNIT, Parameter("top", "Only the dearest rows, the rest summed.", _POSITIVE),
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
    "traces": (
        Parameter("sort", "Order; failed: only those with a failed span.", words(Sort)),
        Parameter("service", "Only traces with a span of this service.", TEXT),
        Parameter("top", "How many.", _POSITIVE),
    ),
    "trace": (Parameter("id", "Trace id, or its beginning.", TEXT, required=True),),
    "resources": (),
    "roles": (*_FIGURES, Parameter("for", "Whose questions.", TEXT)),
    "history": _FIGURES,
    "decisions": (
        *_FIGURES[:2], Parameter("metric", "The figure to decide on.", TEXT),
        Parameter("where", "NAME=VALUE that it is of.", TEXT, many=True),
        Parameter("scope", "Which pools count.", among(*SCOPES)), _UNIT,
    ),
    "reconcile": _FIGURES,
    "figures": (*_FIGURES, Parameter("metric", "Only these.", TEXT, many=True)),
    "data": (_PERIOD,),
    "model": (),
    "views": (),
    "audit": (
        Parameter("who", "Only what this one did.", TEXT),
        Parameter("what", "Only entries of this kind.", TEXT),
    ),
}  # fmt: skip


def _paging(page: str) -> tuple[Parameter, ...]:
    """Return what a page with a list takes to give it in pages."""
    names = LISTS.get(page, ())
    which = Parameter("list", "Which list comes in pages; the first unless said.", among(*names))
    return (
        *([which] if len(names) > 1 else []),
        *([Parameter("limit", "Rows of a page of the list.", {**_POSITIVE, "maximum": MOST}),
           Parameter("cursor", "`next` of the page before.", TEXT)] if names else []),
    )  # fmt: skip


PARAMETERS: Final = {page: (*asked, *_paging(page)) for page, asked in _ASKED.items()}
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
