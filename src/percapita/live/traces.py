"""Recent traces, each span with what it cost: its quantities at the live estimate's prices.

A trace costs the sum of its spans, to the last digit, and a span the sum of what its meters cost of
each pool. It is an estimate of what usage drives: what no meter splits is in none of them.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, Literal, get_args

from percapita.core.errors import InputError
from percapita.core.money import quotient, text, total
from percapita.core.roles import EVERYTHING, Sight
from percapita.core.subjects import ERASED, SESSION, TENANT, USER
from percapita.reconcile.estimate.meters import HOUR
from percapita.report.numbers import instant
from percapita.report.opened import NothingPublishedError
from percapita.store import Store
from percapita.store.catalog import traced
from percapita.store.catalog.people import people
from percapita.store.catalog.traced import Begun, Kept

if TYPE_CHECKING:
    from percapita.live.desk import Desk
    from percapita.live.prices import Part, Prices

Row = dict[str, Any]
Sort = Literal["newest", "duration", "cost", "failed"]
SORTS: Final = get_args(Sort)
SHOWN: Final = 50
"""Traces of a list, unless more are asked for."""
_SECOND: Final = 10**9
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_LEVELS: Final = (USER, SESSION, TENANT)
NOTES: Final = {
    "sample": "These traces are a sample of the last 24 hours: an even one of all, and some that"
    " failed or were slow. Counts of requests stand under Debugging.",
    "estimate": "A cost is an estimate: what a span added to meters, at the price that a unit had"
    " in that hour. Overhead, fees, idle capacity and whatever no meter splits are in none.",
    "unpriced": "There are no prices yet: percapita run publishes the first figures.",
}


class NoTraceError(InputError):
    """The trace asked for is not in the sample."""

    def __init__(self, asked: str, found: int) -> None:
        super().__init__(
            f"{found} traces begin with {asked!r}." if found else f"No trace {asked!r} is kept.",
            hint="Write more of its digits." if found else
            "Traces are a sample of the last 24 hours: percapita traces lists them.",
        )  # fmt: skip


@dataclass(slots=True)
class Span:
    """One span, and what it cost."""

    id: str
    body: Mapping[str, Any]
    parts: Sequence[Part] = ()
    depth: int = 0
    lost: bool = False
    """It names a parent that is not in the sample."""

    @property
    def begun(self) -> int:
        """Nanoseconds since 1970."""
        return int(self.body["begun"])

    @property
    def ended(self) -> int:
        """Likewise."""
        return self.begun + int(self.body["took"])

    @property
    def cost(self) -> Decimal:
        """All its parts."""
        return total([part.amount for part in self.parts])


@dataclass(slots=True)
class Trace:
    """One trace of the sample."""

    told: Begun
    spans: list[Span]
    """In the order of a tree: each behind its parent."""
    whose: Mapping[str, int]
    """Level to the number of the earliest subject that a span names."""
    cost: Decimal | None = None
    """The sum of its spans; ``None`` where there are no prices."""

    @property
    def root(self) -> Span:
        """The span that the others hang on: the first one that is there."""
        return self.spans[0]

    @property
    def took(self) -> int:
        """Nanoseconds from the first start to the last end."""
        return max(s.ended for s in self.spans) - min(s.begun for s in self.spans)

    @property
    def failed(self) -> int:
        """How many spans failed."""
        return sum(bool(span.body["failed"]) for span in self.spans)


@dataclass(slots=True)
class Traces:
    """What was found, and what it was priced with."""

    found: list[Trace]
    store: Store
    sight: Sight
    now: datetime
    currency: str | None
    notes: list[str] = field(default_factory=list)


def recent(
    desk: Desk, now: datetime, *, sort: str = "newest", service: str = "",
    sight: Sight = EVERYTHING, among: int = traced.MOST,
) -> Traces:  # fmt: skip
    """Return the traces of the last day, with costs where there are prices.

    Args:
        desk: answers what a unit costs.
        now: the end of that day.
        sort: one of ``SORTS``.
        service: only traces with a span of it.
        sight: what of a trace's subject may be seen.
        among: only so many that came last are looked at.
    """
    known = traced.begun(desk.store.catalog, now)[:among]
    found = _gathered(desk, now, known, sight)
    if service:
        found.found = [
            one for one in found.found if any(s.body["service"] == service for s in one.spans)
        ]
    if sort == "failed":
        found.found = [one for one in found.found if one.failed]
    found.found.sort(key=_ORDERS[sort])
    return found


def single(desk: Desk, now: datetime, asked: str, *, sight: Sight = EVERYTHING) -> Traces:
    """Return one trace, by its id or the beginning of it.

    Raises:
        NoTraceError: there is none, or there are several.
    """
    known = traced.begun(desk.store.catalog, now, asked.strip().lower()) if asked else []
    found = _gathered(desk, now, known[:2], sight)
    if len(found.found) != 1:
        raise NoTraceError(asked, len(found.found) and len(known))
    return found


_ORDERS: Final = {
    "newest": lambda one: (-one.root.begun, one.told.trace),
    "failed": lambda one: (-one.root.begun, one.told.trace),
    "duration": lambda one: (-one.took, one.told.trace),
    "cost": lambda one: (-(one.cost or 0), one.told.trace),
}


def _gathered(desk: Desk, now: datetime, known: Sequence[Begun], sight: Sight) -> Traces:
    from percapita.live.prices import prices  # noqa: PLC0415 loads Ibis

    spans: dict[str, list[Kept]] = defaultdict(list)
    for span in traced.spans(desk.store.catalog, [one.trace for one in known]):
        spans[span.trace].append(span)
    numbers = {n for each in spans.values() for one in each for n in _numbers(one) if n}
    roots = traced.roots(desk.store.catalog, numbers)
    erased = {number for number, (_, kind) in roots.items() if kind == ERASED}
    found = [
        _made(one, spans[one.trace], roots)
        for one in known
        if spans[one.trace] and not erased & {n for s in spans[one.trace] for n in _numbers(s)}
    ]
    made = Traces(found, desk.store, sight, now, None, [NOTES["sample"]])
    try:
        priced = prices(desk, now, *_hours(found, now))
    except NothingPublishedError:
        made.notes.append(NOTES["unpriced"])
        return made
    made.currency = priced.known.opened.model.currency
    made.notes.append(NOTES["estimate"])
    for trace in found:
        for one in trace.spans:
            one.parts = tuple(_parts(priced, one))
        trace.cost = total([one.cost for one in trace.spans])
    return made


def _numbers(span: Kept) -> tuple[int, int, int]:
    return span.user, span.session, span.tenant


def _made(told: Begun, kept: Sequence[Kept], roots: Mapping[int, tuple[int, str]]) -> Trace:
    order = sorted(kept, key=lambda one: (one.body["begun"], one.span))
    whose: dict[str, int] = {}
    for one in order:
        for level, number in zip(_LEVELS, _numbers(one), strict=True):
            if number and level not in whose:
                whose[level] = roots.get(number, (number, level))[0]
    return Trace(told, list(_tree([Span(one.span, one.body) for one in order])), whose)


def _tree(spans: Sequence[Span]) -> Iterator[Span]:
    """Yield spans depth first, each behind its parent; what runs in a circle comes last."""
    known = {span.id for span in spans}
    below: dict[str | None, list[Span]] = defaultdict(list)
    for span in spans:
        parent = span.body["parent"]
        span.lost = parent is not None and parent not in known
        below[parent if parent in known else None].append(span)
    # The first root stands first, what lost its parent behind all roots.
    waiting = sorted(below[None], key=lambda span: span.lost)[::-1]
    seen: set[str] = set()
    while waiting:
        span = waiting.pop()
        seen.add(span.id)
        yield span
        children = [one for one in below[span.id] if one.id not in seen]
        for child in reversed(children):
            child.depth = span.depth + 1
            waiting.append(child)
    yield from (span for span in spans if span.id not in seen)


def _hours(found: Sequence[Trace], now: datetime) -> tuple[datetime, datetime]:
    hours = [_hour(span) for trace in found for span in trace.spans] or [now]
    return min(hours), max(hours) + HOUR


def _hour(span: Span) -> datetime:
    """Return the hour that a span is counted in: the one in which it ended."""
    return _EPOCH + timedelta(hours=span.ended // (3_600 * _SECOND))


def _parts(priced: Prices, span: Span) -> Iterator[Part]:
    place = {name: span.body[name] for name in priced.keys}
    for meter, quantity in span.body["meters"].items():
        called = span.body["called"]
        here = {**place, "operation": called[meter]} if meter in called else place
        yield from priced.parts(_hour(span), meter, quantity, here)


def listed(found: Traces, most: int = SHOWN) -> Row:
    """Return a list of traces as JSON carries it."""
    shown = found.found[:most]
    names = _names(found, shown)
    return {
        "meta": _meta(found), "total": len(found.found),
        "services": sorted({str(s.body["service"]) for one in found.found for s in one.spans
                            if s.body["service"]}),
        "traces": [_summary(one, found, names) for one in shown],
    }  # fmt: skip


def document(found: Traces) -> Row:
    """Return one trace with its spans as JSON carries it."""
    trace = found.found[0]
    first = min(span.begun for span in trace.spans)
    lost = sum(span.lost for span in trace.spans)
    meta = _meta(found)
    if lost:
        meta["notes"].append(
            f"{lost} of its spans name a parent that is not in the sample: parts of this trace"
            " came before it was chosen, or were never sent."
        )
    return {
        "meta": meta, **_summary(trace, found, _names(found, [trace])),
        "rows": [_row(span, first, priced=trace.cost is not None) for span in trace.spans],
    }  # fmt: skip


def _meta(found: Traces) -> Row:
    return {
        "as_of": instant(found.now), "currency": found.currency, "estimate": True, "sample": True,
        "notes": list(found.notes),
    }  # fmt: skip


def _summary(trace: Trace, found: Traces, names: Mapping[int, str]) -> Row:
    root = trace.root.body
    return {
        "trace": trace.told.trace, "chosen": trace.told.why, "begun": _moment(trace.root.begun),
        "service": root["service"], "operation": root["operation"] or root["name"],
        "subject": _subject(trace, found.sight, names), "seconds": _seconds(trace.took),
        "spans": len(trace.spans), "failed": trace.failed, "cost": text(trace.cost),
    }  # fmt: skip


def _row(span: Span, first: int, *, priced: bool) -> Row:
    body = span.body
    return {
        "span": span.id, "parent": body["parent"], "depth": span.depth, "lost": span.lost,
        "service": body["service"], "name": body["name"], "kind": body["kind"],
        "operation": body["operation"], "after_seconds": _seconds(span.begun - first),
        "seconds": _seconds(int(body["took"])), "failed": body["failed"],
        "cost": text(span.cost) if priced else None, "meters": _meters(span),
    }  # fmt: skip


def _meters(span: Span) -> list[Row]:
    """Return what a span was counted as, what cost something first."""
    costs: dict[str, Decimal] = defaultdict(Decimal)
    for part in span.parts:
        costs[part.meter] += part.amount
    counted = span.body["meters"]
    return [
        {
            "meter": meter, "quantity": counted[meter],
            "operation": span.body["called"].get(meter), "cost": text(costs.get(meter)),
            "pools": sorted({part.pool for part in span.parts if part.meter == meter}),
        }
        for meter in sorted(counted, key=lambda name: (name not in costs, name))
    ]  # fmt: skip


def _names(found: Traces, shown: Iterable[Trace]) -> Mapping[int, str]:
    numbers = {number for trace in shown for number in trace.whose.values()}
    return {n: who.name for n, who in people(found.store.catalog, numbers).items()}


def _subject(trace: Trace, sight: Sight, names: Mapping[int, str]) -> Row:
    """Return whose a trace is, as far as whoever asks may see."""
    for level in _LEVELS:
        number = trace.whose.get(level)
        if number is None:
            continue
        if sight.tenants if level == TENANT else sight.people:
            return {"kind": level, "number": number, "name": names[number]}
    kind = next((level for level in _LEVELS if level in trace.whose), None)
    return {"kind": kind, "number": None, "name": None}


def _moment(nanoseconds: int) -> str | None:
    return instant(_EPOCH + timedelta(microseconds=nanoseconds // 1000))


def _seconds(nanoseconds: int) -> str | None:
    return text(quotient(Decimal(nanoseconds), _SECOND))
