"""The estimate for commands on this machine: lines of JSON over a socket of their own.

Only the user that serves may enter its folder, and may read the store anyway: there is no token.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from percapita.web.live.estimates import Estimates

_LINE_BYTES: Final = 4096


@asynccontextmanager
async def beside(estimates: Estimates) -> AsyncIterator[str | None]:
    """Answer commands meanwhile; give the socket's path, ``None`` where there is none."""
    with tempfile.TemporaryDirectory(prefix="percapita-", ignore_cleanup_errors=True) as folder:
        path = str(Path(folder) / "estimates")
        talk = _Talk(estimates)
        try:
            server = await asyncio.start_unix_server(talk, path, limit=_LINE_BYTES)
        except OSError:
            # A folder too deep for a socket's name: commands work it out themselves.
            yield None
            return
        try:
            yield path
        finally:
            server.close()
            talk.close()


class _Talk:
    """Answers one line after the other."""

    def __init__(self, estimates: Estimates) -> None:
        self._estimates = estimates
        self._open: set[asyncio.StreamWriter] = set()

    async def __call__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        try:
            while line := await reader.readline():
                answer = await self._estimates.ask(str(json.loads(line)["by"]))
                writer.write(json.dumps(answer, ensure_ascii=False).encode() + b"\n")
                await writer.drain()
        except (OSError, ValueError, KeyError, TypeError):
            pass  # whoever does not speak so is no command of ours
        finally:
            self._open.discard(writer)
            writer.close()

    def close(self) -> None:
        """Hang up."""
        for writer in self._open:
            writer.close()
