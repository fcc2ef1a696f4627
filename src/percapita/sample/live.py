"""``python -m percapita.sample.live DIR``: the sample company's requests of now, sent as OTLP.

Start ``percapita serve --project DIR`` first; then ``percapita live --by tier --watch`` moves.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any, Final, NamedTuple

from percapita.sample.usage import FEATURES, instance

URL: Final = "http://127.0.0.1:4318"
_SERVER, _CLIENT = 2, 3
_SKEW: Final = 1.2
"""Of Pareto's law: few accounts make most of the requests."""


class Account(NamedTuple):
    """Who sends requests, and from where."""

    id: str
    region: str


def accounts(folder: Path) -> list[Account]:
    """Return the accounts of the project's list of users."""
    with (folder / "users.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["account"]: row["region"] for row in csv.DictReader(file)}
    return [Account(account, region) for account, region in sorted(rows.items())]


def requests(random: Random, known: Sequence[Account], count: int, at: float) -> bytes:
    """Return a body of OTLP: the spans of some requests that end at a time, and their queries."""
    from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import (  # noqa: PLC0415
        ExportTraceServiceRequest,
    )

    message = ExportTraceServiceRequest()
    served = _spans_of(message, {"service.name": "api"})
    queried: dict[str, Any] = {}
    for _ in range(count):
        account = known[int(len(known) * (1 - random.paretovariate(_SKEW) ** -1))]
        feature = random.choice(list(FEATURES))
        trace = random.randbytes(16)
        told = {
            "user.id": account.id, "http.route": FEATURES[feature], "feature_flag.key": feature,
        }  # fmt: skip
        _span(served, random, trace, f"GET {FEATURES[feature]}", _SERVER, told, at)
        if account.region not in queried:
            about = {"service.name": "api", "cloud.resource_id": instance(account.region)}
            queried[account.region] = _spans_of(message, about)
        for _ in range(random.randint(1, 4)):
            told = {"user.id": account.id, "db.system.name": "postgresql"}
            _span(queried[account.region], random, trace, "SELECT", _CLIENT, told, at)
    body: bytes = message.SerializeToString()
    return body


def _spans_of(message: Any, about: dict[str, str]) -> Any:  # noqa: ANN401 generated
    found = message.resource_spans.add()
    for key, value in about.items():
        found.resource.attributes.add(key=key).value.string_value = value
    return found.scope_spans.add().spans


def _span(
    spans: Any, random: Random, trace: bytes, name: str, kind: int, told: dict[str, str],  # noqa: ANN401
    at: float,
) -> None:  # fmt: skip
    end = int(at * 1e9)
    span = spans.add(
        trace_id=trace, span_id=random.randbytes(8), name=name, kind=kind,
        start_time_unix_nano=end - random.randint(1, 200) * 10**6, end_time_unix_nano=end,
    )  # fmt: skip
    for key, value in told.items():
        span.attributes.add(key=key).value.string_value = value


def send(url: str, body: bytes) -> None:
    """Send a body to the receiver."""
    headers = {"content-type": "application/x-protobuf"}
    request = urllib.request.Request(f"{url}/v1/traces", body, headers)  # noqa: S310 the user's own
    with urllib.request.urlopen(request, timeout=30):  # noqa: S310 likewise
        pass


def main(argv: list[str] | None = None) -> int:
    """Send requests every second until stopped."""
    parser = argparse.ArgumentParser(prog="python -m percapita.sample.live", description=__doc__)
    parser.add_argument("folder", type=Path, help="project folder of the sample company")
    parser.add_argument("--url", default=URL, help=f"of the receiver, {URL} unless said")
    parser.add_argument("--rate", type=int, default=20, help="requests a second")
    parser.add_argument("--seconds", type=int, default=0, help="until stopped unless said")
    parser.add_argument("--seed", type=int, default=1)
    chosen = parser.parse_args(argv)
    if not (chosen.folder / "users.csv").is_file():
        parser.error(f"{chosen.folder} is no folder of the sample company: it has no users.csv")
    known, random = accounts(chosen.folder), Random(f"{chosen.seed}:{time.time()}")  # noqa: S311
    sent = second = 0
    try:
        while not chosen.seconds or second < chosen.seconds:
            send(chosen.url, requests(random, known, chosen.rate, time.time()))
            second, sent = second + 1, sent + chosen.rate
            sys.stderr.write(f"\r{sent:,} requests sent to {chosen.url}")
            time.sleep(1)
    except KeyboardInterrupt:
        pass
    except urllib.error.URLError as error:
        sys.stderr.write(
            f"\n{chosen.url} does not take telemetry ({error}).\n"
            f"Start the server first: percapita serve --project {chosen.folder}\n"
        )
        return 2
    sys.stderr.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
