"""The process that counts what was received: started, watched, started again."""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import time
from asyncio.subprocess import PIPE, Process
from collections.abc import Mapping, Sequence
from typing import Any, Final

_LOG: Final = logging.getLogger(__name__)
_FIRST_PAUSE: Final = 0.25
_LONGEST_PAUSE: Final = 30.0
_LINE_BYTES: Final = 1 << 20


class Counting:
    """Runs a command that reads the spool, and hears from it what it has committed.

    The command prints a JSON object a line, at its start and after each commit, with ``position``:
    the last entry that is committed. It ends when its standard input does, so that it does not
    outlive this process whatever kills it.
    """

    def __init__(self, command: Sequence[str]) -> None:
        self.position = 0
        """The last entry that is committed."""
        self.reported = False
        """It has said so at least once: before, nobody knows what waits."""
        self.told: Mapping[str, Any] = {}
        """What it said last."""
        self.restarts = 0
        self.ended = ""
        """How it ended last."""
        self._command = command
        self._process: Process | None = None
        self._life = -1
        """Our end of its standard input, open as long as it is to live."""
        self._stopping = asyncio.Event()
        self._heard = asyncio.Event()
        self._pause = _FIRST_PAUSE

    @property
    def running(self) -> bool:
        """Whether it runs, and has said that it does."""
        return self._process is not None and bool(self.told)

    async def run(self) -> None:
        """Keep it running until ``stop``."""
        while not self._stopping.is_set():
            since = time.monotonic()
            code = await self._once()
            if self._stopping.is_set():
                return
            self.restarts += 1
            self.ended = f"it ended with code {code}"
            if time.monotonic() - since > _LONGEST_PAUSE:
                self._pause = _FIRST_PAUSE
            _LOG.error("counting stopped (code %s); again in %.2g s", code, self._pause)
            await _until(self._stopping, self._pause)
            self._pause = min(self._pause * 2, _LONGEST_PAUSE)

    async def stop(self, head: int, *, drain: float, wait: float) -> None:
        """Let it count up to the head, for so many seconds, and end it."""
        until = time.monotonic() + drain
        while self.running and self.position < head and time.monotonic() < until:
            self._heard.clear()
            await _until(self._heard, until - time.monotonic())
        self._stopping.set()
        process = self._process
        if process is None:
            return
        self._let_go()
        try:
            await asyncio.wait_for(process.wait(), wait)
        except TimeoutError:
            _LOG.error("counting does not end and is killed; nothing is lost by it")
            process.kill()
            await process.wait()

    async def _once(self) -> int:
        """Run it to its end."""
        # A pipe of our own making, as asyncio would take a socket.
        its_end, self._life = os.pipe()
        try:
            # A session of its own: Ctrl-C is for the server, which ends it in order.
            self._process = await asyncio.create_subprocess_exec(
                *self._command, stdin=its_end, stdout=PIPE, limit=_LINE_BYTES,
                start_new_session=True,
            )  # fmt: skip
        finally:
            os.close(its_end)
        assert self._process.stdout is not None  # noqa: S101 it is a pipe
        try:
            async for line in self._process.stdout:
                self._hear(line)
            return await self._process.wait()
        finally:
            self._process, self.told = None, {}
            self._let_go()
            self._heard.set()

    def _let_go(self) -> None:
        """End its standard input."""
        if self._life >= 0:
            os.close(self._life)
            self._life = -1

    def _hear(self, line: bytes) -> None:
        try:
            told = json.loads(line)
            self.position = max(self.position, int(told["position"]))
        except (ValueError, KeyError, TypeError):
            _LOG.warning("counting said what is no report")
        else:
            self.told, self.reported = told, True
            self._pause = _FIRST_PAUSE
            self._heard.set()


async def _until(event: asyncio.Event, seconds: float) -> None:
    with contextlib.suppress(TimeoutError):
        await asyncio.wait_for(event.wait(), max(seconds, 0))
