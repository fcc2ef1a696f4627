"""Prometheus as a source: counters become what they grew by, gauges become level x time.

Counters are read sample by sample, not by ``rate`` or ``increase``: those extrapolate, and a query
at steps does not see a reset between two of them. Each window of whole hours is read once.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Final
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from percapita.core.errors import InputError
from percapita.core.sources import Query, Source
from percapita.store import Store
from percapita.store.delivery import FileStat
from percapita.store.imports.positions import reached
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import units
from percapita.telemetry.columns import DIMENSIONS
from percapita.telemetry.happenings import instant
from percapita.telemetry.intake import Asked, Intake, Way
from percapita.telemetry.measured import LEVELS, Measured, held, held_base, in_base, write
from percapita.telemetry.secrets import secret

_CHUNK: Final = timedelta(hours=6)
"""Time that one request asks for: Prometheus answers at most 50 million samples at once."""
_BEFORE: Final = timedelta(hours=1)
"""How far back the last sample before a window is looked for."""
_FIRST: Final = timedelta(days=1)
"""How far back the first import goes where the source says no ``from``."""
_TIMEOUT: Final = 120

Labels = tuple[tuple[str, str], ...]
Samples = list[tuple[float, float]]


class PrometheusError(InputError):
    """Prometheus refuses a query."""

    def __init__(self, url: str, why: str, query: str) -> None:
        super().__init__(
            f"Prometheus at {url} refuses {query!r}: {why.rstrip('.')}.",
            hint="A counter is asked for by its name and labels alone: percapita sums it itself.",
        )


class AwayError(InputError):
    """Prometheus does not answer."""

    def __init__(self, url: str, why: object) -> None:
        super().__init__(
            f"Prometheus at {url} does not answer: {why}.",
            hint="Check `url:`, and whether it can be reached from here.",
        )


class NoQueriesError(InputError):
    """There is nothing to ask."""

    def __init__(self, source: Source) -> None:
        super().__init__(
            f"The source {source.name!r} asks Prometheus for nothing.",
            hint="Name meters: queries: {cpu: {query: container_cpu_usage_seconds_total, unit: s}}",
        )


@dataclass(frozen=True, slots=True)
class Window:
    """Whole hours, the end excluded."""

    start: datetime
    end: datetime

    def chunks(self) -> Iterator[Window]:
        """Yield the parts that are asked for one by one."""
        start = self.start
        while start < self.end:
            end = min(start + _CHUNK, self.end)
            yield Window(start, end)
            start = end


def ask(store: Store, source: Source, root: Path, now: datetime) -> Asked | None:
    """Return the windows that are new and how to read them; ``None`` where no hour has passed.

    Each meter has a window of its own: one that is new, or that nothing was ever found of, begins
    where the source does.
    """
    if not source.queries:
        raise NoQueriesError(source)
    end = now.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    ends: dict[str, str] = dict((reached(store.catalog, source.name) or {}).get("ends", {}))
    windows = {
        name: window
        for name in source.queries
        if (window := Window(_start(source, ends.get(name, ""), end), end)).start < end
    }
    if not windows:
        return None
    told = f"{source.path} {end:%Y-%m-%dT%H} {sorted(windows.items())}"
    stat = FileStat(source.path, 0, hashlib.sha256(f"{source.name} {told}".encode()).hexdigest())
    client = _Client(source.path.rstrip("/"), secret(source, root, required=False))
    state: dict[str, Any] = {"ends": ends}

    def stage(intake: Intake, tx: ImportTx) -> int:
        measured = [
            one
            for name, window in windows.items()
            for one in _measured(client, source, name, source.queries[name], window)
        ]
        bases = {name: _base(source.queries[name]) for name in windows}
        found = {one.meter for one in measured}
        ends.update({name: end.isoformat() for name in windows if name in found})
        if silent := sorted(windows.keys() - found):
            intake.note(f"Nothing was found of: {', '.join(silent)}. It is asked for again.")
        return write(store, tx, measured, bases)

    return Asked([stat], stage, state)


def _start(source: Source, reached_by: str, end: datetime) -> datetime:
    said = reached_by or source.since
    start = instant(said) if said else end - _FIRST
    if start is None:
        raise InputError(f"{said!r} is no time.", hint="Write from: 2025-10-01.")
    return start.replace(minute=0, second=0, microsecond=0)


WAY: Final = Way("prometheus", "readings", ask=ask)


def _base(query: Query) -> str:
    if query.kind == "gauge":
        return held_base(query.unit)
    return units.unit(query.unit, query.scale).measure


@dataclass(frozen=True, slots=True)
class _Client:
    url: str
    token: str

    def query(self, path: str, **parameters: str) -> list[dict[str, Any]]:
        """Return the series of an answer.

        Raises:
            InputError: there is none.
        """
        text = parameters["query"]
        request = Request(  # noqa: S310 the project's own file names the server
            f"{self.url}/api/v1/{path}", data=urlencode(parameters).encode(), method="POST"
        )
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        try:
            with urlopen(request, timeout=_TIMEOUT) as answer:  # noqa: S310
                body = json.load(answer)
        except HTTPError as error:
            raise PrometheusError(self.url, _said(error), text) from error
        except URLError as error:
            reason = error.reason
            raise AwayError(self.url, getattr(reason, "strerror", None) or reason) from error
        except (OSError, ValueError) as error:
            raise AwayError(self.url, error) from error
        if body.get("status") != "success" or body["data"]["resultType"] != "matrix":
            raise PrometheusError(self.url, "that is no series over time.", text)
        result: list[dict[str, Any]] = body["data"]["result"]
        return result


def _said(error: HTTPError) -> str:
    try:
        return str(json.load(error)["error"])
    except (ValueError, KeyError, TypeError):
        return f"{error.code} {error.reason}"


def _measured(
    client: _Client, source: Source, meter: str, query: Query, window: Window
) -> Iterator[Measured]:
    """Yield a query's usage by hour and by what its labels say."""
    labels = {
        ours: label for ours, label in source.columns.items() if ours in (*LEVELS, *DIMENSIONS)
    }
    totals: dict[tuple[datetime, Labels], list[float]] = defaultdict(list)
    read = _levels if query.kind == "gauge" else _growth
    for hour, of, amount in read(client, query, source.step, window):
        told = tuple(sorted((ours, of[label]) for ours, label in labels.items() if label in of))
        totals[hour, told].append(amount)
    for (hour, told), amounts in sorted(totals.items()):
        # Summed without rounding on the way, whatever their order.
        total = math.fsum(amounts)
        gauge = query.kind == "gauge"
        quantity = held(total, query.unit) if gauge else in_base(total, query.unit, query.scale)
        said = {**{k: v for k, v in source.values.items() if k in DIMENSIONS}, **dict(told)}
        level = next((level for level in LEVELS if said.get(level)), None)
        yield Measured(
            hour, meter, level, said.get(level, "") if level else "", said, quantity, len(amounts)
        )


def _growth(
    client: _Client, query: Query, _step: int, window: Window
) -> Iterator[tuple[datetime, Mapping[str, str], float]]:
    """Yield what counters grew by between two samples, in the hour of the later one.

    A value below the last one is a counter that started again from 0. The first sample of a series
    is where it starts to be known: what it had counted before is not of this window.
    """
    last: dict[Labels, tuple[float, float]] = {}
    for chunk in window.chunks():
        start = chunk.start - (_BEFORE if chunk.start == window.start else timedelta())
        seconds = int((chunk.end - start).total_seconds())
        series = client.query(
            "query", query=f"{query.query}[{seconds}s]", time=f"{chunk.end.timestamp() - 0.001:.3f}"
        )
        for one in series:
            key = tuple(sorted(one["metric"].items()))
            for moment, value in _samples(one):
                before = last.get(key)
                if before and moment <= before[0]:
                    continue
                last[key] = (moment, value)
                if before and moment >= window.start.timestamp():
                    grown = value - before[1] if value >= before[1] else value
                    yield _hour(moment), one["metric"], grown


def _levels(
    client: _Client, query: Query, step: int, window: Window
) -> Iterator[tuple[datetime, Mapping[str, str], float]]:
    """Yield level x seconds at every step; a step without a sample was no level."""
    for chunk in window.chunks():
        series = client.query(
            "query_range", query=query.query, start=str(chunk.start.timestamp()),
            end=str(chunk.end.timestamp() - step), step=str(step),
        )  # fmt: skip
        for one in series:
            for moment, value in _samples(one):
                yield _hour(moment), one["metric"], max(value, 0.0) * step


def _samples(series: Mapping[str, Any]) -> Samples:
    pairs: Sequence[tuple[float, str]] = series.get("values", ())
    read = [(float(moment), float(value)) for moment, value in pairs]
    return [pair for pair in read if math.isfinite(pair[1])]


def _hour(moment: float) -> datetime:
    return datetime.fromtimestamp(moment - moment % 3600, UTC)
