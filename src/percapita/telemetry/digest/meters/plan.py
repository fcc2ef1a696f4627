"""Meters of the model, applied to decoded spans and log records."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, TypeAlias

import numpy as np

from percapita.model.conditions import fits
from percapita.model.spec import Condition, Identity, Model, Signals
from percapita.model.words import SIGNAL_WORDS
from percapita.telemetry import units
from percapita.telemetry.digest.decode.keys import Keys
from percapita.telemetry.digest.decode.signals import Batch, Kind
from percapita.telemetry.digest.decode.wire import LENGTH, VARINT, Flags, Ints, fields, varints

UNCOUNTED: Final = -1
"""In place of a quantity: the signal is none of the meter's."""

OPERATION: Final = "http.route|rpc.method"
"""Attributes that name the operation; a span that has none is named by its name."""
FLAG_KEY: Final = "feature_flag.key"
FLAG_VARIANT: Final = "feature_flag.result.variant|feature_flag.variant"
LOG_THRESHOLD: Final = "sampling.threshold"
BAGGAGE: Final = "baggage."
"""Leads attributes that were copied from baggage."""

SPAN_KINDS: Final = ("internal", "internal", "server", "client", "producer", "consumer")
SERVES: Final = (2, 5)
"""Kinds that serve a request: server and consumer."""
_STATUS: Final = ("unset", "ok", "error")
FAILED: Final = 2
"""The number of the last of them."""
_SEVERITIES: Final = ("trace", "debug", "info", "warn", "error", "fatal")
_OF_EACH_SEVERITY: Final = 4


Called: TypeAlias = tuple[str, ...]
"""Attributes that an operation is called by, the first that is there."""


@dataclass(slots=True)
class Plan:
    """What a model asks of spans or of log records."""

    kind: Kind
    meters: tuple[Signals, ...]
    keys: Keys
    called: Mapping[Called, Keys]
    """Attributes that operations of some meters are called by."""
    _verdicts: dict[tuple[Condition, int], bool] = field(default_factory=dict)

    @classmethod
    def of(cls, model: Model, kind: Kind) -> Plan:
        """Return the plan of a model."""
        meters = tuple(m for m in model.meters if m.source == kind)
        called = {one.operation: Keys(one.operation) for one in meters if one.operation}
        keys = Keys(sorted(set(_keys(meters, model.identity, kind))))
        return cls(kind, meters, keys, called)

    def callings(self) -> dict[str, Called]:
        """Return what the operation of each meter is called by; nothing: what the signal is."""
        return {meter.meter: meter.operation for meter in self.meters}

    def operations(self, batch: Batch, quantities: Mapping[str, Ints]) -> dict[Called, Ints]:
        """Return the codes of what such meters call the operation of each signal they count."""
        result: dict[Called, Ints] = {}
        for called, keys in self.called.items():
            counted = [
                quantities[one.meter] >= 0
                for one in self.meters
                if one.operation == called and one.meter in quantities
            ]
            if counted:
                result[called] = batch.texts_among(keys, np.logical_or.reduce(counted))
        return result

    def names(self) -> dict[str, str]:
        """Return each meter's base unit."""
        return {meter.meter: worth(meter).measure for meter in self.meters}

    def quantities(self, batch: Batch, duration: Ints) -> dict[str, Ints]:
        """Return what each signal adds to each meter that any of them feeds.

        Args:
            batch: the signals.
            duration: nanoseconds that each of them took.
        """
        result: dict[str, Ints] = {}
        for meter in self.meters:
            of = self._chosen(batch, meter)
            if of is None or of.any():
                found = _measured(batch, meter, duration)
                if of is not None:
                    found = np.where(of, found, UNCOUNTED)
                if (found != UNCOUNTED).any():
                    result[meter.meter] = found
        return result

    def _chosen(self, batch: Batch, meter: Signals) -> Flags | None:
        """Tell which signals fit every condition of a meter; nothing where it has none."""
        chosen: Flags | None = None
        for name, condition in meter.where.items():
            key = name, condition
            if key not in batch.flags:
                batch.flags[key] = (
                    self._word(batch, name, condition)
                    if name in SIGNAL_WORDS[self.kind]
                    else self._holds(batch, batch.texts(name), condition)
                )
            holds = batch.flags[key]
            chosen = holds if chosen is None else chosen & holds
            if not chosen.any():
                break
        return chosen

    def _holds(self, batch: Batch, codes: Ints, condition: Condition) -> Flags:
        if condition.present is not None:
            there: Flags = codes >= 0
            return there if condition.present else ~there
        unique = np.flatnonzero(np.bincount(codes + 1, minlength=1)) - 1
        table = np.zeros(int(unique[-1]) + 2 if len(unique) else 1, np.bool_)
        for code in unique.tolist():
            key = condition, code
            if key not in self._verdicts:
                self._verdicts[key] = fits(batch.lexicon.shown(code), condition)
            table[code] = self._verdicts[key]
        # A code of -1 is the last of the table, which no other code reaches.
        holds: Flags = table[codes]
        return holds

    def _word(self, batch: Batch, word: str, condition: Condition) -> Flags:
        if word in ("kind", "status", "severity"):
            number, words = _few(batch, word)
            verdicts = np.array([*(fits(each, condition) for each in words), False])
            chosen: Flags = verdicts[np.minimum(number.view(np.uint64), len(words)).view(np.int64)]
            return chosen
        return self._holds(batch, word_codes(batch, word), condition)


def word_codes(batch: Batch, word: str) -> Ints:
    """Return the codes of what a signal is called, its service or its scope."""
    if word == "service":
        return batch.of_resource(["service.name"])
    if word == "scope":
        return batch.scope
    names = batch.field_texts(batch.layout.name)
    if word == "event" and "event.name" in batch.own:
        older = batch.texts("event.name")
        return np.where(names >= 0, names, older)
    return names


def _few(batch: Batch, word: str) -> tuple[Ints, Sequence[str | None]]:
    """Return a signal's kind, status or severity, and the words of each number."""
    if word == "status":
        return status(batch), _STATUS
    number = batch.number(batch.layout.kind)
    if word == "kind":
        return number, SPAN_KINDS
    return (number - 1) // _OF_EACH_SEVERITY + 1, (None, *_SEVERITIES)


def status(batch: Batch) -> Ints:
    """Return the status of each span, as a number."""
    result = np.zeros(len(batch), np.int64)
    found = batch.parts.of(batch.layout.status, LENGTH)
    inner = fields(batch.buffer, found.start, found.start + found.length).of(3, VARINT)
    result[found.owner[inner.owner]] = varints(batch.buffer.at, inner.start)[0]
    return result


def worth(meter: Signals) -> units.Unit:
    """Return the base unit of a meter of spans or logs, and what its written unit is worth."""
    if meter.quantity == "duration" and not meter.times:
        return units.Unit("microsecond", 1)
    return units.unit(meter.unit, meter.scale)


def _measured(batch: Batch, meter: Signals, duration: Ints) -> Ints:
    factor = worth(meter).factor
    if meter.quantity == "count":
        return np.full(len(batch), factor)
    if meter.quantity == "duration":
        if meter.times:
            by, known = batch.numbers(meter.times, factor)
            product = np.rint(duration.astype(np.float64) * by / 1e9).astype(np.int64)
            return np.where(known, product, UNCOUNTED)
        return (duration + 500) // 1000
    total = np.zeros(len(batch), np.int64)
    any_known = np.zeros(len(batch), np.bool_)
    for name in meter.plus:
        value, known = batch.numbers(name, factor)
        total += value
        any_known |= known
    for name in meter.minus:
        total -= batch.numbers(name, factor)[0]
    return np.where(any_known, np.maximum(total, 0), UNCOUNTED)


def _keys(meters: Sequence[Signals], identity: Identity, kind: Kind) -> Iterator[str]:
    for meter in meters:
        for name in (*meter.plus, *meter.minus, *([meter.times] if meter.times else [])):
            yield from name.split("|")
        for name in meter.where:
            if name not in SIGNAL_WORDS[kind]:
                yield from name.split("|")
    for names in identity.attributes.values():
        for name in names:
            yield from (name, BAGGAGE + name)
    yield from (name for name in identity.join if name not in ("trace", "session"))
    yield from f"{OPERATION}|{FLAG_KEY}|{FLAG_VARIANT}".split("|")
    if kind == "logs":
        yield from (LOG_THRESHOLD, "event.name")
