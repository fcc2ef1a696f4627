"""The cost model file, key by key.

``pool_keys.py`` holds the keys of a pool, ``signal_keys.py`` those of telemetry.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from itertools import pairwise
from typing import Any, get_args

from percapita.core import periods
from percapita.core.errors import InputError
from percapita.model import spec
from percapita.model.pool_keys import DRIVER, METER, POOL, TEXT, WHERE
from percapita.model.shapes import Choice, Name, Number, WrongError, braced
from percapita.model.signal_keys import (
    ACTIVITY,
    IDENTITY,
    METERS,
    METERS_EXAMPLE,
    SAMPLING,
)
from percapita.model.structures import Either, Key, Listed, Made, Named, Record
from percapita.model.words import ANY_READING, DIMENSIONS, SUBJECT_KINDS, SUBJECTS

DEFAULT_UNIT = spec.Unit("active user", subject="user", exclude=("bot",))
"""The unit of a model that names none."""


def _zone(name: object) -> str:
    try:
        periods.zone(str(name))
    except InputError as error:
        message = f"{braced(str(name))} is not a time zone."
        raise WrongError("unknown-value", message, error.hint) from error
    return str(name)


def _active(meters: Any) -> tuple[spec.Driver, ...]:  # noqa: ANN401
    if meters == (spec.Driver(ANY_READING),):
        return ()
    if spec.Driver(ANY_READING) in meters:
        raise WrongError("unknown-value", f"'{ANY_READING}' stands alone.", "Leave the rest out.")
    return tuple(meters)


_UNIT_EXAMPLE = "active user: {subject: user, active: any reading, window: month, exclude: [bot]}"
_CALL_EXAMPLE = "billable call: {meter: requests, where: {operation: /api/*}}"


def _unit(**values: Any) -> spec.Unit:  # noqa: ANN401
    meter, where = values.pop("meter", None), values.pop("where", {})
    if meter is not None and values:
        names = " and ".join(repr(name) for name in values)
        message = f"A unit that counts a meter has no {names}."
        raise WrongError("two-methods", message, "Count subjects or a meter, not both.")
    if meter is not None:
        return spec.Unit("", meter=spec.Driver(meter, where))
    if where:
        raise WrongError(
            "no-effect", "'where' belongs to 'meter'.", "Narrow 'active' by {meter: …, where: …}."
        )
    if "subject" not in values:
        example = f"For example: {_UNIT_EXAMPLE}."
        raise WrongError("missing-key", "A unit needs the key 'subject' or 'meter'.", example)
    return spec.Unit("", **{"exclude": DEFAULT_UNIT.exclude, **values})


UNIT = Record(
    "A unit",
    (
        Key("subject", Choice(SUBJECTS), "Kind of subject that is counted, each once a window.",
            _UNIT_EXAMPLE, default="none: the unit counts a meter"),
        Key("active", Made(Listed(DRIVER, some=True), _active),
            "Readings that make a subject active: `any reading`, or a list of meters.",
            "caller: {subject: user, active: [requests, {meter: jobs, where: {feature: export}}]}",
            default=ANY_READING),
        Key("window", Choice(
            ("hour", "day", "week", "month", "quarter")), "Window in which a subject counts once.",
            _UNIT_EXAMPLE),
        Key("exclude", Listed(Choice(SUBJECT_KINDS)), "Kinds of subject that are left out.",
            _UNIT_EXAMPLE, default="[bot]"),
        Key("meter", METER, "Counts what a meter measured, in its base unit, instead of subjects.",
            _CALL_EXAMPLE),
        Key("where", WHERE, "With `meter`: only readings whose column fits count.", _CALL_EXAMPLE,
            default="every reading of the meter"),
    ),
    _unit,
    spec=spec.Unit,
)  # fmt: skip


def _bands(bands: Any) -> tuple[tuple[str, int], ...]:  # noqa: ANN401
    pairs = tuple(bands.items())
    for (lower, low), (upper, high) in pairwise(pairs):
        if low >= high:
            message = f"{braced(upper)} must start above {braced(lower)}, which starts at {low}."
            raise WrongError("unknown-value", message, "Write the bands from low to high.")
    return pairs


_USAGE_EXAMPLE = "activity: {usage: requests, bands: {light: 0, medium: 100, heavy: 1000}}"


def _segment(**values: Any) -> spec.Segment:  # noqa: ANN401
    if "by" in values and "bands" in values:
        hint = "Dates are cut 'by' a window, numbers into 'bands'."
        raise WrongError("two-methods", "A segment is cut 'by' or into 'bands', not both.", hint)
    origin = values.pop("origin", "")
    if "usage" in values:
        if origin or "by" in values:
            message = "A segment cuts an attribute 'from' a source or 'usage', not both."
            raise WrongError("two-methods", message)
        if "bands" not in values:
            raise WrongError("missing-key", "A segment by 'usage' needs the key 'bands'.",
                             f"For example: {_USAGE_EXAMPLE}.")  # fmt: skip
    elif not origin and values:
        raise WrongError("missing-key", "A segment that is cut needs the key 'from'.")
    source, _, column = origin.rpartition(".")
    return spec.Segment("", source, column, **values)


SEGMENT = Record(
    "A segment",
    (
        Key("from", Name("SOURCE.COLUMN", r".+\.[^.]+", "For example: users.plan."),
            "Source and column that hold the attribute of each subject.",
            "tier: {from: users.plan}", field="origin", default="the values that readings, head"
            " counts and revenue name themselves, in a column called like the segment"),
        Key("by", Choice(("day", "week", "month", "quarter", "year")),
            "Cuts a date column to this, for cohorts.", "cohort: {from: users.signup, by: month}"),
        Key("bands", Made(Named(TEXT, Number(whole=True)), _bands),
            "Cuts a number column into bands: name and lower bound, rising.",
            "size: {from: users.seats, bands: {small: 0, large: 100}}"),
        Key("usage", DRIVER,
            "With `bands`, instead of `from`: what a subject used of a meter in the calendar month,"
            " in its base unit, makes its class of activity in that month.", _USAGE_EXAMPLE,
            default="none: the segment is an attribute"),
    ),
    _segment,
    spec=spec.Segment,
)  # fmt: skip

_FREE_EXAMPLE = "free tier: {treat: acquisition, segment: {tier: Free}}"
_TREAT = Choice(get_args(spec.FreeTier))

FREE_TIER = Either(
    (
        Made(_TREAT, lambda treat: (treat, {})),
        Record("A free tier", (
            Key("treat", _TREAT, "`product`: a cost of the product. `acquisition`: sales and"
                " marketing, outside unit cost.", _FREE_EXAMPLE, required=True),
            Key("segment", Named(TEXT, TEXT, one=True), "Segment and value of the free tier.",
                _FREE_EXAMPLE, required=True),
        ), lambda treat, segment: (treat, segment)),
    )
)  # fmt: skip

_TARGET_EXAMPLE = """\
targets:
  - {unit: active user, cost: 4.50, segment: {tier: Free}, due: 2026-06-30, warn: 1.2}"""

MONEY = Number()
POSITIVE = Number(above=True)
DATE = Name("a date", r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])", "Write it as 2026-06-30.")

TARGET = Record(
    "A target",
    (
        Key("unit", TEXT, "Unit of the model.", _TARGET_EXAMPLE, default="the primary unit"),
        Key("cost", POSITIVE, "Cost per unit that is aimed at, in the model's currency.",
            _TARGET_EXAMPLE, required=True),
        Key("segment", Named(TEXT, TEXT), "Segment and value the target is for.", _TARGET_EXAMPLE,
            default="everyone"),
        Key("due", DATE, "Day by which it is to be reached.", _TARGET_EXAMPLE),
        Key("warn", Number(low=1), "Amber above `cost`, red above `cost` x `warn`.",
            _TARGET_EXAMPLE),
    ),
    lambda cost, unit="", **values: spec.Target(unit, cost, **values),
    spec=spec.Target,
)  # fmt: skip

_BAND_EXAMPLE = "band: {low: 1, high: 10, warn: 20}"


def _band(**values: Decimal) -> spec.Band:
    band = spec.Band(**values)
    if not band.low <= band.high <= band.warn:
        message = f"A band must rise: low {band.low}, high {band.high}, warn {band.warn}."
        raise WrongError("unknown-value", message)
    return band


BAND = Record(
    "A band",
    (
        Key("low", MONEY, "Lower end of the usual range.", _BAND_EXAMPLE),
        Key("high", MONEY, "Upper end of the usual range.", _BAND_EXAMPLE),
        Key("warn", MONEY, "Above this a warning is given.", _BAND_EXAMPLE),
    ),
    _band,
    spec=spec.Band,
)


def _version(version: object) -> object:
    if version != 1:
        message = f"Version {version} of the cost model is not known."
        raise WrongError("unknown-value", message, "This percapita reads version 1.")
    return version


def _root(**values: object) -> Mapping[str, object]:
    return {name: value for name, value in values.items() if name != "version"}


MODEL = Record(
    "The model",
    (
        Key("version", Made(Number(whole=True), _version), "Version of this grammar.",
            "version: 1", default="1"),
        Key("currency", Name("a currency code", "[A-Z]{3}", "Write three capitals, such as EUR."),
            "Currency of all amounts: ISO 4217.", "currency: USD", required=True),
        Key("timezone", Made(Name("a time zone"), _zone),
            "Zone whose midnights bound days and months: an IANA name.",
            "timezone: Europe/Berlin"),
        Key("basis", Choice(get_args(spec.Basis)), "Cost column of the bill that is allocated.",
            "basis: effective"),
        Key("units", Named(TEXT, UNIT), "Denominators by name. The first is primary.",
            f"units:\n  {_UNIT_EXAMPLE}\n  {_CALL_EXAMPLE}",
            default="active user: users with any reading in a month"),
        Key("segments", Named(Name("a name without =", "[^=]+"), SEGMENT),
            "Attributes that figures can be cut by, by name.",
            "segments:\n  tier: {from: users.plan}"),
        Key("dimensions", Listed(Choice(DIMENSIONS)), "Columns of readings that the ledger keeps.",
            "dimensions: [feature]"),
        Key("pools", Listed(POOL, single=False, key="pool"),
            "Cost pools, in order: a line belongs to the first that it fits.",
            "pools:\n  - pool: postgres\n    match: {ServiceName: Amazon RDS}\n    by: db.queries",
            default="none: every line is `unallocated`"),
        Key("credits", Choice(get_args(spec.Credits)), "Where credits go: with the lines they"
            " correct, to a pool `credits` of their own, or out of unit cost.", "credits: follow"),
        Key("free tier", FREE_TIER, "How the cost of free users counts.", _FREE_EXAMPLE),
        Key("targets", Listed(TARGET, single=False), "Costs per unit that are aimed at.",
            _TARGET_EXAMPLE),
        Key("band", BAND, "Benchmark for infrastructure cost per primary unit and month.",
            _BAND_EXAMPLE, default="low 1, high 10, warn 20"),
        Key("concentration", Number(high=100), "Percent of a pool that one subject may take before"
            " it is a finding.", "concentration: 20"),
        Key("meters", METERS, "Meters that telemetry feeds, by name, beside the built-in ones. One"
            " of the same name takes the built-in one's place, `off` turns it off.",
            METERS_EXAMPLE, default="the built-in meters, see below"),
        Key("identity", IDENTITY, "Where telemetry says whose a signal is.",
            "identity: {user: [user.id, app.account], join: [trace, http.request.id]}",
            default="the names of OpenTelemetry, joined by trace"),
        Key("activity", ACTIVITY, "What a session and a transaction are, and who is a bot.",
            "activity: {session gap: 20}", default="sessions end after 30 minutes"),
        Key("sampling", SAMPLING, "How sampled telemetry stands for all of it.",
            "sampling: {unknown: 10}", default="a signal of unknown probability counts once"),
    ),
    _root,
    spec=spec.Model,
    lenient=True,
)  # fmt: skip
