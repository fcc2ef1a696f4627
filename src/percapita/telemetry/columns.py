"""What a table holds, seen from its columns, and which column plays which part."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from percapita.core.errors import InputError, nearest
from percapita.core.sources import Kind, Meter, Source
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.telemetry import kubernetes

TIMES: Final = ("time", "hour", "day", "month", "period", "timestamp", "ts", "date", "datetime")
DIMENSIONS: Final = (
    "service", "resource", "cluster", "namespace", "feature", "operation", "region",
)  # fmt: skip
_SPAN: Final = ("period", "start", "end")

_PARTS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "readings": ("time", "meter", "quantity", "unit", "subject_kind", *DIMENSIONS),
    "counts": ("unit", *_SPAN, "count"),
    "segments": ("from", "to", "subject_kind"),
    "revenue": (*_SPAN, "amount", "price", "count", "currency", "kind"),
    "aliases": ("alias", "alias_kind", "of", "of_kind", "from", "to"),
}
"""Columns of each kind of table, under our names, beside those that name a subject."""

_ALIASES: Final[Mapping[str, tuple[str, ...]]] = {
    "time": TIMES,
    "meter": ("metric",),
    "quantity": ("value",),
    "user": ("user_id",),
    "session": ("session_id",),
    "tenant": ("tenant_id",),
    "from": ("valid_from", "start"),
    "to": ("valid_to", "end"),
    "period": ("month", "day"),
    "start": ("from",),
    "end": ("to",),
}
"""Other names that a file may give a column."""

_PEOPLE: Final = re.compile(
    r"e?mail(_?address)?|(first|last|full|sur|family|given|user|display)_?name|name|phone.*|"
    r"(street|postal)?_?address|ip(_?address)?|birth.*|date_of_birth"
)
_SEGMENT: Final = "segment."


class UnknownTableError(InputError):
    """A table whose columns say nothing we know."""

    def __init__(self, name: str, header: Collection[str]) -> None:
        super().__init__(
            f"{name} is no table we know. Its columns: {', '.join(list(header)[:20])}.",
            hint="Say what it holds with --kind readings, counts, segments, revenue, aliases or"
            " bill, and map its columns with --map time=THEIRS.",
        )


class MissingColumnError(InputError):
    """A table without a column that it cannot do without."""

    def __init__(self, name: str, kind: Kind, column: str, header: Collection[str]) -> None:
        guess = nearest(column, header) if column else ""
        super().__init__(
            f"{name}: {kind} need a column {column!r}. {guess}".rstrip(),
            hint=f"Map it: --map {column}=THEIRS, or `columns: {{{column}: THEIRS}}` of the source"
            f" in percapita.yaml; a value for every row: `values: {{{column}: …}}`.",
        )


@dataclass(frozen=True, slots=True)
class Whom:
    """A column that names subjects."""

    level: str
    """user, session, tenant or the name of a segment."""
    part: str
    """Our name of the column: user, segment.tier …"""

    @property
    def is_segment(self) -> bool:
        """Tell whether its subjects are whole segments."""
        return self.level not in (USER, SESSION, TENANT)


@dataclass(frozen=True, slots=True)
class Layout:
    """Which column of one file plays which part."""

    kind: Kind
    columns: Mapping[str, str]
    """Our name -> the file's column."""
    values: Mapping[str, str]
    """Our name -> the value where the column is empty or missing."""
    whom: tuple[Whom, ...]
    """Columns that name the subject: one, or several segments of which a row fills one."""
    others: tuple[str, ...]
    """Columns of the file that play no part."""
    attributes: Mapping[str, str]
    """Segments: attribute -> column."""
    private: tuple[str, ...]
    """Columns of a table of segments left out because they tell who a person is."""
    passed: tuple[str, ...]
    """Columns that name a subject, where a closer one is used."""
    absent: tuple[str, ...]
    """Mapped columns that the file never shows."""
    meters: Mapping[str, Meter]
    """Wide readings: column -> meter, as the source says; empty: every column with numbers."""

    def has(self, part: str) -> bool:
        """Tell whether a column or value plays this part."""
        return part in self.columns or part in self.values


def recognises(header: Sequence[str], model_segments: Collection[str] = ()) -> Kind | None:
    """Return what a table with these columns holds, ``None`` where it is none of ours."""
    if kubernetes.report(header):
        return "readings"
    names = {_plain(name) for name in header}
    whom = {"user", "user_id", "session", "session_id", "tenant", "tenant_id", "subject"} & names
    timed = names & set(TIMES)
    spanned = timed & {"period", "month", "day"} or "start" in names
    if names & {"meter", "metric"} and timed and names & {"quantity", "value"}:
        return "readings"
    paid = "amount" in names or {"price", "count"} <= names
    if spanned and (paid or "count" in names):
        return "revenue" if paid else "counts"
    if {"alias", "of"} <= names:
        return "aliases"
    if whom and not timed and len(names) > 1:
        return "segments"
    known = {*TIMES, *DIMENSIONS, *whom, *model_segments, "unit", "subject_kind"}
    return "readings" if timed and names - known else None


def layout(
    name: str,
    header: Sequence[str],
    source: Source,
    kind: Kind,
    model_segments: Collection[str],
    *,
    sparse: bool = False,
) -> Layout:
    """Give every column of a file its part.

    ``sparse`` files need not show every column that they could have.

    Raises:
        InputError: a mapped column is not there, or one is missing that must be there.
    """
    columns, absent = _mapped(name, header, source, sparse=sparse)
    free = [column for column in header if column not in columns.values()]
    for part in _PARTS[kind]:
        _claim(part, columns, free, kind)
    whom = _whom(columns, free, kind, model_segments)
    used, passed = _closest(whom)
    attributes = _attributes(columns, free, used) if kind == "segments" else {}
    private = [c for c in free if attributes.get(c) == c and _PEOPLE.fullmatch(_plain(c))]
    result = Layout(
        kind,
        columns,
        {part: value for part, value in source.values.items() if value != ""},
        used,
        tuple(column for column in free if column not in source.meters and not attributes),
        {a: column for a, column in attributes.items() if column not in private},
        tuple(private),
        tuple(w.part for w in passed),
        tuple(absent),
        {column: meter for column, meter in source.meters.items() if column in header},
    )
    _complete(name, result, header)
    return result


def _mapped(
    name: str, header: Sequence[str], source: Source, *, sparse: bool
) -> tuple[dict[str, str], list[str]]:
    wanted = {**source.columns, **{column: column for column in source.meters}}
    absent = [c for c in wanted.values() if c not in header and not c.startswith("$.")]
    if absent and not sparse:
        raise InputError(
            f"{name} has no column {absent[0]!r}, which the source {source.name!r} asks for."
            f" {nearest(absent[0], header)}",
            hint="Correct `columns:` and `meters:` of the source in percapita.yaml, or --map.",
        )
    return {ours: c for ours, c in source.columns.items() if c not in absent}, absent


def _claim(part: str, columns: dict[str, str], free: list[str], kind: Kind) -> bool:
    """Give a part the free column that is called like it, if none plays it yet."""
    if part not in columns and (match := _match(part, free, kind)):
        columns[part] = match
        free.remove(match)
    return part in columns


def _attributes(columns: dict[str, str], free: list[str], used: Sequence[Whom]) -> dict[str, str]:
    """Return attribute -> column; a mapped one that plays no part is called by our name."""
    parts = {*_PARTS["segments"], *(whom.part for whom in used)}
    named = {ours: columns.pop(ours) for ours in list(columns) if ours not in parts}
    return {**{column: column for column in free}, **named}


def _match(part: str, free: Sequence[str], kind: Kind) -> str | None:
    """Return the free column that is called like the part."""
    plain = {_plain(column): column for column in reversed(free)}
    if part == "time" and kind == "readings":
        names: tuple[str, ...] = TIMES
    else:
        names = (part, *_ALIASES.get(part, ()))
    return next((plain[name] for name in names if name in plain), None)


def _plain(name: str) -> str:
    return re.sub(r"[\s-]+", "_", name.strip().lower()).lstrip("@")


def _whom(
    columns: dict[str, str], free: list[str], kind: Kind, model_segments: Collection[str]
) -> list[Whom]:
    """Return the columns that name subjects, the closest first.

    A table of segments has one: what else it says of a user, such as its tenant, is an attribute.
    """
    result: list[Whom] = []
    if kind == "aliases":
        return result
    for part in (USER, SESSION, TENANT, "subject"):
        if not (kind == "segments" and result) and _claim(part, columns, free, kind):
            result.append(Whom(USER if part == "subject" else part, part))
    if kind == "segments" and result:
        return result
    known = {_plain(segment): segment for segment in model_segments}
    for part in list(columns):
        plain = _plain(part.removeprefix(_SEGMENT))
        if part not in _PARTS[kind] and (part.startswith(_SEGMENT) or plain in known):
            result.append(_as_segment(columns, known.get(plain, plain), columns.pop(part)))
    if kind == "segments":
        return result
    for column in list(free):
        plain = _plain(column)
        if plain in known or plain.startswith(_SEGMENT):
            free.remove(column)
            bare = plain.removeprefix(_SEGMENT)
            result.append(_as_segment(columns, known.get(bare, bare), column))
    return result


def _as_segment(columns: dict[str, str], level: str, column: str) -> Whom:
    whom = Whom(level, f"{_SEGMENT}{level}")
    if whom.part in columns:
        raise InputError(
            f"The segment {level!r} is named by {columns[whom.part]!r} and {column!r}."
        )
    columns[whom.part] = column
    return whom


def _closest(whom: Sequence[Whom]) -> tuple[tuple[Whom, ...], Sequence[Whom]]:
    """Return the columns to use and those to pass over: a user is closer than its tenant."""
    if whom and not whom[0].is_segment:
        return (whom[0],), whom[1:]
    return tuple(whom), ()


def _complete(name: str, found: Layout, header: Sequence[str]) -> None:
    wide = found.kind == "readings" and not (found.has("meter") and found.has("quantity"))
    needed = {
        "readings": ["time"],
        "counts": ["count"],
        "segments": [],
        "revenue": [] if found.has("price") and found.has("count") else ["amount"],
        "aliases": ["alias", "of"],
    }[found.kind]
    if found.kind in ("counts", "revenue") and not (found.has("start") and found.has("end")):
        needed.append("period")
    if found.kind == "segments" and not found.whom:
        needed.append("user")
    if wide and not found.meters and (found.has("meter") or not found.others):
        needed.append("quantity" if found.has("meter") else "meter")
    for part in needed:
        if not found.has(part):
            raise MissingColumnError(name, found.kind, part, header)
