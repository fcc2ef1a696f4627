"""Who may use which address of the receivers: every one there is, by every role, and by nobody."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import grpc
import pytest

from percapita.core.roles import ROLES
from percapita.project import Project
from percapita.telemetry.receive.checks import KINDS
from percapita.telemetry.receive.http import PATHS
from percapita.web.health import PATHS as HEALTH
from serve.running import PROTOBUF, Server, serving

EVERYBODY: Final = ("nobody", "sender", *ROLES)
SENDERS: Final = ("sender", "admin")
PROTO: Final = "/opentelemetry.proto.collector"
MAY: Final[Mapping[str, tuple[str, ...]]] = {
    "GET /healthz": EVERYBODY,
    "GET /readyz": EVERYBODY,
    "GET /metrics": ("operator", "admin"),
    "POST /v1/traces": SENDERS,
    "POST /v1/metrics": SENDERS,
    "POST /v1/logs": SENDERS,
    "POST /v1/events": SENDERS,
    f"gRPC {PROTO}.trace.v1.TraceService/Export": SENDERS,
    f"gRPC {PROTO}.metrics.v1.MetricsService/Export": SENDERS,
    f"gRPC {PROTO}.logs.v1.LogsService/Export": SENDERS,
}
"""Every address of the receivers' ports -> who gets through."""


@dataclass(frozen=True, slots=True)
class Guarded:
    """A server that other machines reach, with a token of every kind."""

    server: Server
    tokens: Mapping[str, str]

    def status(self, address: str, who: str) -> object:
        """Return what somebody is answered: a status of HTTP, or a code of gRPC."""
        way, _, path = address.partition(" ")
        bearer = {"authorization": f"Bearer {self.tokens[who]}"} if who in self.tokens else {}
        if way == "gRPC":
            with grpc.insecure_channel(f"127.0.0.1:{self.server.ports['otlp_grpc_port']}") as to:
                call = to.unary_unary(path, None, None).future(b"", metadata=tuple(bearer.items()))
                return call.code()
        headers = {**PROTOBUF, **bearer}
        if path == "/v1/events":
            headers["content-type"] = "application/json"
        return self.server.ask(path, b"[]" * (way == "POST"), headers, method=way).status


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Guarded]:
    """Serve the receivers as on an address that other machines reach."""
    folder = tmp_path_factory.mktemp("roles")
    (folder / "percapita.yaml").write_text("version: 1\n")
    project = Project.open(folder)
    with project.store() as store:
        tokens = {
            role: store.tokens.create(role, role, project.now)
            for role in EVERYBODY
            if role != "nobody"
        }
    with serving(folder, host="0.0.0.0") as server:  # noqa: S104 the point of the test
        yield Guarded(server, tokens)


def test_every_address_says_who_may_use_it() -> None:
    """What the receivers answer and this test name the same: a new address needs a line in both."""
    there = {f"GET {path}" for path in HEALTH} | {f"POST {path}" for path in PATHS}
    assert there | {f"gRPC {kind.method}" for kind in KINDS} == set(MAY)


@pytest.mark.parametrize("who", EVERYBODY)
def test_a_role_gets_through_to_its_addresses_alone(guarded: Guarded, who: str) -> None:
    """Off this machine each role uses its addresses; others are refused, and so is the unknown."""
    refused = {401, 403, grpc.StatusCode.UNAUTHENTICATED}
    found = {address: guarded.status(address, who) for address in MAY}

    assert {a for a, status in found.items() if status not in refused} == {
        address for address, roles in MAY.items() if who in roles
    }


@pytest.mark.parametrize("path", ["/", "/overview", "/api/v1/cost", "/v1/live", "/v1/traces/x"])
def test_the_receivers_have_no_address_beside_these(guarded: Guarded, path: str) -> None:
    """Neither pages nor the API answer on the receivers' port, whoever asks."""
    assert guarded.status(f"GET {path}", "admin") == 404
    assert guarded.status(f"POST {path}", "admin") == 404
    assert guarded.status(f"GET {path}", "nobody") == 401
