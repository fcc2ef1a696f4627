"""Metric points of a turn, as rows like those of spans and logs."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any, Final, NamedTuple, Protocol

import numpy as np

from percapita.model.spec import Signals
from percapita.store.spool import Entry
from percapita.telemetry.digest.count.refused import Told
from percapita.telemetry.digest.count.signals import AHEAD, BEHIND, Names
from percapita.telemetry.digest.decode.resources import Resources, cells
from percapita.telemetry.digest.decode.words import ABSENT
from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.meters import metrics
from percapita.telemetry.digest.meters.metrics import Metrics, Reading, Seen, Unfit
from percapita.telemetry.digest.meters.plan import OPERATION, UNCOUNTED
from percapita.telemetry.digest.owners.named import Owners
from percapita.telemetry.digest.rows import Rows

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND: Final = timedelta(microseconds=1)
_OF_ONE_POINT: Final = 64
"""Rows that one point may make, at most: a meter and an hour each."""


class Series(Protocol):
    """The last point of every cumulative series and level."""

    def last(self, keys: Sequence[str]) -> Mapping[str, Any]:
        """Return what was remembered of those that were met."""

    def put(self, key: str, at: int, point: Any) -> None:  # noqa: ANN401
        """Remember a point; it is kept with the commit of the turn."""


class _Row(NamedTuple):
    entry: Entry
    body: tuple[int, int]
    seen: Seen
    reading: Reading
    part: int
    """Which row of its point it is."""


class Reader:
    """Reads the points of one turn."""

    def __init__(
        self, plan: Metrics, owners: Owners, marks: Marks, names: Names, remembered: Resources
    ) -> None:
        self._plan = plan
        self._owners = owners
        self._marks = marks
        self._names = names
        self._remembered = remembered
        self._rows: list[_Row] = []
        self._parts: dict[tuple[int, int], int] = {}
        self._refused: dict[tuple[str, str], Told] = {}
        self.bases: dict[str, str] = {}
        self.signals = 0

    @property
    def refused(self) -> list[Told]:
        """What could not be counted, each reason once."""
        return list(self._refused.values())

    def read(self, entry: Entry, series: Series) -> None:
        """Read a request."""
        body = self._marks.of_body(entry.body)
        try:
            found = list(metrics.points(entry.body, self._plan, self._remembered))
        except ValueError as error:
            told = Told("malformed", "a request of metrics", "", entry.position,
                        f"the request is no OTLP: {error}",
                        "Send it again with a current OpenTelemetry exporter.")  # fmt: skip
            self._refused["malformed", str(entry.position)] = told
            return
        asked = [(seen, meter, _key(seen, meter)) for seen, meters in found for meter in meters]
        # A sender may put points of one series into one request in any order.
        asked.sort(key=lambda one: one[0].point.at)
        last = dict(series.last(sorted({key for _, _, key in asked})))
        for seen, meter, key in asked:
            self.signals += 1
            if self._is_mistimed(entry, seen):
                continue
            read = metrics.read(seen, meter, last.get(key))
            if isinstance(read, Unfit):
                self._refuse(entry, read)
            elif read is not None:
                self._keep(entry, body, seen, read[0])
                if read[1] is not None:
                    last[key] = read[1]
                    series.put(key, seen.point.at, read[1])

    def rows(self) -> Rows | None:
        """Return the rows of all that was read."""
        if not self._rows:
            return None
        found = self._rows
        count = len(found)
        nothing = np.zeros(count, np.uint64)
        places = [row.seen.ordinal * _OF_ONE_POINT + row.part for row in found]
        bodies = np.array([row.body for row in found], np.uint64)
        at = np.array([row.reading.at for row in found], np.int64)
        key, check = self._marks.of_places(
            at.view(np.uint64), (bodies[:, 0], bodies[:, 1]), np.array(places, np.int64)
        )
        texts = [{**row.seen.resource.texts, **row.seen.texts} for row in found]
        user, session, tenant = self._owners.of_texts(texts)
        return Rows(
            position=np.array([row.entry.position for row in found], np.int64),
            received=np.array([microseconds(row.entry.received) for row in found], np.int64),
            at=at, key=key, check=check,
            cell=np.array([self._names.cell(cells(one)) for one in texts], np.int64),
            operation=self._operations(texts),
            feature=np.full(count, ABSENT), threshold=np.full(count, self._names.threshold("0")),
            trace=nothing, joins=(), user=user, session=session, tenant=tenant,
            quantities=_quantities([row.reading for row in found]),
        )  # fmt: skip

    def _operations(self, texts: Sequence[Mapping[str, str]]) -> Any:  # noqa: ANN401
        names = OPERATION.split("|")
        found = (next((one[n] for n in names if one.get(n)), None) for one in texts)
        code = self._names.lexicon.code
        return np.array([ABSENT if text is None else code(text) for text in found], np.int64)

    def _keep(
        self, entry: Entry, body: tuple[int, int], seen: Seen, readings: Sequence[Reading]
    ) -> None:
        for reading in readings:
            base = self.bases.setdefault(reading.meter, reading.base)
            if base != reading.base:
                self._refuse(
                    entry, Unfit("other-unit", reading.meter, seen.metric.name, seen.metric.unit)
                )
                continue
            part = self._parts.get((entry.position, seen.ordinal), 0)
            self._parts[entry.position, seen.ordinal] = part + 1
            self._rows.append(_Row(entry, body, seen, reading, part))

    def _is_mistimed(self, entry: Entry, seen: Seen) -> bool:
        received = microseconds(entry.received) * 1000
        ahead = seen.point.at > received + AHEAD
        if not ahead and seen.point.at >= received - BEHIND:
            return False
        code = "clock-ahead" if ahead else "clock-behind"
        service = seen.resource.texts.get("service.name") or "a service without a name"
        lies = "more than an hour ahead of" if ahead else "more than 90 days before"
        self._refused[code, service] = Told(
            code, f"metrics of {service}", seen.metric.name, entry.position,
            f"points lie {lies} the time they were received",
            "Set the clock of the machine that sends them.",
        )  # fmt: skip
        return True

    def _refuse(self, entry: Entry, unfit: Unfit) -> None:
        reason, hint = _UNFIT[unfit.code]
        unit = unfit.unit or "no unit"
        self._refused[unfit.meter, unfit.metric] = Told(
            unfit.code, f"metric {unfit.metric}", unit, entry.position,
            reason.format(meter=unfit.meter), hint,
        )  # fmt: skip


_UNFIT: Final = {
    "level-without-time": (
        "it is a level, and levels do not add up to the meter {meter}",
        "Give the meter a unit of time in the model, such as byte-hour or core-h.",
    ),
    "other-unit": (
        "it is measured in something else than the meter {meter}",
        "Correct the meter's unit in the model, or give the metric a meter of its own.",
    ),
}


def microseconds(moment: datetime) -> int:
    """Return an instant as microseconds since 1970."""
    return (moment - _EPOCH) // _MICROSECOND


def _key(seen: Seen, meter: Signals) -> str:
    told = f"{seen.series}\x1f{meter.meter}".encode()
    return hashlib.blake2b(told, digest_size=16).hexdigest()


def _quantities(readings: Sequence[Reading]) -> dict[str, Any]:
    meters = sorted({reading.meter for reading in readings})
    return {
        meter: np.array([r.quantity if r.meter == meter else UNCOUNTED for r in readings], np.int64)
        for meter in meters
    }
