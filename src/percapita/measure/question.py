"""What is asked of a run: the cuts, the filters, the scope of cost, the unit, the period."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final, Literal

from percapita.core.errors import InputError, nearest
from percapita.core.periods import Period
from percapita.core.subjects import SESSION, TENANT, USER
from percapita.core.tables import LINE_TEXTS
from percapita.model.spec import Model, Pool, Unit

Place = Literal["pool", "group", "attribute", "subject", "dimension", "line", "time"]
"""Where the value of a dimension stands: with the pool, the group, the receiver or the line."""

FULL: Final = "fully loaded"

SCOPES: Final[Mapping[str, tuple[str, Callable[[Pool], bool]]]] = {
    "infrastructure": (
        "allocated cost of pools of scope infrastructure",
        lambda pool: pool.scope == "infrastructure",
    ),
    "cloud": (
        "allocated cost of pools of scope infrastructure and third party",
        lambda pool: pool.scope in ("infrastructure", "third party"),
    ),
    "cost of revenue": (
        "allocated cost of pools of class cost of revenue",
        lambda pool: pool.cost_class == "cost of revenue",
    ),
    FULL: ("allocated cost of all pools", lambda _: True),
}
"""Scope -> what its numerator is, and the pools in it."""

BASELINE: Final = "unallocated baseline"
"""The numerator where nothing is allocated: the whole bill over a head count."""

POOL_FACTS: Final[Mapping[str, Callable[[Pool], str]]] = {
    "owner": lambda pool: pool.owner,
    "cost centre": lambda pool: pool.cost_centre,
    "class": lambda pool: pool.cost_class,
    "scope": lambda pool: pool.scope,
    "layer": lambda pool: pool.layer,
}
_LINES: Final = {
    "service": "ServiceName",
    "category": "ServiceCategory",
    "account": "SubAccountName",
    "provider": "ServiceProviderName",
    "source": "source",
}
_KEPT: Final = ("feature", "operation", "region")
_PLACES: Final[Mapping[Place, Sequence[str]]] = {
    "pool": ("pool", *POOL_FACTS),
    "group": ("billing period",),
    "subject": (USER, SESSION, TENANT),
    "time": ("day", "month"),
}
_NAMES: Final = (*(name for names in _PLACES.values() for name in names), *_KEPT, *_LINES)


@dataclass(frozen=True, slots=True)
class Dimension:
    """One thing that figures are cut or filtered by."""

    name: str
    """As it was asked for."""
    place: Place
    source: str
    """Segment, kind of subject, FOCUS column, ``tags.KEY``, or the name itself."""

    @property
    def of_receiver(self) -> bool:
        """The value depends on who got the amount."""
        return self.place in ("attribute", "subject", "dimension")

    @property
    def of_part(self) -> bool:
        """The value depends on what the amount is made of, so groups may hold several."""
        return self.place in ("line", "time")

    @property
    def counts(self) -> bool:
        """Units can be told apart by it."""
        return self.place in ("attribute", "subject", "time")


@dataclass(frozen=True, slots=True)
class Question:
    """A question with every name looked up."""

    by: tuple[Dimension, ...]
    where: tuple[tuple[Dimension, str | None], ...]
    """Dimension and the value it must have; ``None`` is the value that is not known."""
    scope: str
    unit: Unit
    period: Period | None
    """``None``: everything that is published."""
    basis: str
    top: int | None = None
    skip: int = 0
    """Rows that are left out before the first of ``top``, and summed with the rest."""

    @property
    def dimensions(self) -> tuple[Dimension, ...]:
        """Every dimension that is needed, each once."""
        return tuple(dict.fromkeys((*self.by, *(dimension for dimension, _ in self.where))))

    @property
    def unit_dimensions(self) -> tuple[Dimension, ...]:
        """Of ``by``, what units can be told apart by."""
        return tuple(dimension for dimension in self.by if dimension.counts)

    def wants(self, values: Mapping[Dimension, str | None], among: Iterable[Dimension]) -> bool:
        """Tell whether the filters on these dimensions let the values through."""
        tested = set(among)
        return all(values[at] == value for at, value in self.where if at in tested)


def ask(
    model: Model,
    *,
    by: Sequence[str] = (),
    where: Sequence[str] = (),
    scope: str = FULL,
    unit: str = "",
    period: Period | None = None,
    basis: str = "",
    top: int | None = None,
) -> Question:
    """Look up every name of a question.

    Raises:
        InputError: a dimension, scope, unit or filter is not known to the model.
    """
    if scope not in SCOPES:
        raise InputError(f"{scope!r} is not a scope of cost.", hint=nearest(scope, SCOPES))
    return Question(
        by=tuple(dict.fromkeys(dimension(name, model) for name in by)),
        where=tuple(_filter(text, model) for text in where),
        scope=scope,
        unit=unit_of(unit, model),
        period=period,
        basis=basis or model.basis,
        top=top,
    )


def unit_of(name: str, model: Model) -> Unit:
    """Return the unit of that name, the primary one where none is named."""
    if not name:
        return model.primary
    for unit in model.units:
        if unit.name == name:
            return unit
    names = [unit.name for unit in model.units]
    raise InputError(f"{name!r} is not a unit of the model.", hint=nearest(name, names))


def dimension(name: str, model: Model) -> Dimension:
    """Look up one name; a segment of the model comes before what percapita brings along."""
    plain = name.replace("_", " ").replace("-", " ")
    for segment in model.segments:
        if name == segment.name:
            return Dimension(name, "attribute", segment.name)
    for place, names in _PLACES.items():
        if plain in names:
            return Dimension(name, place, plain)
    if plain in _KEPT:
        return _kept(name, plain, model)
    column = _LINES.get(plain, name)
    if column in (*LINE_TEXTS, "source") or column.startswith("tags."):
        return Dimension(name, "line", column)
    known = [*(segment.name for segment in model.segments), *_NAMES]
    raise InputError(f"{name!r} is nothing that cost can be cut by.", hint=nearest(name, known))


def _kept(name: str, plain: str, model: Model) -> Dimension:
    if plain in model.dimensions:
        return Dimension(name, "dimension", plain)
    if plain == "region":
        return Dimension(name, "line", "RegionId")
    raise InputError(
        f"The run does not tell {plain}s apart.",
        hint=f"Add {plain} to dimensions in the model and run again.",
    )


def _filter(written: str, model: Model) -> tuple[Dimension, str | None]:
    name, equals, value = written.partition("=")
    if not equals:
        raise InputError(f"{written!r} is not a filter.", hint="Write NAME=VALUE, as in tier=Pro.")
    return dimension(name.strip(), model), value.strip() or None


def alike(question: Question, model: Model) -> dict[str, str]:
    """Return each pool of the model with the first pool that the question cannot tell it from."""
    facts = [at for at in question.dimensions if at.place == "pool"]
    if any(at.source == "pool" for at in facts):
        return {pool.name: pool.name for pool in model.pools}
    first: dict[tuple[object, ...], str] = {}
    result = {}
    for pool in model.pools:
        how = pool.method if pool.method in ("direct", "overhead") else "shared"
        within = (SCOPES[question.scope][1](pool), SCOPES["infrastructure"][1](pool))
        mark = (how, *within, *(POOL_FACTS[at.source](pool) for at in facts))
        result[pool.name] = first.setdefault(mark, pool.name)
    return result
