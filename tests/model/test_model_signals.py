"""What a model says of telemetry: meters, whose a signal is, activity, samples."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from percapita.cli.main import run
from percapita.model.builtin import TEXT, built_in
from percapita.model.describe import markdown
from percapita.model.load import loads
from percapita.model.meters import meters
from percapita.model.spec import Condition, Identity, Model, Signals

OWN = """\
currency: USD
meters:
  checkouts: {from: spans, where: {http.route: /checkout*}}
  queue.time: {from: metrics, metric: [jobs.time, "*.jobs.time"], unit: s}
  rows: {from: spans, plus: [db.rows|rows], minus: [db.cached], scale: 10}
  gpu.held: {from: spans, quantity: duration, times: gpu.memory, unit: MiB-s}
  requests: {from: logs, where: {event: request}}
  cpu: off
identity: {user: [app.user, user.id], session: device.id, join: [trace, http.request.id], wait: 5}
activity:
  session gap: 20
  transactions: {pay: {meter: requests, where: {operation: /pay}}}
  bots:
    rate: {of: requests, above: 900}
    no conversion: {of: requests, above: 5000, without: [checkouts]}
sampling: {unknown: 10, calibrate: {requests: edge.requests}}
pools: [{pool: api, by: requests}]
"""


def by_name(model: Model) -> dict[str, Signals]:
    """Return the meters of a model by name."""
    return {signals.meter: signals for signals in model.meters}


def test_model_without_meters_has_the_built_in_ones() -> None:
    """Every model reads the built-in meters, and nothing else changes for it."""
    model = loads("currency: USD\n")

    assert model.meters == built_in()
    assert model.identity == Identity()
    assert all(signals.built_in for signals in model.meters)


def test_own_meter_takes_the_place_of_a_built_in_one() -> None:
    """A meter written under a built-in name is read as written, once; `off` is not read."""
    model = loads(OWN)
    names = [signals.meter for signals in model.meters]

    assert len(names) == len(set(names)) == len(built_in()) + 3
    assert by_name(model)["requests"] == Signals(
        "requests", "logs", where={"event": Condition(("request",))}
    )
    assert "cpu" not in names


def test_built_in_meters_are_written_as_a_model_writes_them() -> None:
    """The text of the built-in meters is a valid part of a model: it can be copied and changed."""
    body = "".join(f"  {line}\n" for line in TEXT.splitlines())

    own = by_name(loads(f"currency: USD\nmeters:\n{body}"))
    assert list(own) == [signals.meter for signals in built_in()]


def test_cached_tokens_are_in_one_meter_only() -> None:
    """Input tokens leave out what the cache gave or took: no two meters hold the same token."""
    found = by_name(loads("currency: USD\n"))

    cached = (*found["llm.tokens.cached"].plus, *found["llm.tokens.cache_write"].plus)
    assert found["llm.tokens.input"].minus == cached


@pytest.mark.parametrize(
    "sentence",
    [
        "- **checkouts**: Number of spans where `http.route` is `/checkout*`.",
        "- **queue.time**: Value (in s) of metrics `jobs.time` or `*.jobs.time`.",
        "- **gpu.held**: Duration times `gpu.memory` (in MiB-s) of spans.",
        "- A signal's user is the first of `app.user` and `user.id`.",
        "- A signal's session is `device.id`.",
        (
            "- A signal without an id has that of another with the same trace or `http.request.id`,"
            " if it comes within 5 s."
        ),
        "- A session ends after 20 minutes without a signal.",
        "- A transaction `pay` is one of `requests` where `operation` is `/pay`.",
        "- More than 900 of `requests` in an hour is a bot.",
        "- More than 5000 of `requests` in a month without any `checkouts` is a bot.",
        "- A signal of unknown sampling probability counts 10 times.",
        "- `requests` is brought to the total of `edge.requests`, service by service.",
    ],
)
def test_telemetry_in_words(sentence: str) -> None:
    """What the file says of telemetry stands in the description, a sentence each."""
    assert sentence in markdown(loads(OWN)).splitlines()


def test_unsaid_rules_are_not_described() -> None:
    """A model that says nothing of telemetry is described without it."""
    assert "signal" not in markdown(loads("currency: USD\n"))


def test_meters_say_where_they_come_from() -> None:
    """Each meter is the model's, built in, or of imported data alone; what asks for it is named."""
    found = {m.meter: m for m in meters(loads(OWN), {"requests": "", "tickets": "microsecond"})}

    assert (found["requests"].origin, found["requests"].line, found["requests"].unit) == (
        "model", 7, "",
    )  # fmt: skip
    assert "pools api" not in found["requests"].asked
    assert found["requests"].asked == (
        "pool api", "activity transactions", "activity bots", "sampling calibrate",
    )  # fmt: skip
    assert (found["errors"].origin, found["errors"].unit) == ("built in", None)
    assert (found["tickets"].origin, found["tickets"].counts) == ("imported", "")
    assert found["edge.requests"].origin == "nowhere"


def test_command_lists_the_meters(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`model meters` prints every meter once: as JSON with words, on a terminal as a table."""
    path = tmp_path / "model.yaml"
    path.write_text(OWN)
    options = ["model", "meters", "--model", str(path), "--project", str(tmp_path)]

    assert run([*options, "--format", "json"]) == 0
    listed = json.loads(capsys.readouterr().out)["meters"]
    assert len({meter["meter"] for meter in listed}) == len(listed) == len(built_in()) + 4

    assert run(options) == 0
    text = capsys.readouterr().out
    assert all(meter["meter"] in text for meter in listed)
    assert "model, line 3" in text
