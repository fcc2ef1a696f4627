"""Counting turns of many users, and merging their files, in a process that a test can kill."""

from __future__ import annotations

import sys
from pathlib import Path

from digest.counter import Counter, Entries
from digest.otlp import span, traces

USERS = 51_000
TURNS = 2


def body(turn: int, state: str = "") -> bytes:
    """Return a request in which every user has a span; some of them are sampled."""
    spans = (
        span(turn * USERS + n + 1, {"user.id": f"u{n}"}, state=state if n % 500 == 0 else "")
        for n in range(USERS)
    )
    return traces(spans)


def main(root: Path) -> None:
    """Count two turns of a spool that never forgets, then merge what they wrote, step by step."""
    spool = Entries()
    with Counter(root, spool=spool) as counter:
        for turn in range(TURNS):
            spool.put("traces", body(turn))
            if turn + 1 > counter.live.read:
                counter.turn()
        while counter.digest.merge(spool.now, idle=True):
            print("step", flush=True)  # noqa: T201 the test listens


if __name__ == "__main__":
    main(Path(sys.argv[1]))
