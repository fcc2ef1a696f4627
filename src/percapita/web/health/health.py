"""Whether the server lives, whether it is ready, and what it counts of itself."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from percapita.core.roles import WATCH
from percapita.store.spool import Spool
from percapita.telemetry.receive.intake import Intake
from percapita.web.health.counting import Counting
from percapita.web.routes import ANYBODY, Route

PATHS: Final = frozenset({"/healthz", "/readyz", "/metrics"})
_EXPOSITION: Final = "text/plain; version=0.0.4; charset=utf-8"
_UNAVAILABLE: Final = 503


class Health:
    """The state of a server, as probes and Prometheus read it."""

    def __init__(self, intake: Intake, spool: Spool, counting: Counting) -> None:
        self._intake = intake
        self._spool = spool
        self._counting = counting

    def routes(self) -> Sequence[Route]:
        """Return the routes."""
        return (
            Route("/healthz", self.healthz, ANYBODY),
            Route("/readyz", self.readyz, ANYBODY),
            Route("/metrics", self.metrics, WATCH),
        )

    async def healthz(self, _request: Request) -> Response:
        """Say that this process answers."""
        return JSONResponse({"status": "ok"})

    async def readyz(self, _request: Request) -> Response:
        """Say whether telemetry is taken and counted, and how far."""
        state = self.state()
        return JSONResponse(state, 200 if state["status"] == "ready" else _UNAVAILABLE)

    def state(self) -> dict[str, Any]:
        """Return the state as JSON shows it."""
        head, committed = self._spool.head, self._counting.position
        why = [*self._troubles()]
        return {
            "status": "not ready" if why else "ready",
            "why": why,
            "spool": {"position": head, "bytes": self._spool.size, "waiting": self._waiting(head)},
            "committed": {"position": committed, **self._counting.told},
            "lag_seconds": round(self._intake.counters.lag(committed), 3),
            "counting": {"running": self._counting.running, "restarts": self._counting.restarts},
        }

    async def metrics(self, _request: Request) -> Response:
        """Return the counters in Prometheus' text format."""
        return Response("".join(self._exposed()), media_type=_EXPOSITION)

    def _troubles(self) -> Iterator[str]:
        if self._intake.stopping:
            yield "the server is stopping"
        if trouble := self._spool.trouble:
            yield f"the spool takes nothing: {trouble}"
        if not self._counting.running:
            yield "what is received is not counted: " + (
                self._counting.ended or "the process is starting"
            )

    def _waiting(self, head: int) -> int | None:
        return max(0, head - self._counting.position) if self._counting.reported else None

    def _exposed(self) -> Iterator[str]:
        counters = self._intake.counters
        head, committed = self._spool.head, self._counting.position
        pairs, one = ("signal", "protocol"), ("signal",)
        yield from _family("received_requests_total", "counter", "Requests acknowledged.",
                           pairs, counters.requests.items())  # fmt: skip
        yield from _family("received_items_total", "counter",
                           "Spans, metric points and log records acknowledged.",
                           one, ((key, n) for key, n in counters.items.items()))  # fmt: skip
        yield from _family("received_bytes_total", "counter", "Bytes acknowledged, unpacked.",
                           one, counters.bytes.items())  # fmt: skip
        yield from _family("refused_requests_total", "counter", "Requests refused.",
                           ("reason", "protocol"), counters.refused.items())  # fmt: skip
        yield from _family("refused_items_total", "counter", "Items refused inside good requests.",
                           one, counters.refused_items.items())  # fmt: skip
        yield from _gauge("spool_position", "Entries ever made durable.", head)
        yield from _gauge("spool_bytes", "Bytes of the spool on disk.", self._spool.size)
        yield from _gauge("committed_position", "Entries ever counted and committed.", committed)
        yield from _gauge("lag_seconds", "Age of the oldest entry that is not committed.",
                          round(counters.lag(committed), 3))  # fmt: skip
        yield from _gauge("counting_up", "Whether the process that counts runs.",
                          int(self._counting.running))  # fmt: skip
        yield from _family("counting_restarts_total", "counter", "Starts after it had ended.", (),
                           [("", self._counting.restarts)])  # fmt: skip


def _gauge(name: str, meaning: str, value: float) -> Iterator[str]:
    return _family(name, "gauge", meaning, (), [("", value)])


def _family(
    name: str,
    kind: str,
    meaning: str,
    labels: tuple[str, ...],
    values: Iterable[tuple[str | tuple[str, ...], float]],
) -> Iterator[str]:
    yield f"# HELP percapita_{name} {meaning}\n# TYPE percapita_{name} {kind}\n"
    for key, value in sorted(values):
        named = zip(labels, (key,) if isinstance(key, str) else key, strict=False)
        told = ",".join(f'{label}="{of}"' for label, of in named)
        yield f"percapita_{name}{{{told}}} {value}\n" if told else f"percapita_{name} {value}\n"
