"""From requests in the spool to hourly readings in the store, each signal counted once.

``wire`` and ``keys`` read protobuf by columns, ``signals`` and ``metrics`` make signals of it,
``meters`` says what each adds, ``owners`` whose it is, ``waiting`` joins, ``sums`` adds up, and
``turns`` does all of it again and again. ``docs/concepts/live-readings.md`` says what comes out.
"""

from percapita.telemetry.digest.marks import Marks
from percapita.telemetry.digest.models import Models
from percapita.telemetry.digest.turns import Digest

__all__ = ["Digest", "Marks", "Models"]
