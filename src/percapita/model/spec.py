"""Every key of ``model.yaml`` and of ``percapita.yaml``'s model part, typed.

A loaded model is this tree of frozen records; ``load.py`` makes it from text and ``lint.py`` says
what is wrong with it. Amounts and factors are ``Decimal``, read from the text as written.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Literal

Basis = Literal["billed", "effective", "contracted", "list"]
Grain = Literal["hour", "day", "month"]
Scope = Literal["infrastructure", "third party", "people", "other"]
CostClass = Literal["cost of revenue", "research and development", "sales and marketing",
                    "general and administrative"]  # fmt: skip
Credits = Literal["follow", "own pool", "back out"]
FreeTier = Literal["product", "acquisition"]
Fallback = Literal["month", "pool"]
Signal = Literal["spans", "metrics", "logs"]
Quantity = Literal["count", "duration", "value", "attributes"]


Trail = tuple[str | int, ...]
"""Keys and names down to a value: ``("pools", "postgres", "by", "meter")``."""
Mark = tuple[int, int]
"""Line and column, the first of each is 1."""


@dataclass(frozen=True, slots=True)
class Match:
    """Lines a pool takes: every column must fit. An empty match takes every line."""

    columns: Mapping[str, Condition] = field(default_factory=dict)
    """Column to condition. A column is a FOCUS name, ``source``, ``tags.KEY`` or ``x_NAME``."""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a column's value must be: one of ``values`` (``*``, ``?`` are wildcards), or there."""

    values: tuple[str, ...] = ()
    present: bool | None = None
    """True: any value. False: none. ``None``: one of ``values``."""


@dataclass(frozen=True, slots=True)
class Driver:
    """What a split is weighed by."""

    meter: str
    """Name of a meter, or ``active``: one for each active subject of the primary unit."""
    where: Mapping[str, Condition] = field(default_factory=dict)
    """Only readings whose service, resource, cluster, namespace, feature, operation, region fit."""


@dataclass(frozen=True, slots=True)
class Mix:
    """Drivers and the share of the amount that each one splits; factors need not sum to 1."""

    parts: tuple[tuple[Driver, Decimal], ...]


@dataclass(frozen=True, slots=True)
class Direct:
    """The line names its unit: ``level`` (user, session, tenant or a segment) in ``column``."""

    level: str
    column: str
    then: Driver | None = None
    """Split on within the named unit by this driver, where it has readings."""


@dataclass(frozen=True, slots=True)
class Overhead:
    """No driver of its own: in proportion to cost, even over active subjects, or by weights."""

    how: Literal["cost", "active", "weights"]
    over: Literal["all", "allocated"] = "all"
    """``cost`` only: weigh by every row's cost, or by allocated rows alone."""
    attribute: str = ""
    """``weights`` only: the segment whose values are named."""
    weights: tuple[tuple[str, Decimal], ...] = ()


@dataclass(frozen=True, slots=True)
class Through:
    """The pool serves other pools: its cost goes to them by a driver, and on to their receivers.

    A reading of the driver belongs to the pool that its ``service`` names.
    """

    pools: tuple[str, ...]
    by: Driver


@dataclass(frozen=True, slots=True)
class Idle:
    """Capacity that nobody used: max(capacity - used, 0) of the same base unit."""

    capacity: Driver
    used: Driver
    to: Literal["line", "share"] = "line"


@dataclass(frozen=True, slots=True)
class Behaviour:
    """How the pool's cost moves with its driver."""

    kind: Literal["fixed", "variable", "step"] = "variable"
    capacity: str = ""
    price: Decimal | None = None


@dataclass(frozen=True, slots=True)
class Pool:
    """One pool: which lines it takes and how it is split. Exactly one method is set."""

    name: str
    match: Match
    exclude: bool = False
    direct: Direct | None = None
    by: Driver | Mix | None = None
    overhead: Overhead | None = None
    through: Through | None = None
    within: Mapping[str, str] = field(default_factory=dict)
    """Cell columns: reading column (or segment) -> line column."""
    idle: Idle | None = None
    fallback: tuple[Fallback, ...] = ("month", "pool")
    grain: Grain = "day"
    level: str = ""
    owner: str = ""
    cost_centre: str = ""
    scope: Scope = "infrastructure"
    cost_class: CostClass = "cost of revenue"
    layer: str = ""
    behaviour: Behaviour = field(default_factory=Behaviour)
    live: Mapping[str, str] = field(default_factory=dict)
    line: int = 0
    """Where the pool stands in the file, for messages."""

    @property
    def method(self) -> str:
        """``exclude``, ``direct``, ``driver``, ``overhead``, ``through`` or ``none``."""
        if self.exclude:
            return "exclude"
        for name in ("direct", "overhead", "through"):
            if getattr(self, name) is not None:
                return name
        return "driver" if self.by is not None else "none"


@dataclass(frozen=True, slots=True)
class Unit:
    """A denominator: distinct active subjects, or a metered quantity."""

    name: str
    subject: str = ""
    """Kind of subject counted; empty for a metered unit."""
    active: tuple[Driver, ...] = ()
    """Readings that make a subject active; empty is any reading."""
    meter: Driver | None = None
    window: Literal["hour", "day", "week", "month", "quarter"] = "month"
    exclude: tuple[str, ...] = ()
    """Kinds left out, such as ``bot``."""


@dataclass(frozen=True, slots=True)
class Segment:
    """An attribute that figures can be cut by."""

    name: str
    source: str
    """Source the attribute comes from."""
    column: str
    by: Literal["", "day", "week", "month", "quarter", "year"] = ""
    """A date column is cut to this, for cohorts."""
    bands: tuple[tuple[str, int], ...] = ()
    """Name and lower bound, rising: bands of a number."""
    usage: Driver | None = None
    """Bands are of what the subject used of it in the calendar month, in base units."""


@dataclass(frozen=True, slots=True)
class Target:
    """Cost per unit that is aimed at, for everyone or for one segment value."""

    unit: str
    cost: Decimal
    segment: Mapping[str, str] = field(default_factory=dict)
    due: str = ""
    warn: Decimal = Decimal("1.1")
    """Red above cost x warn, amber above cost."""


@dataclass(frozen=True, slots=True)
class Band:
    """Benchmark for infrastructure cost per primary unit and month."""

    low: Decimal = Decimal(1)
    high: Decimal = Decimal(10)
    warn: Decimal = Decimal(20)


@dataclass(frozen=True, slots=True)
class Signals:
    """A meter that telemetry feeds: which signals count, and how much each one adds."""

    meter: str
    source: Signal
    where: Mapping[str, Condition] = field(default_factory=dict)
    """Attribute of the signal, else of its resource, or one of the words of signals; of names
    joined by ``|`` the first that is there."""
    metric: tuple[str, ...] = ()
    """Names of metrics, with wildcards; empty for the other sources."""
    quantity: Quantity = "count"
    plus: tuple[str, ...] = ()
    """Attributes that are added up; of names joined by ``|`` the first that is there."""
    minus: tuple[str, ...] = ()
    """Attributes that are taken off, likewise."""
    times: str = ""
    """Attribute that a duration in seconds is multiplied by."""
    operation: tuple[str, ...] = ()
    """Attributes that the operation of its readings is called by, the first that is there; empty:
    what the signal itself is called."""
    unit: str = ""
    """Unit of what is summed; empty is the metric's own, microseconds, or a plain count."""
    scale: int = 1
    """Makes the base unit finer by this factor."""
    built_in: bool = False


@dataclass(frozen=True, slots=True)
class Identity:
    """Where telemetry says whose a signal is, and what brings signals of one doing together."""

    user: tuple[str, ...] = ("user.id", "enduser.id", "enduser.pseudo.id")
    session: tuple[str, ...] = ("session.id",)
    tenant: tuple[str, ...] = ("tenant.id", "k8s.namespace.name")
    join: tuple[str, ...] = ("trace",)
    """``trace``, ``session``, or attributes such as ``http.request.id``."""
    wait: int = 30
    """Seconds that a signal without an id waits for another of its trace or request."""
    events: bool = True
    """Whether the events of a span may name whose it is, where its own attributes do not."""

    @property
    def attributes(self) -> Mapping[str, tuple[str, ...]]:
        """Level of subject to the attributes that name one, first to last."""
        return {"user": self.user, "session": self.session, "tenant": self.tenant}


@dataclass(frozen=True, slots=True)
class Busy:
    """A subject that used more of a driver than anyone would is a bot."""

    driver: Driver
    above: int
    """In base units: in one hour for the rate, in one month without any conversion."""
    without: tuple[Driver, ...] = ()
    """The conversions; empty for the rate."""


@dataclass(frozen=True, slots=True)
class Activity:
    """What a session and a transaction are, and who is no person."""

    session_gap: int = 30
    """Minutes without a signal that end a session."""
    transactions: Mapping[str, Driver] = field(default_factory=dict)
    rate: Busy | None = None
    no_conversion: Busy | None = None

    @property
    def bots(self) -> Mapping[str, Busy]:
        """The rules that are written, by their key."""
        rules = {"rate": self.rate, "no conversion": self.no_conversion}
        return {key: rule for key, rule in rules.items() if rule}


@dataclass(frozen=True, slots=True)
class Sampling:
    """How sampled telemetry stands for all of it."""

    unknown: Decimal = Decimal(1)
    """Weight of a signal that does not say with which probability it was kept."""
    calibrate: Mapping[str, str] = field(default_factory=dict)
    """A sampled meter to the unsampled one whose total of the same service it must have."""


@dataclass(frozen=True, slots=True)
class Model:
    """A whole cost model, in file order."""

    path: str
    hash: str
    """SHA-256 of the file's text."""
    currency: str
    pools: tuple[Pool, ...]
    units: tuple[Unit, ...]
    """The first is primary."""
    segments: tuple[Segment, ...] = ()
    timezone: str = "UTC"
    basis: Basis = "effective"
    dimensions: tuple[str, ...] = ()
    """Reading columns kept in the ledger: feature, operation, region."""
    credits: Credits = "follow"
    free_tier: FreeTier = "product"
    free: Mapping[str, str] = field(default_factory=dict)
    """Segment and value of the free tier, such as tier: Free."""
    targets: tuple[Target, ...] = ()
    band: Band = field(default_factory=Band)
    concentration: Decimal = Decimal(20)
    """Percent of a pool that one subject may take before it is a finding."""
    meters: tuple[Signals, ...] = ()
    """Meters that telemetry feeds: the built-in ones, then the file's own."""
    identity: Identity = field(default_factory=Identity)
    activity: Activity = field(default_factory=Activity)
    sampling: Sampling = field(default_factory=Sampling)
    text: str = field(default="", compare=False, repr=False)
    """The file as it was read."""
    marks: Mapping[Trail, Mark] = field(default_factory=dict, compare=False, repr=False)
    """Where each value stands in the file."""

    @property
    def primary(self) -> Unit:
        """The unit that cost per user is given in."""
        return self.units[0]

    def pool(self, name: str) -> Pool:
        """Return the pool of that name."""
        return next(pool for pool in self.pools if pool.name == name)

    def where(self, *path: str | int) -> str:
        """Return ``file:line:column`` of a value, or of the nearest thing above it that is known.

        A list item is found by position or by its text. A name that the model chooses (a column
        of ``match``, a meter of ``mix``) leads to where the name stands.
        """
        for length in range(len(path), 0, -1):
            if mark := self.marks.get(path[:length]):
                return f"{self.path}:{mark[0]}:{mark[1]}"
        return f"{self.path}:1:1"
