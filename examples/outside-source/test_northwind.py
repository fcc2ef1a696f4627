"""The package's own proof: every folder of ``cases`` becomes the lines written there."""

from __future__ import annotations

from pathlib import Path

import pytest

from percapita import bills
from percapita.testing import Case, cases, check


@pytest.mark.parametrize("case", cases(Path(__file__).parent / "cases"), ids=str)
def test_case(case: Case) -> None:
    """The bill becomes exactly these lines."""
    check(case, bills.preview)
