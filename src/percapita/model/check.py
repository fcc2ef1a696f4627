"""What makes a run of a model impossible, beyond the form of its values: names and loops."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from percapita.core.errors import Problem, nearest
from percapita.model.graph import components, edges, loop
from percapita.model.spec import Model, Pool
from percapita.model.words import COMPONENT_LIMIT, IMPLICIT, READING_COLUMNS, SUBJECTS
from percapita.model.yaml import Items, Keyed, Node, Text

METHODS = ("exclude", "direct", "by", "overhead", "through")
"""Keys of a pool that say how it is split: at most one is written."""


@dataclass(frozen=True, slots=True)
class Checked:
    """A model, and the names in it that are declared though their own text is broken."""

    model: Model
    broken: Collection[str] = ()
    """Pools whose keys could not all be read."""
    unnamed: bool = False
    """There are pools whose name could not be read."""
    segments: Collection[str] = ()
    """Segments the file declares."""
    units: Collection[str] = ()
    """Units the file declares."""
    sources: Collection[str] | None = None
    """Sources of the project; ``None`` where they are not known."""

    def problem(self, code: str, message: str, hint: str, *path: str | int) -> Problem:
        """Return a problem at a value of the model."""
        return Problem(code, self.model.where(*path), message, hint)

    @property
    def levels(self) -> list[str]:
        """Levels of subject of this model."""
        return [*SUBJECTS, *self.segments]


def problems(checked: Checked) -> list[Problem]:
    """Return everything that is wrong with the names in a model."""
    found = [*_segments(checked), *_targets(checked), *_free(checked)]
    for pool in checked.model.pools:
        found += [*_pool(checked, pool), *_through(checked, pool)]
    return [*found, *_loops(checked)]


def two_methods(root: Node, path: str) -> Iterator[Problem]:
    """Yield the pools that say twice how they are split, at the second key."""
    pools = root.get("pools") if isinstance(root, Keyed) else None
    for pool in pools.items if isinstance(pools, Items) else ():
        if not isinstance(pool, Keyed):
            continue
        methods = [key for key, value in pool.pairs if _is_method(key, value)]
        for key in methods[1:]:
            message = f"This pool is split by {methods[0].value!r} already."
            hint = f"Keep one of {', '.join(METHODS)}."
            where = f"{path}:{key.place.line}:{key.place.column}"
            yield Problem("two-methods", where, message, hint)


def _is_method(key: Text, value: Node) -> bool:
    if key.value == "exclude":
        return not (isinstance(value, Text) and value.value.lower() in {"false", "no"})
    return key.value in METHODS


def _unknown(code: str, what: str, name: str, known: Collection[str]) -> tuple[str, str, str]:
    hint = nearest(name, known) or f"Declare it under '{what}s'."
    return code, f"There is no {what} {name!r} in the model.", hint


def _segments(checked: Checked) -> Iterator[Problem]:
    for segment in checked.model.segments:
        if checked.sources is not None and segment.source not in {"", *checked.sources}:
            message = f"There is no source {segment.source!r} in the project."
            hint = nearest(segment.source, checked.sources)
            yield checked.problem("unknown-source", message, hint, "segments", segment.name, "from")


def _targets(checked: Checked) -> Iterator[Problem]:
    for number, target in enumerate(checked.model.targets):
        if target.unit and target.unit not in checked.units:
            what = _unknown("unknown-unit", "unit", target.unit, checked.units)
            yield checked.problem(*what, "targets", number, "unit")
        for name in target.segment:
            if name not in checked.segments:
                what = _unknown("unknown-segment", "segment", name, checked.segments)
                yield checked.problem(*what, "targets", number, "segment", name)


def _free(checked: Checked) -> Iterator[Problem]:
    for name in checked.model.free:
        if name not in checked.segments:
            what = _unknown("unknown-segment", "segment", name, checked.segments)
            yield checked.problem(*what, "free tier", "segment", name)


def _pool(checked: Checked, pool: Pool) -> Iterator[Problem]:
    at = ("pools", pool.name)
    if pool.name in IMPLICIT:
        message = f"{pool.name!r} is the name of a pool that every model has."
        yield checked.problem("reserved-name", message, "Choose another name.", *at, "pool")
    for name, path in _levels(pool):
        if name not in checked.levels:
            what = _unknown("unknown-level", "level", name, checked.levels)
            yield checked.problem(*what, *at, *path)
    known = [*READING_COLUMNS, *checked.segments]
    for name in pool.within:
        if name not in known:
            message = f"{name!r} is neither a column of readings nor a segment of the model."
            hint = nearest(name, known)
            yield checked.problem("unknown-column", message, hint, *at, "within", name)
    attribute = pool.overhead.attribute if pool.overhead else ""
    if attribute and attribute not in checked.segments:
        what = _unknown("unknown-segment", "segment", attribute, checked.segments)
        yield checked.problem(*what, *at, "overhead", "weights", attribute)


def _levels(pool: Pool) -> Iterator[tuple[str, tuple[str, ...]]]:
    if pool.direct:
        yield pool.direct.level, ("direct", pool.direct.level)
    if pool.level:
        yield pool.level, ("level",)


def _through(checked: Checked, pool: Pool) -> Iterator[Problem]:
    known = {other.name: other for other in checked.model.pools}
    for name in pool.through.pools if pool.through else ():
        path = ("pools", pool.name, "through", "pools", name)
        if name not in known:
            # A pool without a readable name may be the one that is meant.
            if not checked.unnamed:
                what = _unknown("unknown-pool", "pool", name, known)
                yield checked.problem(*what, *path)
        elif name not in checked.broken and known[name].method not in {"driver", "through"}:
            method = known[name].method
            how = {"none": "has no driver", "direct": "is split directly"}.get(method, method)
            how = {"exclude": "is excluded", "overhead": "is overhead"}.get(method, how)
            message = f"The pool {name!r} {how}, so nothing can pass through it."
            hint = "Name pools that have 'by' a driver or 'through'."
            yield checked.problem("not-a-driver-pool", message, hint, *path)


def _loops(checked: Checked) -> Iterator[Problem]:
    served = edges(checked.model)
    known = set(served)
    for group in components(checked.model):
        leaves = {target for name in group for target in served[name]} - set(group)
        at = ("pools", group[0], "through")
        if not leaves & known and not checked.unnamed:
            way = " -> ".join(loop(checked.model, group[0]))
            message = f"These pools serve each other and nobody else: {way}."
            hint = "Let one of them also serve a pool that has 'by' a driver."
            yield checked.problem("endless-loop", message, hint, *at)
        if len(group) > COMPONENT_LIMIT:
            message = f"{len(group)} pools serve each other; at most {COMPONENT_LIMIT} can."
            names = f"They are {', '.join(group)}."
            yield checked.problem("large-loop", message, names, *at)


def place(problem: Problem) -> tuple[str, int, int]:
    """Return the file, line and column that a problem with a model names."""
    path, line, column = problem.where.rsplit(":", 2)
    return path, int(line), int(column)


def in_order(found: Iterable[Problem]) -> list[Problem]:
    """Return problems in file order, each once."""
    return sorted(dict.fromkeys(found), key=place)
