"""What both protocols do with a body: unpack, check, make durable, count. In bounded memory."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from percapita.store.spool import Spool, SpoolClosedError, SpoolFullError
from percapita.telemetry.receive.bodies import unpack
from percapita.telemetry.receive.checks import Checked, Kind, check
from percapita.telemetry.receive.counters import Counters
from percapita.telemetry.receive.refusals import (
    BrokenError,
    BusyError,
    FullError,
    StoppingError,
)

_LOG: Final = logging.getLogger(__name__)
_AT_ONCE: Final = 128 << 10
"""Bodies up to this size are checked where they arrive; larger ones would keep others waiting."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a request, and all together, may take."""

    body: int = 16 << 20
    """Bytes of one request, unpacked."""
    flight: int = 96 << 20
    """Bytes of all requests that are not acknowledged yet, packed and unpacked."""
    seconds: float = 30
    """For a request to arrive."""


class Intake:
    """The one way into the spool."""

    def __init__(self, spool: Spool, limits: Limits, counters: Counters) -> None:
        self.limits = limits
        self.counters = counters
        self.stopping = False
        self._spool = spool
        self._flight = 0
        self._threads = ThreadPoolExecutor(1, thread_name_prefix="check")

    @property
    def in_flight(self) -> int:
        """Bytes set aside for requests that are not over."""
        return self._flight

    @contextmanager
    def room(self) -> Iterator[Room]:
        """Set memory aside for a request; it is given back when the request is over."""
        room = Room(self)
        try:
            yield room
        finally:
            self._flight -= room.size

    def grow(self, size: int) -> None:
        """Take more memory.

        Raises:
            BusyError: others have it.
        """
        if self._flight + size > self.limits.flight:
            raise BusyError
        self._flight += size

    async def take(
        self,
        kind: Kind,
        body: bytes,
        room: Room,
        *,
        protocol: str,
        encoding: str = "",
        is_json: bool = False,
    ) -> Checked:
        """Make a request durable; return what of it was taken.

        Raises:
            Refusal: it was not; what to tell the sender.
        """
        if self.stopping:
            raise StoppingError
        # The most that may come of it, while it is being unpacked and parsed.
        room.reach(min(len(body) * 4, self.limits.body) + len(body))
        if len(body) > _AT_ONCE or is_json:
            loop = asyncio.get_running_loop()
            checked, packed = await loop.run_in_executor(
                self._threads, self._checked, kind, body, encoding, is_json
            )
        else:
            checked, packed = self._checked(kind, body, encoding, is_json)
        room.reach(len(checked.body) + len(body))
        position = await self._durable(kind, checked.body, packed)
        size = len(checked.body)
        self.counters.taken(kind.signal, protocol, checked.items, size, position)
        self.counters.refused_items[kind.signal] += checked.refused
        return checked

    def close(self) -> None:
        """End the threads."""
        self._threads.shutdown()

    def _checked(
        self,
        kind: Kind,
        body: bytes,
        encoding: str,
        is_json: bool,  # noqa: FBT001 an executor hands on by place
    ) -> tuple[Checked, bytes]:
        """Return what is taken of a body, and the same packed if it came so."""
        unpacked = unpack(body, encoding, self.limits.body)
        checked = check(kind, unpacked.body, is_json=is_json)
        return checked, unpacked.gzip if checked.whole else b""

    async def _durable(self, kind: Kind, body: bytes, packed: bytes) -> int:
        try:
            written = self._spool.append(kind.signal, body, packed=packed)
            return await asyncio.wrap_future(written)
        except SpoolFullError as error:
            raise FullError(error.message) from None
        except SpoolClosedError:
            raise StoppingError from None
        except Exception as error:
            _LOG.exception("the spool failed")
            raise BrokenError from error


class Room:
    """Memory set aside for one request."""

    def __init__(self, intake: Intake) -> None:
        self._intake = intake
        self.size = 0

    def reach(self, size: int) -> None:
        """Have at least so much.

        Raises:
            BusyError: others have it.
        """
        if size > self.size:
            self._intake.grow(size - self.size)
            self.size = size
