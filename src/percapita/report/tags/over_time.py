"""Tags over time: coverage, values that break the taxonomy, the map of resources, drift."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal

from percapita.core.errors import InputError, nearest
from percapita.core.rates import Rates
from percapita.measure.tagging import meant, status, variants
from percapita.model.spec import Model
from percapita.model.words import extra_keys
from percapita.report.lines import bind_lines, currency_of, none
from percapita.report.tags.taxonomy import METHOD, TYPE, Taxonomy
from percapita.store import Store
from percapita.store.read import check as read_check
from percapita.store.read import tags as read_tags
from percapita.store.read.tags import Change, Cut, Odd, Patch

PATTERN = "usage pattern"
STATUS = "tagging status"
COLUMNS = {
    "service": "ServiceName",
    "account": "SubAccountId",
    "region": "RegionId",
    "type": "type",
}
"""Short names of what coverage is cut by, beside ``tags.KEY`` and ``x_NAME``."""
_TEAMS = ("team", "owner", "squad")


class NoTaxonomyError(InputError):
    """No keys are required, so that nothing can be covered."""

    def __init__(self) -> None:
        super().__init__(
            "There is no taxonomy, so no tag key is required.",
            hint="Write taxonomy.yaml beside percapita.yaml: required: [Environment, Team]. See"
            " docs/how-to/tags.md.",
        )


class TwoMonthsError(InputError):
    """Drift needs two months."""

    def __init__(self, known: Sequence[str]) -> None:
        super().__init__(
            "Drift compares two billing months.",
            hint=f"Name them: --from 2025-09 --to 2025-10. Known: {', '.join(known) or 'none'}.",
        )


@dataclass(frozen=True, slots=True)
class Asked:
    """What the questions about tags are told of the project."""

    now: datetime
    model: Model | None
    taxonomy: Taxonomy | None
    resource_map: Sequence[Mapping[str, str]] | None = None
    months: Collection[str] | None = None
    """Billing months to look at; ``None`` is all."""
    rates: Callable[[], Rates] = none

    @property
    def basis(self) -> str:
        """Of all amounts."""
        return self.model.basis if self.model else "effective"

    @property
    def required(self) -> Mapping[str, Sequence[str]]:
        """Required keys and the values each may have."""
        return self.taxonomy.required if self.taxonomy else {}


@dataclass(frozen=True, slots=True)
class Wrong:
    """A value that the taxonomy does not list, and the one that was probably meant."""

    key: str
    odd: Odd
    meant: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """Coverage of the required keys."""

    currency: str
    basis: str
    keys: tuple[str, ...]
    months: tuple[Cut, ...]
    """By rising month, then all of them."""
    by: Mapping[str, tuple[Cut, ...]]
    """What it is cut by, to the cuts over all months and in each."""
    wrong: tuple[Wrong, ...]
    written: Mapping[str, tuple[str, ...]]
    """Required key to its other spellings on the bill."""


@dataclass(frozen=True, slots=True)
class Mapped:
    """One type of resource: what the bill shows, and what the map says of it."""

    type: str
    service: str
    spend: Decimal
    resources: int
    tagged: Decimal
    """Spend that carries all required keys."""
    measured: str
    """How much of its spend carries any tag at all."""
    pattern: str
    said: str
    """How it is tagged, in the map."""
    method: str
    known: bool
    """The map has it."""

    @property
    def drifted(self) -> bool:
        """The bill is not as the map says."""
        return not self.known or self.said not in {"", self.measured}


@dataclass(frozen=True, slots=True)
class Drift:
    """What changed from one month to the next, and where the bill is not as the map says."""

    before: str
    after: str
    currency: str
    changes: tuple[Change, ...]
    mapped: tuple[Mapped, ...] = field(default=())


def prepare(store: Store, asked: Asked, cuts: Sequence[str] = (), *, raw: bool = False) -> str:
    """Make the view ``charges``; return its currency.

    Args:
        store: where the lines are.
        asked: what is known of the project.
        cuts: columns of a line, as the model names them, by which coverage is asked.
        raw: tags as imported, before any rule.
    """
    keys = extra_keys(cuts)
    bind_lines(store, asked.model, asked.rates, asked.months, raw=raw, keys=keys)
    currency = currency_of(store, asked.model)
    read_check.charges(store.engine, asked.basis, currency, asked.required, keys)
    read_tags.keep(store.engine, len(asked.required), cuts, keys)
    return currency


def coverage(store: Store, asked: Asked, by: Sequence[str] = ()) -> Coverage:
    """Return coverage by month and by what is asked; service and team unless said.

    Raises:
        NoTaxonomyError: no key is required.
        InputError: lines cannot be cut by one of ``by``.
    """
    if not asked.required:
        raise NoTaxonomyError
    keys, engine = tuple(asked.required), store.engine
    cuts = {name: _column(name) for name in by or _usual(keys)}
    currency = prepare(store, asked, tuple(cuts.values()))
    months = read_tags.coverage(engine, len(keys))
    wrong = [
        Wrong(key, odd, meant(odd.value, allowed))
        for at, (key, allowed) in enumerate(asked.required.items())
        if allowed
        for odd in read_tags.odd_values(engine, at, key)
    ]
    written = read_check.tag_keys(engine)
    return Coverage(
        currency, asked.basis, keys,
        tuple(sorted((m for m in months if m.whole), key=lambda cut: cut.month or "~")),
        {
            name: tuple(c for c in read_tags.coverage(engine, len(keys), at) if not c.whole)
            for at, name in enumerate(cuts)
        },
        tuple(sorted(wrong, key=lambda one: (-one.odd.spend, one.key, one.odd.value))),
        {key: other for key in keys if (other := variants(key, written))},
    )  # fmt: skip


def _usual(keys: Sequence[str]) -> list[str]:
    """Return service, and the key of teams; the account where no key is one."""
    teams = [key for key in keys if any(word in key.lower() for word in _TEAMS)]
    return ["service", f"tags.{teams[0]}" if teams else "account"]


def _column(name: str) -> str:
    if name in COLUMNS:
        return COLUMNS[name]
    if name.startswith(("tags.", "x_")) and name not in ("tags.", "x_"):
        return name
    raise InputError(
        f"Tags cannot be cut by {name!r}.", hint=f"{nearest(name, COLUMNS)} Or tags.KEY, x_NAME."
    )


def resource_map(store: Store, asked: Asked) -> tuple[str, list[Mapped]]:
    """Return the currency, and every type of resource on the bill beside what the map says."""
    currency = prepare(store, asked)
    said = {row.get(TYPE, "").lower(): row for row in asked.resource_map or ()}
    found = []
    for kind in read_tags.kinds(store.engine):
        row = said.get(kind.type.lower()) or said.get(kind.service.lower())
        of = row or {}
        found.append(
            Mapped(
                kind.type,
                kind.service,
                kind.spend,
                kind.resources,
                kind.tagged,
                status(kind.keyed, kind.spend),
                of.get(PATTERN, ""),
                of.get(STATUS, ""),
                of.get(METHOD, ""),
                row is not None,
            )
        )
    return currency, found


def drift(
    store: Store, asked: Asked, before: str = "", after: str = "", *, every_key: bool = False
) -> Drift:
    """Return tags as imported that changed between two months; the last two unless said.

    Args:
        store: where the lines are.
        asked: what is known of the project.
        before: the earlier billing month.
        after: the later one.
        every_key: not the keys of the taxonomy alone.

    Raises:
        TwoMonthsError: the bill has no two months, or not these.
    """
    currency = prepare(store, asked, raw=True)
    known = read_tags.months(store.engine)
    after = after or (known[-1] if known else "")
    earlier = [month for month in known if month < after]
    before = before or (earlier[-1] if earlier else "")
    if before not in known or after not in known or before >= after:
        raise TwoMonthsError(known)
    fixed = [*asked.required, *(asked.taxonomy.optional if asked.taxonomy else ())]
    keys = () if every_key else fixed
    changes = read_tags.changes(store.engine, before, after, keys)
    mapped: list[Mapped] = []
    if asked.resource_map is not None:
        mapped = [one for one in resource_map(store, asked)[1] if one.drifted]
    return Drift(before, after, currency, tuple(changes), tuple(mapped))


def patches(store: Store, asked: Asked) -> list[Patch]:
    """Return the tags that rules supply and that resources do not carry."""
    prepare(store, asked)
    return read_tags.patches(store.engine)
