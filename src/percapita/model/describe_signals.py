"""Telemetry's part of a model in words: meters, whose a signal is, activity, samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from percapita.model import spec
from percapita.model.describe_words import code, driver_words, fits, listed
from percapita.model.spec import Model, Signals


def meter_words(signals: Signals) -> str:
    """Say which signals feed a meter, and what each adds."""
    named = f" {listed([code(name) for name in signals.metric], 'or')}" if signals.metric else ""
    narrowed = f" where {fits(signals.where)}" if signals.where else ""
    what = {"spans": "spans", "metrics": f"metrics{named}", "logs": "log records"}[signals.source]
    called = (
        f", operation by {_attributes(['|'.join(signals.operation)])}" if signals.operation else ""
    )
    return f"{_quantity(signals)} {what}{narrowed}{called}."


def _quantity(signals: Signals) -> str:
    if signals.quantity == "attributes":
        less = f" less {_attributes(signals.minus)}" if signals.minus else ""
        return f"{_attributes(signals.plus)}{less}{_unit(signals)}, summed over"
    if signals.quantity == "duration":
        times = f" times {_attributes([signals.times])}" if signals.times else ""
        return f"Duration{times}{_unit(signals)} of"
    return f"{'Number' if signals.quantity == 'count' else 'Value'}{_unit(signals)} of"


def _attributes(names: Sequence[str]) -> str:
    return listed([" or else ".join(code(each) for each in name.split("|")) for name in names])


def _unit(signals: Signals) -> str:
    if not signals.unit:
        return ""
    finer = f", to 1/{signals.scale} of it" if signals.scale != 1 else ""
    return f" (in {signals.unit}{finer})"


def own_meters(model: Model) -> list[Signals]:
    """Return the meters that the file itself declares."""
    return [signals for signals in model.meters if not signals.built_in]


def signal_rules(model: Model) -> Iterator[str]:
    """Yield what the file says of telemetry beside its meters, a sentence each."""
    if model.identity != spec.Identity():
        yield from _identity(model.identity)
    if model.activity != spec.Activity():
        yield from _activity(model.activity)
    if model.sampling.unknown != spec.Sampling().unknown:
        yield f"A signal of unknown sampling probability counts {model.sampling.unknown} times."
    for sampled, whole in model.sampling.calibrate.items():
        yield f"{code(sampled)} is brought to the total of {code(whole)}, service by service."


def _identity(identity: spec.Identity) -> Iterator[str]:
    for level, names in identity.attributes.items():
        first = "the first of " if len(names) > 1 else ""
        yield f"A signal's {level} is {first}{listed([code(name) for name in names])}."
    if not identity.events:
        yield "Events of a span do not say whose it is."
    if identity.join:
        by = listed([name if name in {"trace", "session"} else code(name)
                     for name in identity.join], "or")  # fmt: skip
        yield (
            f"A signal without an id has that of another with the same {by}, if it comes within"
            f" {identity.wait} s."
        )


def _activity(activity: spec.Activity) -> Iterator[str]:
    yield f"A session ends after {activity.session_gap} minutes without a signal."
    for name, driver in activity.transactions.items():
        yield f"A transaction {code(name)} is one of {driver_words(driver)}."
    if rule := activity.rate:
        yield f"More than {rule.above} of {driver_words(rule.driver)} in an hour is a bot."
    if rule := activity.no_conversion:
        without = listed([driver_words(driver) for driver in rule.without], "or")
        yield (
            f"More than {rule.above} of {driver_words(rule.driver)} in a month without any"
            f" {without} is a bot."
        )
