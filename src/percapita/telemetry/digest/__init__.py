"""From requests in the spool to hourly readings in the store, each signal counted once.

``decode`` reads protobuf by columns, ``meters`` says what a signal adds, ``owners`` whose it is
and for whom it waits; ``count`` makes rows of all that, ``sums`` readings of rows, and ``turns``
does it again and again. ``docs/concepts/live-readings.md`` says what comes out.
"""

from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.models import Models
from percapita.telemetry.digest.turns import Digest

__all__ = ["Digest", "Marks", "Models"]
