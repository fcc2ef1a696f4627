"""The meters that every model has: written as a model would write them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from functools import cache
from typing import Any, Final, cast

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
  minus: [gen_ai.usage.cache_read.input_tokens]
llm.tokens.cached:
  from: spans
  where: {gen_ai.operation.name|llm.request.type: [chat, text_completion, completion,
    generate_content, embeddings, embedding]}
  plus: [gen_ai.usage.cache_read.input_tokens]
llm.tokens.output:
  from: spans
  where: {gen_ai.operation.name|llm.request.type: [chat, text_completion, completion,
    generate_content, embeddings, embedding]}
  plus: [gen_ai.usage.output_tokens|gen_ai.usage.completion_tokens]
build.minutes:
  from: spans
  where: {cicd.pipeline.run.id: present, cicd.pipeline.task.run.id: absent}
  quantity: duration
support.minutes: {from: logs, where: {event: support.ticket}, plus: [support.minutes], unit: min}
"""


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
