"""The meters that every model has: written as a model would write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple, cast

from percapita.model.shapes import At
from percapita.model.signal_keys import METERS
from percapita.model.spec import Signals
from percapita.model.yaml import parse

TEXT: Final = """\
requests: {from: spans, where: {kind: server}}
request.time: {from: spans, where: {kind: server}, quantity: duration}
errors: {from: spans, where: {kind: server, status: error}}
net.in:
  from: spans
  where: {kind: server}
  plus: [http.request.size|http.request.body.size|http.request_content_length]
  unit: byte
net.out:
  from: spans
  where: {kind: server}
  plus: [http.response.size|http.response.body.size|http.response_content_length]
  unit: byte
cpu: {from: metrics, metric: container.cpu.time, unit: s}
storage.bytes: {from: metrics, metric: ["*.db_size", mongodb.storage.size], unit: byte-hour}
db.queries: {from: spans, where: {kind: client, db.system.name|db.system: present}}
db.time:
  from: spans
  where: {kind: client, db.system.name|db.system: present}
  quantity: duration
external.calls:
  from: spans
  where: {kind: [client, producer]}
  operation: [service.peer.name, peer.service, gen_ai.provider.name, gen_ai.system,
    server.address, net.peer.name, rpc.service, db.system.name, db.system, messaging.system]
external.errors:
  from: spans
  where: {kind: [client, producer], status: error}
  operation: [service.peer.name, peer.service, gen_ai.provider.name, gen_ai.system,
    server.address, net.peer.name, rpc.service, db.system.name, db.system, messaging.system]
external.time:
  from: spans
  where: {kind: [client, producer]}
  quantity: duration
  operation: [service.peer.name, peer.service, gen_ai.provider.name, gen_ai.system,
    server.address, net.peer.name, rpc.service, db.system.name, db.system, messaging.system]
messages: {from: spans, where: {kind: producer, messaging.system: present}}
function.invocations: {from: spans, where: {kind: [server, consumer], faas.name: present}}
function.memory_time:
  from: spans
  where: {kind: [server, consumer], faas.max_memory: present}
  quantity: duration
  times: faas.max_memory
  unit: byte-s
llm.tokens.input:
  from: spans
  where: {gen_ai.operation.name|llm.request.type: [chat, text_completion, completion,
    generate_content, embeddings, embedding]}
  plus: [gen_ai.usage.input_tokens|gen_ai.usage.prompt_tokens]
  minus:
    - gen_ai.usage.cache_read.input_tokens|gen_ai.usage.cache_read_input_tokens
    - gen_ai.usage.cache_write.input_tokens|gen_ai.usage.cache_creation.input_tokens
llm.tokens.cached:
  from: spans
  where: {gen_ai.operation.name|llm.request.type: [chat, text_completion, completion,
    generate_content, embeddings, embedding]}
  plus: [gen_ai.usage.cache_read.input_tokens|gen_ai.usage.cache_read_input_tokens]
llm.tokens.cache_write:
  from: spans
  where: {gen_ai.operation.name|llm.request.type: [chat, text_completion, completion,
    generate_content, embeddings, embedding]}
  plus: [gen_ai.usage.cache_write.input_tokens|gen_ai.usage.cache_creation.input_tokens]
llm.tokens.output:
  from: spans
  where: {gen_ai.operation.name|llm.request.type: [chat, text_completion, completion,
    generate_content, embeddings, embedding]}
  plus: [gen_ai.usage.output_tokens|gen_ai.usage.completion_tokens]
llm.usage.input:
  from: metrics
  metric: gen_ai.client.inference.usage.input_tokens
llm.usage.cached:
  from: metrics
  metric: gen_ai.client.inference.usage.cache_read.input_tokens
llm.usage.cache_write:
  from: metrics
  metric: gen_ai.client.inference.usage.cache_write.input_tokens
llm.usage.output:
  from: metrics
  metric: gen_ai.client.inference.usage.output_tokens
llm.histogram.input:
  from: metrics
  metric: gen_ai.client.token.usage
  where: {gen_ai.token.type: input}
llm.histogram.output:
  from: metrics
  metric: gen_ai.client.token.usage
  where: {gen_ai.token.type: [output, completion]}
build.minutes:
  from: spans
  where: {cicd.pipeline.run.id: present, cicd.pipeline.task.run.id: absent}
  quantity: duration
support.minutes: {from: logs, where: {event: support.ticket}, plus: [support.minutes], unit: min}
"""


class Parts(NamedTuple):
    """Sampled meters that are parts of what unsampled ones count, first the best known."""

    meters: tuple[str, ...]
    known: tuple[tuple[str, tuple[str, ...]], ...]
    """A total of all, and the parts of it that are known by themselves: by position."""


CALIBRATES: Final = (
    Parts(
        ("llm.tokens.input", "llm.tokens.cached", "llm.tokens.cache_write"),
        (
            ("llm.usage.input", ("", "llm.usage.cached", "llm.usage.cache_write")),
            ("llm.histogram.input", ("", "", "")),
        ),
    ),
    Parts(("llm.tokens.output",), (("llm.usage.output", ("",)), ("llm.histogram.output", ("",)))),
)
"""Tokens that spans count, and the metrics that know the totals: the counters of today before the
histogram of before, never both."""

METRICS: Final = frozenset(
    meter for parts in CALIBRATES for whole, some in parts.known for meter in (whole, *some)
) - {""}
"""Built-in meters that nobody need ask for."""


@cache
def built_in() -> tuple[Signals, ...]:
    """Return the built-in meters."""
    root, problems = parse(TEXT, "built-in meters", start="")
    assert root is not None and not problems  # noqa: S101, PT018
    pairs = cast("Any", METERS.read(root, At("built-in meters")))
    return tuple(replace(meter, meter=name, built_in=True) for name, meter in pairs)


def with_built_in(own: Iterable[tuple[str, Signals | None]]) -> tuple[Signals, ...]:
    """Return the built-in meters that are not written anew or off, then the model's own."""
    written = dict(own)
    kept = [meter for meter in built_in() if meter.meter not in written]
    mine = [replace(meter, meter=name) for name, meter in written.items() if meter]
    return (*kept, *mine)
