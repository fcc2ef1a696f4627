"""What a counting process does, in a process that a test can kill."""

from __future__ import annotations

import sys
from pathlib import Path

from digest.counter import Counter, Entries
from digest.otlp import span, traces


def main(root: Path) -> None:
    """Count sixty requests of a spool that never forgets, a turn each, and merge in between."""
    spool = Entries()
    with Counter(root, spool=spool) as counter:
        for n in range(1, 61):
            spool.put("traces", traces([span(n, {"user.id": f"u{n % 7}"})]))
            if n > counter.live.read:
                counter.turn()
                counter.digest.tend(spool.now, idle=n % 20 == 0)
        counter.finish()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
