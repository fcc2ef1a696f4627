"""What who looks at the live estimate sees of a load: when acknowledged spans are in an answer."""

from __future__ import annotations

import csv
import http.client
import json
import subprocess
import sys
import threading
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final

_DAYS: Final = 30
_METER: Final = "requests"
_MONEY: Final = ("BilledCost", "EffectiveCost", "ContractedCost", "ListCost")

Moment = tuple[float, int]
"""A time, and a number of spans up to then."""


def billed(folder: Path) -> None:
    """Give a project a bill of the last days and a published run: without, nothing has a price."""
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    with (folder / "bill.csv").open("w", encoding="utf-8", newline="") as file:
        rows = [_charge(today - timedelta(days=back)) for back in range(_DAYS, 0, -1)]
        writer = csv.DictWriter(file, rows[0])
        writer.writeheader()
        writer.writerows(rows)
    for verb in (["import", str(folder / "bill.csv")], ["run"]):
        command = [sys.executable, "-m", "percapita", *verb, "--project", str(folder)]
        subprocess.run(command, stdout=subprocess.DEVNULL, check=False)  # noqa: S603 findings end with 1


def _charge(day: datetime) -> dict[str, str]:
    first = day.replace(day=1)
    after = (first + timedelta(days=32)).replace(day=1)
    return {
        **dict.fromkeys(_MONEY, "24"), "BillingAccountId": "payer", "BillingCurrency": "USD",
        "BillingPeriodStart": first.isoformat(), "BillingPeriodEnd": after.isoformat(),
        "ChargePeriodStart": day.isoformat(),
        "ChargePeriodEnd": (day + timedelta(days=1)).isoformat(),
        "ChargeCategory": "Usage", "ServiceName": "compute", "ServiceCategory": "Compute",
        "InvoiceIssuerName": "Nimbus", "ProviderName": "Nimbus",
    }  # fmt: skip


class Looker(threading.Thread):
    """Somebody who has the live estimate open: follows its stream, notes what it counts."""

    def __init__(self, port: int) -> None:
        super().__init__(daemon=True)
        self.seen: list[Moment] = []
        self.looking = threading.Event()
        """Set with the first answer."""
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._over = False

    def run(self) -> None:
        """Follow the stream until it ends."""
        self._connection.request("GET", "/api/v1/live/stream")
        answer = self._connection.getresponse()
        while not self._over and (line := answer.readline()):
            if line.startswith(b"data: "):
                found = json.loads(line.removeprefix(b"data: "))
                self.seen.append((time.monotonic(), _counted(found)))
                self.looking.set()

    def stop(self) -> None:
        """Look no more, once the next answer is there."""
        self._over = True
        self.join()
        self._connection.close()


def _counted(found: dict[str, list[dict[str, object]]]) -> int:
    said = (one for one in found.get("attribution", ()) if one["meter"] == _METER)
    return next((int(str(one["quantity"])) for one in said), 0)


def ages(acknowledged: Sequence[Moment], seen: Sequence[Moment]) -> list[float]:
    """Return how long after it was acknowledged each of the moments was in an answer."""
    found, at = [], 0
    for since, spans in acknowledged:
        while at < len(seen) and seen[at][1] < spans:
            at += 1
        if at == len(seen):
            break
        found.append(seen[at][0] - since)
    return found
