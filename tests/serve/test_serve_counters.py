"""What the receivers count of themselves."""

from __future__ import annotations

from itertools import count

from percapita.telemetry.receive.counters import Counters


def test_lag_is_the_age_of_the_oldest_entry_that_waits() -> None:
    """After hours without a commit the lag still counts from the first entry that waits."""
    ticks = count()
    counters = Counters(lambda: float(next(ticks)))
    for position in range(1, 20_001):
        counters.taken("traces", "http", 512, 1000, position)
    standing, moved, done = counters.lag(0), counters.lag(19_000), counters.lag(20_000)

    assert standing == 20_000
    assert 1000 <= moved < 1020
    assert done == 0
    assert counters.items["traces"] == 20_000 * 512
