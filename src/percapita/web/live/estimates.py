"""The live estimate over HTTP: ``/api/v1/live`` once, ``/api/v1/live/stream`` as it changes.

The estimate is worked out in a process of its own, so that receiving telemetry never waits for it.
The process is started by the first question and ends when nobody asked for a while.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Final

from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from percapita.core.roles import WATCH
from percapita.project import Project
from percapita.web.refusals import problem
from percapita.web.routes import Route

PATH: Final = "/api/v1/live"
_LINE_BYTES: Final = 64 << 20
_FRESH_SECONDS: Final = 1.0
"""An answer this young is given again."""
_IDLE_SECONDS: Final = 300.0
_LEAST_PAUSE: Final = 1.0
_REST: Final = 2.0
_LONGEST_PAUSE: Final = 3.0
"""A stream rests so many times as long as the last answer took, within these bounds."""
_KEEP_ALIVE_SECONDS: Final = 15.0
_DEFAULT: Final = "pool"


def routes(estimates: Estimates) -> Iterator[Route]:
    """Yield the routes of the live estimate."""
    yield Route(PATH, estimates.once, WATCH)
    yield Route(f"{PATH}/stream", estimates.stream, WATCH)


def _refused(answer: Mapping[str, Any]) -> Response | None:
    """Return the refusal that an answer is, if it is one."""
    if "error" not in answer:
        return None
    error = answer["error"]
    return problem(error["message"], int(error["status"]), error["hint"])


class Estimates:
    """Asks the process that estimates, one question at a time."""

    def __init__(self, project: Project) -> None:
        self._command = (
            sys.executable, "-m", "percapita", "live", "--on-stdin",
            "--project", str(project.root), "--store", str(project.store_root),
        )  # fmt: skip
        self._process: Process | None = None
        self._turn = asyncio.Lock()
        self._answers: dict[str, tuple[float, dict[str, Any]]] = {}
        self._idle: asyncio.TimerHandle | None = None
        self._took = 0.0
        """Seconds that the last answer took, its start left out."""

    async def once(self, request: Request) -> Response:
        """Answer with the estimate of now."""
        answer = await self.ask(request.query_params.get("by", _DEFAULT))
        return _refused(answer) or JSONResponse(answer)

    async def stream(self, request: Request) -> Response:
        """Answer with the estimate of now, and of every few seconds after."""
        by = request.query_params.get("by", _DEFAULT)
        first = await self.ask(by)
        if refused := _refused(first):
            return refused
        headers = {"content-type": "text/event-stream", "x-accel-buffering": "no"}
        if request.method == "HEAD":
            return Response(headers=headers)
        return StreamingResponse(self._events(by, first), headers=headers)

    async def _events(self, by: str, answer: dict[str, Any]) -> AsyncIterator[bytes]:
        yield b"retry: 5000\n\n"
        while True:
            name = "error" if "error" in answer else "live"
            text = json.dumps(answer, ensure_ascii=False)
            yield f"event: {name}\ndata: {text}\n\n".encode()
            pause = min(max(_LEAST_PAUSE, _REST * self._took), _LONGEST_PAUSE)
            await asyncio.sleep(pause)
            asked = asyncio.ensure_future(self.ask(by))
            while not asked.done():
                await asyncio.wait({asked}, timeout=_KEEP_ALIVE_SECONDS)
                if not asked.done():
                    yield b": still here\n\n"
            answer = asked.result()

    async def ask(self, by: str) -> dict[str, Any]:
        """Return the estimate by a name, or what is wrong with the question."""
        async with self._turn:
            kept = self._answers.get(by)
            if kept is not None and time.monotonic() - kept[0] < _FRESH_SECONDS:
                return kept[1]
            answer = await self._asked(by)
            if "error" not in answer:
                self._answers[by] = (time.monotonic(), answer)
            self._rest_later()
            return answer

    async def _asked(self, by: str) -> dict[str, Any]:
        process = self._process
        if process is None or process.returncode is not None:
            process = self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=PIPE, stdout=PIPE, stderr=DEVNULL, limit=_LINE_BYTES,
                start_new_session=True,
            )  # fmt: skip
        assert process.stdin is not None  # noqa: S101 it is a pipe
        assert process.stdout is not None  # noqa: S101 likewise
        asked = time.monotonic()
        process.stdin.write(json.dumps({"by": by}).encode() + b"\n")
        line = await process.stdout.readline()
        if not line:
            self._process = None
            why = "The process that estimates has ended; the next question starts it again."
            return {"error": {"status": 503, "message": why, "hint": ""}}
        self._took = time.monotonic() - asked
        found: dict[str, Any] = json.loads(line)
        return found

    def _rest_later(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
        self._idle = asyncio.get_running_loop().call_later(_IDLE_SECONDS, self._rest)

    def _rest(self) -> None:
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
        self._process = None
        self._answers.clear()
