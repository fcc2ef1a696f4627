"""What was received and could not be counted, as broken rows that wait for a fix."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

from percapita.store.delivery import Quarantined
from percapita.telemetry.digest.count.signals import Flaw

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)

_WHY: Final = {
    "clock-ahead": (
        "end more than an hour after they were received",
        "Set the clock of the machine that sends them.",
    ),
    "clock-behind": (
        "ended more than 90 days before they were received",
        "Set the clock of the machine that sends them; bring old usage in with percapita import.",
    ),
}


class Told(NamedTuple):
    """Something else that could not be counted."""

    code: str
    what: str
    value: str
    position: int
    reason: str
    hint: str


def broken(signal: str, flaws: Iterable[Flaw]) -> list[Quarantined]:
    """Return a broken row for each service and reason; it says how many signals there were."""
    found = []
    for flaw in flaws:
        reason, hint = _WHY[flaw.code]
        service = flaw.service or "a service without a name"
        found.append(
            Quarantined(
                file=f"otlp, {signal} of {service}", row=flaw.position, column="time",
                value=_shown(flaw.at), code=flaw.code,
                reason=f"{flaw.signals:,} {signal} {reason}", hint=hint,
            )
        )  # fmt: skip
    return found


def told(items: Iterable[Told]) -> list[Quarantined]:
    """Return broken rows of all else."""
    return [
        Quarantined(
            f"otlp, {one.what}", one.position, "", one.value, one.code, one.reason, one.hint
        )
        for one in items
    ]


def _shown(nanoseconds: int) -> str:
    try:
        moment = _EPOCH + timedelta(microseconds=nanoseconds // 1000)
    except OverflowError:
        return str(nanoseconds)
    return moment.isoformat(timespec="seconds").replace("+00:00", "Z")
