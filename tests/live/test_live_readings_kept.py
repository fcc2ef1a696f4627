"""What live readings come to is the same whether files are read once or again and again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from digest.counter import Counter
from digest.otlp import SHOP, span, traces
from percapita.core.tables import READINGS
from percapita.store.kept import live_readings
from percapita.store.kept.live_readings import LiveReadings

MONTHS = ("2026-11",)
ROWS = "SELECT count(*) FROM live_rows"


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    """Give a store that counts."""
    with Counter(tmp_path / ".percapita") as made:
        yield made


def send(counter: Counter, *numbers: int, state: str = "") -> None:
    """Count a request of each number, in one turn."""
    spans = [span(n, {"user.id": f"u{n % 3}", "http.route": f"/r{n % 2}"}, state=state)
             for n in numbers]  # fmt: skip
    counter.send("traces", traces(spans, {**SHOP, "service.name": f"s{numbers[0] % 2}"}), after=2)


def rows(counter: Counter, name: str) -> list[tuple[Any, ...]]:
    """Return the readings of a view, those that agree in all keys as one."""
    amounts = ("signals", "quantity", "trace_squares")
    keys = ", ".join(column for column in READINGS.names if column not in amounts)
    sums = ", ".join(f"sum({amount})" for amount in amounts)
    return counter.store.engine.rows(f"SELECT {keys}, {sums} FROM {name} GROUP BY ALL ORDER BY ALL")


def sums(counter: Counter, name: str) -> list[tuple[Any, ...]]:
    """Return the readings of a view, all that is somebody's as one, likewise nobody's."""
    nobody = f"(SELECT * REPLACE (sign(subject) AS subject) FROM {name})"
    return rows(counter, nobody)


def same(counter: Counter, found: LiveReadings) -> None:
    """Look at what is kept, and at the files."""
    told, summed = found.bind("told", MONTHS)
    written = counter.store.bind(READINGS)
    assert rows(counter, told) == rows(counter, written)
    assert sums(counter, summed) == sums(counter, written)


def test_what_is_new_is_added(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn after turn, sampled or not, also when rows are added up; nothing new changes nothing."""
    monkeypatch.setattr(live_readings, "_FEW", 8)
    found = LiveReadings(counter.store)
    same(counter, found)
    for turn in range(6):
        send(counter, turn, turn + 100, turn + 200, state="" if turn % 2 else "ot=th:8")
        same(counter, found)
        same(counter, found)


def test_views_stay_when_rows_are_added_up(
    counter: Counter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Who looks again though nothing came in sees what was there before."""
    monkeypatch.setattr(live_readings, "_FEW", 2)
    found = LiveReadings(counter.store)
    for turn in range(4):
        send(counter, turn)
    told, _ = found.bind("told", MONTHS)
    before = rows(counter, told)
    found.tend()

    assert rows(counter, told) == before


def test_merged_files_are_known(counter: Counter) -> None:
    """Files that were merged are not read again, unless others that nobody read went with them."""
    found = LiveReadings(counter.store)
    for number in (1, 2, 3):
        send(counter, number)
    same(counter, found)
    kept = counter.store.engine.value(ROWS)
    counter.digest.tend(counter.spool.now, idle=True)
    same(counter, found)
    assert counter.store.engine.value(ROWS) == kept

    send(counter, 4)
    send(counter, 5)
    counter.digest.tend(counter.spool.now, idle=True)
    same(counter, found)
    send(counter, 6)
    same(counter, found)


def test_two_who_ask_read_a_file_once(counter: Counter) -> None:
    """Of one store there is one keeping, so nothing is in it twice."""
    for turn in range(4):
        send(counter, turn)
        for _ in range(2):
            same(counter, live_readings.live_readings(counter.store))


def test_what_failed_is_read_again(counter: Counter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where reading failed half way, nothing of it is counted twice."""
    found = LiveReadings(counter.store)
    send(counter, 1)
    same(counter, found)
    send(counter, 2)
    with monkeypatch.context() as broken:
        broken.setattr(LiveReadings, "_totals", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            found.bind("told", MONTHS)
    same(counter, found)
