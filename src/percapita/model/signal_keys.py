"""The keys that say how telemetry is read: meters, identity, activity, sampling."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args

from percapita.core.errors import nearest
from percapita.model import spec
from percapita.model.pool_keys import DRIVER, METER, TEXT, Fits
from percapita.model.shapes import Choice, Flag, Name, Number, WrongError, braced
from percapita.model.structures import Either, Key, Listed, Made, Named, Record
from percapita.model.words import ACTIVE, ANY_READING, OFF, SIGNAL_VALUES, SIGNAL_WORDS

ATTRIBUTE = Name("the name of an attribute", r"[^\s*?|]+(\|[^\s*?|]+)*",
                 "Names joined by | are alternatives; wildcards stand in values.")  # fmt: skip
SINGLE = Name("the name of an attribute", r"[^\s*?|]+", "Write one name, such as user.id.")

_SPANS_EXAMPLE = "checkouts: {from: spans, where: {kind: server, http.route: /checkout}}"
_METRICS_EXAMPLE = 'queue.time: {from: metrics, metric: [jobs.time, "*.jobs.time"], unit: s}'
_PLUS_EXAMPLE = "rows: {from: spans, plus: [db.response.returned_rows|db.rows], minus: [db.cached]}"
_OPERATION_EXAMPLE = (
    "mails: {from: spans, where: {kind: client, rpc.system: present}, operation: rpc.service}"
)
_TIMES_EXAMPLE = "gpu.held: {from: spans, quantity: duration, times: gpu.memory, unit: MiB-s}"


def _meter(source: spec.Signal, **values: Any) -> spec.Signals:  # noqa: ANN401
    where = values.get("where", {})
    _placed(source, values)
    for name, condition in where.items():
        _known_word(source, name, condition)
    kind = "attributes" if "plus" in values else "value" if source == "metrics" else "count"
    return spec.Signals("", source, **{"quantity": kind, **values})


def _placed(source: spec.Signal, values: Mapping[str, Any]) -> None:
    """Refuse keys that do not go together."""
    quantity = values.get("quantity")
    if source == "metrics" and "metric" not in values:
        hint = f"For example: {_METRICS_EXAMPLE}."
        raise WrongError("missing-key", "A meter from metrics needs the key 'metric'.", hint)
    if quantity and "plus" in values:
        hint = "Sum attributes by 'plus', or write 'quantity' alone."
        raise WrongError("two-methods", "'plus' already says what the quantity is.", hint)
    wrong = [
        ("metric", source != "metrics" and "metric" in values, "belongs to 'from: metrics'"),
        ("plus", source == "metrics" and "plus" in values, "belongs to spans and logs"),
        ("minus", "minus" in values and "plus" not in values, "belongs to 'plus'"),
        ("operation", source == "metrics" and "operation" in values, "belongs to spans and logs"),
        ("times", "times" in values and quantity != "duration", "belongs to 'quantity: duration'"),
        ("quantity", quantity == "duration" and source != "spans", "can be duration of spans only"),
        ("quantity", quantity == "value" and source != "metrics", "can be value of metrics only"),
        ("unit", quantity == "duration" and "unit" in values and "times" not in values,
         "says nothing here: a duration is kept in microseconds"),
    ]  # fmt: skip
    for key, is_wrong, why in wrong:
        if is_wrong:
            raise WrongError("no-effect", f"{key!r} {why}.", "Leave it out.")


def _known_word(source: spec.Signal, name: str, condition: spec.Condition) -> None:
    words = SIGNAL_WORDS[source]
    others = {word for known in SIGNAL_WORDS.values() for word in known} - set(words)
    if name in others:
        hint = f"Of {source} a condition can ask {', '.join(words)}, and any attribute."
        raise WrongError("unknown-value", f"{name!r} is nothing that {source} have.", hint)
    known = SIGNAL_VALUES.get(name, ())
    for value in condition.values if known else ():
        if not set("*?") & set(value) and value not in known:
            message = f"{name!r} cannot be {braced(value)}."
            raise WrongError("unknown-value", message, nearest(value, known))


_SIGNALS = Record(
    "A meter",
    (
        Key("from", Choice(get_args(spec.Signal), {"traces": "spans"}), "Kind of signal that feeds"
            " the meter.", _SPANS_EXAMPLE, field="source", required=True),
        Key("where", Named(ATTRIBUTE, Fits()), "Signals that count: every condition must fit. A"
            " name is an attribute of the signal, else of its resource; of names joined by `|` the"
            " first that is there. `service` and `scope` can be asked of every signal; `name`,"
            " `kind` and `status` of spans; `name` of metrics; `event` and `severity` of log"
            " records.", _SPANS_EXAMPLE, default="every signal"),
        Key("metric", Listed(Name("the name of a metric", r"\S+"), some=True),
            "With `from: metrics`: names of metrics, `*` and `?` are wildcards. All that fit are"
            " summed, so name metrics that do not hold each other.", _METRICS_EXAMPLE),
        Key("quantity", Choice(("count", "duration", "value")),
            "What a signal adds. `count`: one (a histogram: how many it holds). `duration`: the"
            " span's own, in microseconds. `value`: what a counter rose by, the sum of a"
            " histogram; a gauge is held until its next point, so its meter has a unit of"
            " time, such as byte-hour.",
            "checkout.time: {from: spans, where: {name: checkout}, quantity: duration}",
            default="value for metrics, else count"),
        Key("plus", Listed(ATTRIBUTE, some=True), "Attributes that are added up instead; of names"
            " joined by `|` the first that is there.", _PLUS_EXAMPLE),
        Key("minus", Listed(ATTRIBUTE, some=True), "With `plus`: attributes that are taken off,"
            " down to zero.", _PLUS_EXAMPLE),
        Key("times", ATTRIBUTE, "With `quantity: duration`: attribute that the duration, in"
            " seconds, is multiplied by.", _TIMES_EXAMPLE),
        Key("operation", Listed(SINGLE, some=True), "Attributes that name the operation of the"
            " meter's readings: the first that is there. What looks like an id or an IP address in"
            " it gives way to `{id}` or `{ip}`.", _OPERATION_EXAMPLE,
            default="the route or method, else the span's name"),
        Key("unit", TEXT, "Unit of what is summed, such as s, GB, byte-hour, or a word of your"
            " own. It is kept in whole base units.", _METRICS_EXAMPLE,
            default="the metric's own, else a plain count"),
        Key("scale", Number(low=1, whole=True), "Makes the base unit finer by this factor.",
            "credits: {from: spans, plus: [credits.used], scale: 1000}"),
    ),
    _meter,
    spec=spec.Signals,
)  # fmt: skip


def _meters(meters: Mapping[str, Any]) -> tuple[tuple[str, spec.Signals | None], ...]:
    for name in meters:
        if name in {ACTIVE, ANY_READING}:
            message = f"{braced(name)} cannot be the name of a meter."
            raise WrongError("reserved-name", message, "It is a word of the model already.")
    return tuple((name, None if value == OFF else value) for name, value in meters.items())


METERS = Made(Named(METER, Either((Choice((OFF,)), _SIGNALS))), _meters)  # type: ignore[arg-type]
METERS_EXAMPLE = f"meters:\n  {_SPANS_EXAMPLE}\n  {_METRICS_EXAMPLE}\n  support.minutes: off"

_KEYS_EXAMPLE = "identity: {user: [user.id, app.account], tenant: [app.org]}"
_EVENTS_EXAMPLE = "identity: {user: [user.id, feature_flag.context.id], events: true}"
_JOIN_EXAMPLE = "identity: {join: [trace, session, http.request.id], wait: 60}"

IDENTITY = Record(
    "An identity",
    (
        Key("user", Listed(SINGLE, some=True), "Attributes that name a user, of the signal, else"
            " of its resource: the first that is there.", _KEYS_EXAMPLE,
            default="[user.id, enduser.id, enduser.pseudo.id]"),
        Key("session", Listed(SINGLE, some=True), "Attributes that name a session or a device.",
            "identity: {session: [session.id, device.id]}", default="[session.id]"),
        Key("tenant", Listed(SINGLE, some=True), "Attributes that name a tenant.", _KEYS_EXAMPLE,
            default="[tenant.id, k8s.namespace.name]"),
        Key("join", Listed(SINGLE), "What brings a signal without an id to its user: others of"
            " its `trace`, of its `session`, or with the same value of an attribute. A session"
            " that logs in late is its user's from the start, whatever stands here.",
            _JOIN_EXAMPLE),
        Key("wait", Number(whole=True, high=3600), "Seconds that a signal without an id waits for"
            " one to join.", _JOIN_EXAMPLE),
        Key("events", Flag(), "Whether the events of a span are asked for the same attributes,"
            " after the span's own and before its resource's; the first event that has one"
            " counts.", _EVENTS_EXAMPLE, default="true"),
    ),
    spec.Identity,
    spec=spec.Identity,
)  # fmt: skip

_BOT_EXAMPLE = """\
activity:
  bots:
    rate: {of: requests, above: 3600}
    no conversion: {of: requests, above: 20000, without: [checkouts, signups]}"""

_ABOVE = Number(whole=True, above=True)


_BOTS = Record(
    "A rule for bots",
    (
        Key("rate", Record("A rate", (
                Key("of", DRIVER, "Meter that is watched.", _BOT_EXAMPLE, field="driver",
                    required=True),
                Key("above", _ABOVE, "More than this in one hour, in base units, is no person.",
                    _BOT_EXAMPLE, required=True),
            ), spec.Busy), "Who uses more in any hour of a month is a bot in that month.",
            _BOT_EXAMPLE),
        Key("no conversion", Record("A rule of no conversion", (
                Key("of", DRIVER, "Meter that is watched.", _BOT_EXAMPLE, field="driver",
                    required=True),
                Key("above", _ABOVE, "More than this in one month, in base units.", _BOT_EXAMPLE,
                    required=True),
                Key("without", Listed(DRIVER, some=True), "Meters of which a person would have"
                    " used something in that month.", _BOT_EXAMPLE, required=True),
            ), spec.Busy), "Who uses much and never converts is a bot in that month.",
            _BOT_EXAMPLE),
    ),
    dict,
)  # fmt: skip


def _activity(bots: Mapping[str, Any] | None = None, **values: Any) -> spec.Activity:  # noqa: ANN401
    return spec.Activity(**values, **(bots or {}))


_TRANSACTIONS_EXAMPLE = (
    "activity: {transactions: {checkout: {meter: requests, where: {operation: /checkout*}}}}"
)

ACTIVITY = Record(
    "What counts as activity",
    (
        Key("session gap", Number(whole=True, above=True), "Minutes without a signal that end a"
            " session, where telemetry names none.", "activity: {session gap: 30}"),
        Key("transactions", Named(TEXT, DRIVER), "Transactions by name: a meter, narrowed to"
            " routes or span names.", _TRANSACTIONS_EXAMPLE, default="none"),
        Key("bots", _BOTS, "Who is no person, beside those that readers and users' files call"
            " bots. Their cost is the line `bots`, and no unit counts them.", _BOT_EXAMPLE),
    ),
    _activity,
    spec=spec.Activity,
)  # fmt: skip

_SAMPLING_EXAMPLE = "sampling: {unknown: 1, calibrate: {requests: edge.requests}}"

SAMPLING = Record(
    "A rule for samples",
    (
        Key("unknown", Number(above=True), "Weight of a signal that does not say with which"
            " probability it was kept. Figures made of such signals say so.", _SAMPLING_EXAMPLE),
        Key("calibrate", Named(METER, METER), "A sampled meter, and the unsampled one whose total"
            " of the same service it must have.", _SAMPLING_EXAMPLE, default="none"),
    ),
    spec.Sampling,
    spec=spec.Sampling,
)  # fmt: skip
