"""Asks a server of the same store for its estimate: it has most of it worked out already.

The two talk over a socket in a folder that nobody else of this machine may enter; the server's lock
names it. So it needs no port, no token and no TLS, and no other store can answer.
"""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any, Final

from percapita.core.announced import ESTIMATES, SERVE, announced

_PATIENCE: Final = 60.0
"""Seconds; a server that takes longer is not waited for."""

Document = dict[str, Any]


class Beside:
    """A server that was found."""

    def __init__(self, found: socket.socket) -> None:
        self._socket = found
        self._lines = found.makefile("rb")

    def ask(self, by: str) -> Document | None:
        """Return its estimate; ``None`` where it cannot give one, or is gone."""
        try:
            self._socket.sendall(json.dumps({"by": by}).encode() + b"\n")
            answer: Document = json.loads(self._lines.readline() or b"{}")
        except (OSError, ValueError):
            return None
        return answer if "meta" in answer else None

    def close(self) -> None:
        """Ask no more."""
        self._lines.close()
        self._socket.close()


def server(store_root: Path) -> Beside | None:
    """Return the server of a store, if one runs that this process may speak to."""
    path = announced(store_root / SERVE).get(ESTIMATES)
    if not isinstance(path, str):
        return None
    found = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    found.settimeout(_PATIENCE)
    try:
        # What another user of the machine put there after a crash has nothing to say.
        if Path(path).stat().st_uid == os.getuid():
            found.connect(path)
            return Beside(found)
    except OSError:
        pass
    found.close()
    return None
