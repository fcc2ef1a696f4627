"""Attributes over time: what the model calls a segment, as intervals of each subject.

A combination of kind and attribute values that some receiver has is a *slice*; amounts and
activity carry its number, so that every segment of the model can be read from one column.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final
from zoneinfo import ZoneInfo

import ibis
import ibis.expr.types as ir

from percapita.attribute.classes import of_usage
from percapita.core.periods import EVER, midnight, zone
from percapita.core.subjects import PSEUDO, PSEUDO_SLICE, SEGMENT, TENANT, USER
from percapita.core.tables import INTERVALS, SEGMENTS, SLICES
from percapita.model.spec import Model, Segment
from percapita.plugins import Engine, named, stored

FACTS: Final = {
    "subject": "int64",
    "name": "string",
    "value": "string",
    "start": "timestamp",
    "end": "timestamp",
}
"""A subject's value of one segment of the model, from start up to end."""

KINDS: Final = {"subject": "int64", "kind": "string", "label": "string"}
"""Subjects that are not plain users, and the name of those whose name is kept."""

_SLICE_ROWS: Final = {column.name: column.type for column in SLICES.columns}
_BY_KEY: Final = {"key": "string", "slice": "int64"}
_KEYED: Final = {"subject": "int64", "start": "timestamp", "end": "timestamp", "key": "string"}


def slices(engine: Engine, model: Model) -> None:
    """Make the tables ``slices`` and ``intervals`` from ``segments`` and ``subject_kinds``.

    Classes of activity are cut from ``readings`` over the months of ``days``.
    """
    engine.create("told", _facts(model), FACTS)
    engine.load("local_dates", _LOCAL, _local_dates(engine, zone(model.timezone)))
    engine.create("facts", _localised(), FACTS)
    for segment, usage in of_usage(model.segments):
        engine.insert("facts", _class(segment, usage), FACTS)
    engine.insert("facts", _own_names(model), FACTS)
    engine.insert("facts", _inherited(), FACTS)
    engine.create("keyed", _keyed([segment.name for segment in model.segments]), _KEYED)
    keys = sorted(row[0] for row in engine.rows(named("keyed", _KEYED).select("key").distinct()))
    plain = _key_text({"kind": USER})
    numbers = {key: number for number, key in enumerate((k for k in keys if k != plain), start=1)}
    engine.load("slice_keys", _BY_KEY, [*numbers.items(), (plain, 0)])
    engine.load("slices", _SLICE_ROWS, _slice_rows(numbers))
    by_key = named("slice_keys", _BY_KEY)
    joined = named("keyed", _KEYED).join(by_key, "key")
    always = (joined.start == _instant(EVER[0])) & (joined.end == _instant(EVER[1]))
    told = joined.filter((joined.slice != 0) | ~always)
    engine.create("intervals", told.select(*INTERVALS), INTERVALS)
    for name in ("told", "local_dates", "facts", "keyed", "slice_keys"):
        engine.drop(name)


def _slice_rows(numbers: Mapping[str, int]) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = [(PSEUDO_SLICE[s], kind, []) for s, kind in PSEUDO.items()]
    rows.append((0, USER, []))
    for key, number in numbers.items():
        attributes = json.loads(key, strict=False)
        kind = attributes.pop("kind")
        rows.append((number, kind, sorted(attributes.items())))
    return rows


def _key_text(attributes: Mapping[str, str]) -> str:
    return json.dumps(attributes, separators=(",", ":"), ensure_ascii=False)


def _facts(model: Model) -> ir.Table:
    """Return what the sources say, under the model's names and cut as the model asks."""
    told = stored(SEGMENTS)
    facts = [_of_segment(told, segment) for segment in model.segments if not segment.usage]
    none = told.filter(False).select("subject", "value", "start", "end", name="attribute")
    return ibis.union(*facts) if facts else none.select(*FACTS)


def _of_segment(told: ir.Table, segment: Segment) -> ir.Table:
    rows = told.filter(
        (told.source == segment.source) & (told.attribute == segment.column) & (told.value != "")
    )
    return rows.select(
        rows.subject,
        name=ibis.literal(segment.name),
        value=_cut(rows.value, segment),
        start=rows.start.coalesce(_instant(EVER[0])),
        end=rows.end.coalesce(_instant(EVER[1])),
    )


def _class(segment: Segment, usage: ir.Table) -> ir.Table:
    value = _cut(usage.value, segment)
    rows = usage.mutate(name=ibis.literal(segment.name), value=value)
    return rows.filter(rows.value.notnull()).select(*FACTS)


_LOCAL: Final = {"label": "timestamp", "instant": "timestamp"}


def _local_dates(engine: Engine, tz: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """Return when each date among the bounds begins in the zone.

    A date stands in the table as midnight UTC; the model's zone says which instant it is.
    """
    told = named("told", FACTS)
    bounds = ibis.union(told.select(at=told.start), told.select(at=told.end)).distinct()
    moments = [row[0].astimezone(UTC) for row in engine.rows(bounds.filter(_dated(bounds["at"])))]
    return [(moment, midnight(moment.date(), tz)) for moment in sorted(moments)]


def _dated(at: ir.TimestampValue) -> ir.BooleanValue:
    bounded = (at > _instant(EVER[0])) & (at < _instant(EVER[1]))
    return bounded & (at == at.truncate("D"))


def _localised() -> ir.Table:
    told, starts = named("told", FACTS), named("local_dates", _LOCAL)
    begins = starts.select(first=starts.label, begin=starts.instant)
    ends = starts.select(last=starts.label, finish=starts.instant)
    joined = told.left_join(begins, told.start == begins["first"])
    joined = joined.left_join(ends, joined.end == ends["last"])
    return joined.select(
        "subject", "name", "value",
        start=joined.begin.coalesce(joined.start),
        end=joined.finish.coalesce(joined.end),
    )  # fmt: skip


_CUTS: Final = {"year": 4, "month": 7, "day": 10}
_QUARTER: Final = {month: (month - 1) // 3 + 1 for month in range(1, 13)}


def _cut(value: ir.StringValue, segment: Segment) -> ir.StringValue:
    if segment.bands:
        number = value.try_cast("decimal(38,9)")
        bands = [(number >= low, name) for name, low in reversed(segment.bands)]
        return ibis.cases(*bands, else_=ibis.null("string"))
    if segment.by in _CUTS:
        return value.left(_CUTS[segment.by])
    if segment.by == "quarter":
        month = value.substr(5, 2)
        cases = [(month == f"{m:02d}", f"-Q{q}") for m, q in _QUARTER.items()]
        return value.left(4).concat(ibis.cases(*cases, else_=""))
    if segment.by == "week":
        return value.left(10).try_cast("date").truncate("W").cast("string")
    return value


def _own_names(model: Model) -> ir.Table:
    """A tenant is its own ``tenant``; the subject ``tier=Pro`` has the tier Pro."""
    kinds = named("subject_kinds", KINDS)
    has = [segment.name for segment in model.segments]
    cut = kinds.label.find("=")
    segment_rows = kinds.filter((kinds.kind == SEGMENT) & kinds.label.contains("="))
    segments = segment_rows.select(
        "subject", name=segment_rows.label.left(cut), value=segment_rows.label.substr(cut + 1)
    )
    tenants = kinds.filter(kinds.kind == TENANT)
    tenants = tenants.select("subject", name=ibis.literal(TENANT), value=tenants.label)
    own = ibis.union(segments, tenants)
    own = own.filter(own.name.isin(has)) if has else own.filter(False)
    return own.mutate(start=_instant(EVER[0]), end=_instant(EVER[1])).select(*FACTS)


def _inherited() -> ir.Table:
    """A user has what its tenant has, where nothing is said of the user itself."""
    facts, kinds = named("facts", FACTS), named("subject_kinds", KINDS)
    tenants = kinds.filter(kinds.kind == TENANT).select(tenant=kinds.subject, label=kinds.label)
    theirs = facts.join(tenants, facts.subject == tenants.tenant).filter(facts.name != TENANT)
    theirs = theirs.select("label", "name", "value", first=theirs.start, last=theirs.end)
    members = facts.filter(facts.name == TENANT).anti_join(tenants, facts.subject == tenants.tenant)
    members = members.select("subject", "value", "start", "end")
    theirs = theirs.select("label", "name", "first", "last", its=theirs.value)
    joined = members.join(
        theirs,
        [
            members.value == theirs.label,
            members.start < theirs["last"],
            members.end > theirs["first"],
        ],
    )
    inherited = joined.select(
        "subject", "name",
        value=joined.its,
        start=ibis.greatest(joined.start, joined["first"]),
        end=ibis.least(joined.end, joined["last"]),
    )  # fmt: skip
    return inherited.anti_join(facts.select("subject", "name"), ["subject", "name"])


def _keyed(names: Sequence[str]) -> ir.Table:
    """Cut each subject's time where anything changes, and say what holds in between."""
    facts, kinds = named("facts", FACTS), named("subject_kinds", KINDS)
    ends = ibis.union(
        facts.select("subject", at=facts.start), facts.select("subject", at=facts.end),
        kinds.select("subject", at=_instant(EVER[0])),
        facts.select("subject", at=_instant(EVER[0])),
    ).distinct()  # fmt: skip
    follows = ibis.window(group_by="subject", order_by=ends.at)
    pieces = ends.mutate(end=ends.at.lead().over(follows).coalesce(_instant(EVER[1])))
    pieces = pieces.filter(pieces.at < pieces.end).rename(start="at")
    held = facts.select("subject", "name", "value", first=facts.start, last=facts.end)
    joined = pieces.left_join(
        held,
        [
            pieces.subject == held.subject,
            held["first"] <= pieces.start,
            held["last"] > pieces.start,
        ],
    )
    values = {
        f"_{at}": joined.value.max(where=joined.name == name) for at, name in enumerate(names)
    }
    wide = joined.group_by([pieces.subject, pieces.start, pieces.end]).agg(
        _any=joined.name.count(), **values
    )
    kinds = kinds.select("kind", who=kinds.subject)
    wide = wide.left_join(kinds, wide.subject == kinds.who)
    wide = wide.mutate(kind=wide.kind.fill_null(USER))
    return wide.select("subject", "start", "end", key=_json_key(wide, names))


def _instant(moment: datetime) -> ir.TimestampScalar:
    """Return an instant of the type that tables carry."""
    return ibis.literal(moment, type="timestamp('UTC', 6)")


def _json_key(rows: ir.Table, names: Sequence[str]) -> ir.StringValue:
    """Return ``{"kind":…,"tier":…}``, names in order, unknown ones left out."""
    text = ibis.literal('{"kind":"').concat(rows.kind, '"')
    for at, name in sorted(enumerate(names), key=lambda pair: pair[1]):
        shown = rows[f"_{at}"].replace("\\", "\\\\").replace('"', '\\"')
        pair = ibis.literal(f',{json.dumps(name, ensure_ascii=False)}:"').concat(shown, '"')
        text = text.concat(pair.fill_null(""))
    return text.concat("}")
