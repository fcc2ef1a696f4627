"""Reading protobuf by columns gives what reading it message by message gives."""

from __future__ import annotations

import contextlib
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from percapita.telemetry.digest.decode.keys import Keys
from percapita.telemetry.digest.decode.resources import Resources, attributes
from percapita.telemetry.digest.decode.signals import Batch, decode
from percapita.telemetry.digest.decode.wire import MalformedError
from percapita.telemetry.digest.decode.words import Lexicon

NAMES = ["a", "user.id", "gen_ai.usage.prompt_tokens", "gen_ai.usage.output_tokens", "k" * 127]
KEYS = [*NAMES, "user.ix", "gen_ai.usage.cached_tokens", "k" * 128, "k" * 300, ""]


def value(kind: int, number: int, text: str) -> dict[str, Any]:
    """Return the fields of a value of one of its kinds."""
    values: list[dict[str, Any]] = [
        {"string_value": text}, {"int_value": number}, {"bool_value": number % 2 == 0},
        {"double_value": number / 4}, {"bytes_value": text.encode()}, {},
        {"array_value": {"values": [{"string_value": text}]}},
    ]  # fmt: skip
    return values[kind]


PAIRS = st.lists(
    st.tuples(
        st.sampled_from(KEYS), st.integers(0, 6), st.integers(-(2**63), 2**63 - 1),
        st.text(max_size=200),
    ),
    max_size=12, unique_by=lambda pair: pair[0],
)  # fmt: skip
WORDS = st.integers(0, 2**64 - 1)
SPANS = st.lists(
    st.tuples(
        st.binary(min_size=16, max_size=16), st.binary(min_size=8, max_size=8),
        st.text(max_size=300),
        st.integers(0, 5), WORDS, WORDS, PAIRS, st.integers(0, 3), st.booleans(),
    ),
    max_size=6,
)  # fmt: skip


def request(found: list[Any]) -> ExportTraceServiceRequest:
    """Return a request of these spans, each in a scope of its own."""
    made = ExportTraceServiceRequest()
    for trace, ident, name, kind, start, end, pairs, events, flags in found:
        span = made.resource_spans.add().scope_spans.add().spans.add(
            trace_id=trace, span_id=ident, name=name, kind=Span.SpanKind.ValueType(kind),
            start_time_unix_nano=start, end_time_unix_nano=end, flags=257 if flags else 0,
            dropped_attributes_count=events * 1_000,
        )  # fmt: skip
        for key, which, number, text in pairs:
            span.attributes.add(key=key, value=value(which, number, text))
        for _ in range(events):
            span.events.add(name="exception", time_unix_nano=start)
    return made


def decoded(*bodies: bytes) -> Batch:
    """Decode requests of spans."""
    return decode("spans", bodies, Keys(NAMES), Lexicon(), Resources())


def spans_of(*requests: ExportTraceServiceRequest) -> list[Span]:
    """Return all spans of requests."""
    return [
        span
        for one in requests
        for of_resource in one.resource_spans
        for of_scope in of_resource.scope_spans
        for span in of_scope.spans
    ]


@given(SPANS, SPANS)
@settings(max_examples=60, deadline=None)
def test_columns_are_what_the_messages_say(first: list[Any], second: list[Any]) -> None:
    """Ids, times, names, kinds and every attribute asked for, of any shape of span."""
    requests = request(first), request(second)
    batch = decoded(*(one.SerializeToString() for one in requests))
    spans = spans_of(*requests)

    assert len(batch) == len(spans)
    high, low = batch.ids(1, 16)
    ids = [h.tobytes() + w.tobytes() for h, w in zip(high, low, strict=True)]
    assert ids == [span.trace_id for span in spans]
    assert batch.fixed(7).tolist() == [span.start_time_unix_nano for span in spans]
    assert batch.fixed(8).tolist() == [span.end_time_unix_nano for span in spans]
    assert batch.number(6).tolist() == [span.kind for span in spans]
    names = [batch.lexicon.shown(code) or "" for code in batch.field_texts(5).tolist()]
    assert names == [span.name for span in spans]
    for key in NAMES:
        found = [batch.lexicon.shown(code) for code in batch.texts(key).tolist()]
        expected = [attributes(span.attributes).get(key) for span in spans]
        kinds = [{p.key: p.value.WhichOneof("value") for p in s.attributes}.get(key) for s in spans]
        fractions = [kind == "double_value" for kind in kinds]
        assert found == [None if f else e for e, f in zip(expected, fractions, strict=True)]


@given(SPANS, st.data())
@settings(max_examples=60, deadline=None)
def test_bytes_cut_off_are_refused_or_read(found: list[Any], data: st.DataObject) -> None:
    """A body that ends too early never crashes, nor gives more signals than there were."""
    body = request(found).SerializeToString()
    cut = body[: data.draw(st.integers(0, len(body)))]
    with contextlib.suppress(MalformedError, IndexError):
        assert len(decoded(cut)) <= len(found)


def test_numbers_of_all_kinds() -> None:
    """Whole numbers, fractions and texts are read as numbers, rounded half to even."""
    pairs = [(1, 7), (3, 10), (3, -4), (0, "2.5"), (0, "x"), (2, 0)]
    rows = [
        (b"t" * 16, b"s" * 8, "", 0, 0, 0,
         [("a", kind, n if isinstance(n, int) else 0, str(n))], 0, False)
        for kind, n in pairs
    ]  # fmt: skip
    values, known = decoded(request(rows).SerializeToString()).numbers("a", 1)

    assert known.tolist() == [True, True, False, True, False, False]
    assert values[known].tolist() == [7, 2, 2]


def test_attributes_written_in_another_order() -> None:
    """A value before its key, or unknown fields between them, is read all the same."""
    key, text = b"\x0a\x07user.id", b"\x12\x03\x0a\x01x"
    for pair in (text + key, key + b"\x18\x01" + text, key + text + b"\x22\x00"):
        span = b"\x4a" + bytes([len(pair)]) + pair
        scope = b"\x12" + bytes([len(span)]) + span
        resource = b"\x12" + bytes([len(scope)]) + scope
        batch = decoded(b"\x0a" + bytes([len(resource)]) + resource)
        assert [batch.lexicon.shown(code) for code in batch.texts("user.id").tolist()] == ["x"]


@pytest.mark.parametrize("body", [b"\x08\x01", b"\x0a\x7f", b"\x0a\x04\x12\x7f\x00\x00"])
def test_other_bytes_are_refused(body: bytes) -> None:
    """What is no request is said to be none."""
    with pytest.raises(MalformedError):
        decoded(body)


def test_names_that_agree_at_both_ends_are_told_apart() -> None:
    """Two names of one length, with the same first and last letters, are two."""
    rows = [(b"t" * 16, b"s" * 8, "", 0, 0, 0, [(key, 1, 3, "")], 0, False) for key in NAMES[2:4]]
    batch = decoded(request(rows).SerializeToString())

    assert [batch.numbers(key, 1)[0].tolist() for key in NAMES[2:4]] == [[3, 0], [0, 3]]
    assert np.count_nonzero(batch.texts("k" * 127) >= 0) == 0
