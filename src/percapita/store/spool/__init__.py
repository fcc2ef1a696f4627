"""What was received and not yet counted: durable before it is acknowledged, never in clear.

`percapita serve` appends; one other process reads, counts, commits, and lets what it committed be
forgotten. Both work on the folder ``spool`` of the store (see ``segment.py`` for the files).
"""

from percapita.store.spool.segment import SIGNALS, Entry, Signal
from percapita.store.spool.spool import Spool
from percapita.store.spool.writing import SpoolClosedError, SpoolFullError

__all__ = ["SIGNALS", "Entry", "Signal", "Spool", "SpoolClosedError", "SpoolFullError"]
