"""Meters of the model, on spans, logs and metrics as OpenTelemetry names them."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from digest.counter import MODEL, Counter
from digest.otlp import HOUR, SECOND, T, logs, span, traces
from digest.otlp import counter as points

USER = {"user.id": "a"}
CLIENT = Span.SPAN_KIND_CLIENT


def counted(counter: Counter, *spans: Span) -> dict[str, int]:
    """Count spans; return meter to quantity."""
    counter.send("traces", traces(spans)).finish()
    return {meter: quantity for meter, (_, quantity) in counter.meters().items()}


def test_requests_and_errors(counter: Counter) -> None:
    """Server spans are requests, with duration, errors and bytes; others are not."""
    first = {**USER, "http.request.body.size": 10, "http.response.body.size": 500}
    found = counted(
        counter, span(1, first, took=2 * SECOND), span(2, USER, error=True, took=1_499),
        span(3, USER, kind=Span.SPAN_KIND_INTERNAL),
    )  # fmt: skip

    assert found == {
        "requests": 2, "request.time": 2_000_001, "errors": 1, "net.in": 10, "net.out": 500,
    }  # fmt: skip


@pytest.mark.parametrize(
    "names",
    [
        ("gen_ai.operation.name", "gen_ai.usage.input_tokens", "gen_ai.usage.output_tokens"),
        ("llm.request.type", "gen_ai.usage.prompt_tokens", "gen_ai.usage.completion_tokens"),
    ],
)
def test_tokens_of_both_generations(counter: Counter, names: tuple[str, str, str]) -> None:
    """Tokens read from the cache are a part of the input and counted apart, never twice."""
    operation, given, made = names
    attributes = {
        **USER, operation: "chat", given: 1_000, made: 50,
        "gen_ai.usage.cache_read.input_tokens": 900,
    }  # fmt: skip
    found = counted(counter, span(1, attributes, kind=CLIENT))

    tokens = {meter: quantity for meter, quantity in found.items() if meter.startswith("llm.")}
    assert tokens == {"llm.tokens.input": 100, "llm.tokens.output": 50, "llm.tokens.cached": 900}


def test_memory_of_functions_is_held_for_their_duration(counter: Counter) -> None:
    """128 MiB for a quarter of a second is 33,554,432 byte-seconds."""
    attributes = {**USER, "faas.name": "resize", "faas.max_memory": 128 * 2**20}
    found = counted(counter, span(1, attributes, took=SECOND // 4))

    assert found["function.memory_time"] == 2**25
    assert found["function.invocations"] == 1
    assert counter.store.meter_bases()["function.memory_time"] == "byte-second"


@pytest.mark.parametrize(
    ("value", "quantity"),
    [(7, 7_000), ("7.5", 7_500), (0.0004, 0), (-3, None), ("many", None), (10**30 * 1.0, None)],
)
def test_numbers_of_attributes(counter: Counter, value: Any, quantity: int | None) -> None:  # noqa: ANN401
    """Whole, fractional and written numbers count in base units; what is no usage does not."""
    counter.model_path.write_text(
        MODEL + "meters: {read: {from: spans, plus: [rows.read], unit: kB}}\n"
    )
    found = counted(counter, span(1, {**USER, "rows.read": value}))

    assert found.get("read") == quantity


def test_conditions_on_words_attributes_and_resources(counter: Counter) -> None:
    """A meter's conditions ask for kind, name, service, scope, attributes and their absence."""
    counter.model_path.write_text(
        MODEL
        + "meters:\n"
        + "  checkouts:\n"
        + "    {from: spans, where: {name: 'POST /checkout*', scope: web, service: shop}}\n"
        + "  batch: {from: spans, where: {job.kind|task.kind: [nightly, 'week*'], dry: absent}}\n"
        + "  european: {from: spans, where: {cloud.region: 'eu-*', code: '404'}}\n"
    )
    spans = [
        span(1, USER, name="POST /checkout/pay"),
        span(2, {**USER, "task.kind": "weekly"}),
        span(3, {**USER, "job.kind": "nightly", "dry": True}),
        span(4, {**USER, "code": 404}),
    ]
    counter.send("traces", traces(spans, scope="web"))

    found = counter.meters()
    assert (found["checkouts"], found["batch"], found["european"]) == ((1, 1), (1, 1), (1, 1))


def test_a_flag_is_the_feature(counter: Counter) -> None:
    """A span's flag, of its attributes or of an event, is ``key:variant``."""
    attribute = {"feature_flag.key": "fast", "feature_flag.result.variant": "on"}
    with_event = span(2, USER)
    event = with_event.events.add(name="feature_flag.evaluation")
    for key, value in {"feature_flag.key": "slim", "feature_flag.variant": "b"}.items():
        event.attributes.add(key=key).value.string_value = value
    counter.send("traces", traces([span(1, {**USER, **attribute}), with_event, span(3, USER)]))

    assert counter.rows("feature", "meter = 'requests'") == [
        ("fast:on", 1, 1), ("slim:b", 1, 1), (None, 1, 1),
    ]  # fmt: skip


def test_log_records_are_counted_once(counter: Counter) -> None:
    """Records of an event count, equal ones each, and a request sent again does not."""
    record = {"event": "support.ticket", "attributes": {**USER, "support.minutes": 2.5}}
    body = logs([record, record, {"event": "other", "attributes": USER}])
    counter.send("logs", body).send("logs", body, after=2)
    counter.again()
    counter.send("logs", body, after=2)

    assert counter.meters() == {"support.minutes": (2, 300_000_000)}


def test_severity_chooses_log_records(counter: Counter) -> None:
    """A meter may count records of a severity."""
    counter.model_path.write_text(
        MODEL + "meters: {faults: {from: logs, where: {severity: error}}}\n"
    )
    records = [{"severity": n, "attributes": USER} for n in (9, 17, 20, 21, 0)]
    counter.send("logs", logs(records))

    assert counter.meters() == {"faults": (2, 2)}


TIMES = MODEL + "meters: {jobs: {from: metrics, metric: jobs.time, unit: s}}\n"


def rise(*values: float, start: int = T - 60 * SECOND) -> list[dict[str, Any]]:
    """Return points of a counter, a minute apart."""
    return [
        {"start": start, "at": T + n * 60 * SECOND, "value": value, "attributes": USER}
        for n, value in enumerate(values)
    ]


def test_a_counter_counts_what_it_rose_by(counter: Counter) -> None:
    """Differences of cumulative points, whatever comes twice, out of order or after a restart."""
    counter.model_path.write_text(TIMES)
    one, two, three = rise(1.5, 4.0, 4.25)
    counter.send("metrics", points([one])).send("metrics", points([three, two]), after=120)
    counter.again()
    counter.send("metrics", points([one, two, three]), points([three]), after=60)

    assert counter.of("jobs", "user", ["a"]) == {"a": 4_250_000}


def test_a_counter_that_starts_anew_is_not_negative(counter: Counter) -> None:
    """After a reset the new value counts whole: with a new start, or where it just fell."""
    counter.model_path.write_text(TIMES)
    counter.send("metrics", points(rise(10, 12)))
    counter.send("metrics", points([{"start": T + 90 * SECOND, "at": T + 120 * SECOND, "value": 13,
                                     "attributes": USER}]), after=60)  # fmt: skip
    fallen = {"start": T + 90 * SECOND, "at": T + 180 * SECOND, "value": 1, "attributes": USER}
    counter.send("metrics", points([fallen]), after=60)

    assert counter.of("jobs", "user", ["a"]) == {"a": (12 + 13 + 1) * 1_000_000}


def test_an_old_counter_begins_where_it_is_first_seen(counter: Counter) -> None:
    """What a counter counted in the months before is not usage of now."""
    counter.model_path.write_text(TIMES)
    counter.send("metrics", points(rise(5_000, 5_001, start=T - 300 * HOUR)))

    assert counter.of("jobs", "user", ["a"]) == {"a": 1_000_000}


def test_delta_points_are_counted_once(counter: Counter) -> None:
    """Points that are differences already add up, and a request sent again does not."""
    counter.model_path.write_text(TIMES)
    body = points(rise(3, 4), temporality=1)
    counter.send("metrics", body, body)
    counter.again()
    counter.send("metrics", body, after=5)

    assert counter.of("jobs", "user", ["a"]) == {"a": 7_000_000}


def test_a_level_is_held_until_its_next_point(counter: Counter) -> None:
    """Bytes held are byte-hours, each hour its own, exactly, and no longer than an hour."""
    levels = [
        {"at": T - 30 * 60 * SECOND, "value": 1_000, "attributes": USER},
        {"at": T + 15 * 60 * SECOND, "value": 4_000, "attributes": USER},
        {"at": T + 4 * HOUR, "value": 0, "attributes": USER},
    ]
    body = points(levels[:2], metric="postgresql.db_size", unit="By", monotonic=False)
    counter.spool.now = counter.spool.now.replace(hour=16)
    counter.send("metrics", body)
    counter.send("metrics", points(levels[2:], metric="postgresql.db_size", unit="By",
                                   monotonic=False))  # fmt: skip

    assert counter.rows("time::VARCHAR", "meter = 'storage.bytes'") == [
        ("2026-11-03 11:00:00+00", 1, 500),
        ("2026-11-03 12:00:00+00", 2, 250 + 3_000),
        ("2026-11-03 13:00:00+00", 1, 1_000),
    ]


def test_cores_that_are_there_are_core_hours(counter: Counter) -> None:
    """A gauge of one and a half cores, held for 40 minutes, is one core-hour."""
    counter.model_path.write_text(
        MODEL + "meters: {cores: {from: metrics, metric: k8s.node.cpu.allocatable, unit: core-h}}\n"
    )
    levels = [{"at": T + n * 20 * 60 * SECOND, "value": 1.5} for n in range(3)]
    counter.spool.now = counter.spool.now.replace(hour=13)
    counter.send("metrics", points(levels, metric="k8s.node.cpu.allocatable", unit="{cpu}",
                                   kind="gauge"))  # fmt: skip

    assert counter.meters()["cores"] == (2, HOUR // 1_000)


def test_a_level_that_cannot_add_up_is_said(counter: Counter) -> None:
    """A gauge for a meter without a unit of time is set apart, with what to do."""
    counter.model_path.write_text(MODEL + "meters: {nodes: {from: metrics, metric: nodes}}\n")
    counter.send("metrics", points([{"value": 3}], metric="nodes", unit="{node}", kind="gauge"))

    (found,) = counter.store.quarantined()
    assert (found.file, found.code) == ("otlp, metric nodes", "level-without-time")
    assert "unit of time" in found.hint


@pytest.mark.parametrize("kind", ["histogram", "exponential_histogram"])
def test_histograms_give_count_and_sum(counter: Counter, kind: str) -> None:
    """How many a histogram holds is one meter, what they sum to is another."""
    counter.model_path.write_text(
        MODEL
        + "meters:\n"
        + "  calls: {from: metrics, metric: rpc.time, quantity: count}\n"
        + "  calls.time: {from: metrics, metric: rpc.time, unit: s}\n"
    )
    found = [
        {
            "start": T - SECOND,
            "at": T + n * SECOND,
            "value": value,
            "count": count,
            "attributes": USER,
        }
        for n, (value, count) in enumerate([(250.0, 10), (1_000.0, 25)])
    ]
    counter.send("metrics", points(found, metric="rpc.time", unit="ms", kind=kind))

    assert {m: q for m, (_, q) in counter.meters().items()} == {
        "calls": 25,
        "calls.time": 1_000_000,
    }


def test_a_meter_keeps_its_unit(counter: Counter) -> None:
    """A meter whose unit was changed in the model is set apart until it has a name of its own."""
    one = {**USER, "size": 5}
    for unit in ("kB", "s"):
        meter = f"{{from: spans, plus: [size], unit: {unit}}}"
        counter.model_path.write_text(MODEL + f"meters: {{held: {meter}}}\n")
        counter.send("traces", traces([span(1 if unit == "kB" else 2, one)]), after=2)

    assert counter.meters()["held"] == (1, 5_000)
    (found,) = counter.store.quarantined()
    assert (found.file, found.code) == ("otlp, meter held", "other-unit")
