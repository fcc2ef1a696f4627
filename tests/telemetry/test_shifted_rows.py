"""Rows whose cells have changed places: quarantine names place and reason, never a person."""

from __future__ import annotations

import pytest

from telemetry.signal_tables import Taker

HEADER = "time,user,meter,quantity\n"
GOOD = "2025-10-01,ada,requests,1\n"


@pytest.mark.parametrize(
    "row",
    [
        "bea,2025-10-01,requests,1\n",
        "2025-10-01,1,requests,bea\n",
        "2025-10-01,,requests,bea\n",
        "2025-10-01,bea,requests,ada\n",
        "bea,bea,requests,1\n",
        "2025-10-01,requests,bea\n",
        "2025-10-01,requests,1,bea,1\n",
    ],
)
def test_ids_in_other_columns_are_pseudonyms(take: Taker, row: str) -> None:
    """An id that stands where a time or number belongs is not shown."""
    taken = take(HEADER + GOOD + row, kind="readings")
    (item,) = take.store.quarantined()

    assert (taken.rows, taken.quarantined) == (1, 1)
    assert item.value not in ("ada", "bea")


def test_a_slip_in_a_whole_row_is_shown(take: Taker) -> None:
    """A word for a number in a row that names its user is shown as it stands there."""
    take(HEADER + GOOD + "2025-10-01,bea,requests,four\n", kind="readings")

    assert [item.value for item in take.store.quarantined()] == ["four"]
