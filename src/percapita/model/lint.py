"""Whether a model that can be run fits the data there is: nothing here stops a run."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from percapita.core.errors import Problem, alike, nearest
from percapita.model import uses
from percapita.model.check import in_order
from percapita.model.spec import Model, Pool
from percapita.model.words import EXTRA, TAG

_DRIVER_ONLY = ("within", "idle", "fallback")


@dataclass(frozen=True, slots=True)
class Seen:
    """What the imported data has. ``None``: nothing was imported that could tell."""

    meters: Collection[str] | None = None
    tags: Collection[str] | None = None
    """Keys of tags on bill lines."""
    columns: Collection[str] | None = None
    """Names of the bill's own columns, with ``x_`` or without."""
    sources: Collection[str] | None = None
    """Sources of the project."""
    attributes: Mapping[str, Collection[str]] | None = None
    """Source of segments to its columns."""


def lint(
    model: Model,
    *,
    meters: Collection[str] | None = None,
    tags: Collection[str] | None = None,
    columns: Collection[str] | None = None,
    sources: Collection[str] | None = None,
    attributes: Mapping[str, Collection[str]] | None = None,
) -> list[Problem]:
    """Return a warning for everything in a sound model that the data does not answer to.

    Args:
        model: A model that ``load`` has taken.
        meters: Meters that have readings.
        tags: Keys of tags that bill lines carry.
        columns: Columns of the bill's own, named with ``x_`` or without.
        sources: Sources of the project.
        attributes: For each source of segments, its columns.

    What is ``None`` is not known and not looked at.
    """
    seen = Seen(meters, tags, columns, sources, attributes)
    found = [*_meters(model, seen), *_lines(model, seen), *_sources(model, seen)]
    found += [*_segments(model, seen), *_order(model), *_effects(model)]
    if model.free_tier == "acquisition" and not model.free:
        message = "The free tier counts as acquisition, but nothing says who is in it."
        hint = "Write free tier: {treat: acquisition, segment: {tier: Free}}."
        found.append(Problem("unnamed-free-tier", model.where("free tier"), message, hint))
    return in_order(found)


def _meters(model: Model, seen: Seen) -> Iterator[Problem]:
    fed = {signals.meter: signals for signals in model.meters}
    asked = set()
    for name, path in uses.meters(model):
        asked.add(name)
        if seen.meters is not None and name not in seen.meters:
            message = f"No reading of the meter {name!r} was imported."
            hint = nearest(name, seen.meters if alike(name, seen.meters) else {*seen.meters, *fed})
            if name in fed:
                taker = "percapita serve" if fed[name].built_in else "The model"
                hint = f"{taker} takes it from {fed[name].source}; none that fit have come."
            yield Problem("unknown-meter", model.where(*path), message, hint)
    for name, signals in fed.items():
        if name not in asked and not signals.built_in:
            message = f"Nothing in the model asks for the meter {name!r}."
            hint = "Name it in a pool, a unit or a segment, or leave it for percapita readings."
            yield Problem("unused-meter", model.where("meters", name), message, hint)


def _lines(model: Model, seen: Seen) -> Iterator[Problem]:
    own = None if seen.columns is None else {name.removeprefix(EXTRA) for name in seen.columns}
    for name, path in uses.line_columns(model):
        where = model.where(*path)
        key = name.removeprefix(TAG)
        if name.startswith(TAG) and seen.tags is not None and key not in seen.tags:
            message = f"No bill line carries the tag {key!r}."
            yield Problem("unknown-tag", where, message, nearest(key, seen.tags))
        column = name.removeprefix(EXTRA)
        if name.startswith(EXTRA) and own is not None and column not in own:
            message = f"No bill line has a column {name!r}."
            known = [f"{EXTRA}{each}" for each in own]
            yield Problem("unknown-column", where, message, nearest(name, known))


def _sources(model: Model, seen: Seen) -> Iterator[Problem]:
    if seen.sources is None:
        return
    for pool in model.pools:
        condition = pool.match.columns.get("source")
        for name in condition.values if condition else ():
            if not set("*?") & set(name) and name not in seen.sources:
                where = model.where("pools", pool.name, "match", "source", "")
                message = f"There is no source {name!r} in the project."
                yield Problem("unknown-source", where, message, nearest(name, seen.sources))


def _segments(model: Model, seen: Seen) -> Iterator[Problem]:
    for segment in model.segments:
        where = model.where("segments", segment.name, "from")
        known = (seen.attributes or {}).get(segment.source)
        if seen.sources is not None and segment.source not in {"", *seen.sources}:
            message = f"There is no source {segment.source!r} in the project."
            yield Problem("unknown-source", where, message, nearest(segment.source, seen.sources))
        elif known is not None and segment.column not in known:
            message = f"The source {segment.source!r} has no column {segment.column!r}."
            yield Problem("unknown-attribute", where, message, nearest(segment.column, known))


def _order(model: Model) -> Iterator[Problem]:
    """Find pools that no line can reach, because one above takes all of theirs."""
    above: list[Pool] = []
    for pool in model.pools:
        takes = next((other for other in above if _covers(other, pool)), None)
        if takes:
            where = model.where("pools", pool.name)
            message = f"No line reaches the pool {pool.name!r}: {takes.name!r} takes them all."
            hint = f"Move it above line {takes.line}, or narrow that pool's match."
            yield Problem("unreachable-pool", where, message, hint)
        above.append(pool)


def _covers(upper: Pool, lower: Pool) -> bool:
    conditions = lower.match.columns
    return all(conditions.get(column) == c for column, c in upper.match.columns.items())


def _idle_keys(pool: Pool) -> tuple[str, ...]:
    if pool.method == "overhead" and pool.grain == "month":
        # That is how overhead is split anyway.
        return (*_DRIVER_ONLY, "level")
    if pool.method in {"exclude", "none", "overhead"}:
        return (*_DRIVER_ONLY, "grain", "level")
    return () if pool.method == "driver" else _DRIVER_ONLY


def _effects(model: Model) -> Iterator[Problem]:
    for pool in model.pools:
        for key in _idle_keys(pool):
            if ("pools", pool.name, key) in model.marks:
                how = "without a method" if pool.method == "none" else f"of method {pool.method}"
                message = f"{key!r} does nothing in a pool {how}."
                where = model.where("pools", pool.name, key)
                yield Problem("no-effect", where, message, "It belongs to pools with 'by'.")
