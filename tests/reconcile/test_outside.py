"""Outside tables in all their shapes, and what a comparison makes of them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from percapita.core.errors import InputError
from percapita.reconcile.compare import Comparison, compare
from percapita.reconcile.outside import TableShapeError, read

TIERS = {"tier": {"Pro", "Free"}, "country": {"DE", "US"}}
OURS = {
    ("db", "Pro"): Decimal("70.004"),
    ("db", "Free"): Decimal(30),
    ("mail", "Pro"): Decimal(5),
    ("mail", "idle"): Decimal(2),
}
LONG = "Pool,Tier,Amount\ndb,Pro,70.00\nDB,free,30.00\nmail,Pro,5.00\nmail,idle,2.00\n"
WIDE = "service,Pro,Free,Total\ndb,70.00,30.00,100.00\nmail,5.00,-,5.00\n"
TURNED = "tier,seats,db,mail,total\nPro,3,70.00,5.00,75.00\nFree,9,30.00,0,30.00\n"
TOTALS = "tier,seats,total\nPro,3,75.00\nFree,9,30.00\nTotal,12,105.00\n"


def compared(tmp_path: Path, table: str) -> Comparison:
    """Compare a table with ours."""
    path = tmp_path / "table.csv"
    path.write_text(table, encoding="utf-8")
    return compare(read(path, TIERS, pools=["db", "mail"]), OURS)


@pytest.mark.parametrize("table", [LONG, LONG.replace("Tier", "what")])
def test_a_table_that_agrees_to_its_last_digit(tmp_path: Path, table: str) -> None:
    """Names are compared without case; what is below a cent is how the table rounds."""
    found = compared(tmp_path, table)

    assert found.gaps == ()
    assert not found.differs
    assert found.unallocated == Decimal("0.004")


def test_a_wide_table_has_a_column_for_each_value(tmp_path: Path) -> None:
    """Values without a column are gaps."""
    found = compared(tmp_path, WIDE)

    assert [(gap.pool, gap.value, gap.difference) for gap in found.gaps] == [
        ("mail", "idle", Decimal(2))
    ]
    assert found.theirs == Decimal(105)


def test_a_table_by_segment_and_pool_is_turned(tmp_path: Path) -> None:
    """Pools may be the columns; columns that are neither pool nor total are left alone."""
    found = compared(tmp_path, TURNED)

    assert [(gap.pool, gap.value) for gap in found.gaps] == [("mail", "idle")]


def test_totals_point_at_the_one_pool_that_explains_them(tmp_path: Path) -> None:
    """A gap that is one pool's whole cell is that cell."""
    found = compared(tmp_path, TOTALS.replace("75.00", "70.00").replace("105.00", "100.00"))

    assert [(gap.pool, gap.value, gap.theirs, gap.ours) for gap in found.gaps] == [
        ("mail", "Pro", Decimal("-0.004"), Decimal(5)),
        ("mail", "idle", Decimal(0), Decimal(2)),
    ]


def test_totals_that_no_pool_explains_stay_totals(tmp_path: Path) -> None:
    """No pool is blamed for a gap that is not its own."""
    found = compared(tmp_path, TOTALS.replace("30.00", "29.00"))

    assert ("Free", None) in [(gap.value, gap.pool) for gap in found.gaps]


def test_a_table_that_contradicts_itself_is_told(tmp_path: Path) -> None:
    """Its own total row is checked, never added."""
    found = compared(tmp_path, TOTALS.replace("105.00", "111.00"))

    assert found.theirs == Decimal(105)
    assert "Its total of everything is 111.00, its cells sum to 105.00." in found.notes


def test_unknown_names_are_told(tmp_path: Path) -> None:
    """A pool or value that we do not have is a gap and a note."""
    found = compared(tmp_path, LONG + "malls,Pro,4.00\nmail,Gold,1.00\n")

    assert "'malls' is no pool of the model. Did you mean mail?" in found.notes
    assert any(note.startswith("'Gold' is no value of tier.") for note in found.notes)
    assert ("malls", "Pro") in [(gap.pool, gap.value) for gap in found.gaps]
    assert found.unallocated < 0


@pytest.mark.parametrize(
    ("table", "reason"),
    [
        ("tier\n", "it has no rows"),
        ("a,b\n1,2\n", "no column holds values of a segment"),
        ("tier,note\nPro,fine\n", "it has no column amount or total"),
    ],
)
def test_other_shapes_are_refused(tmp_path: Path, table: str, reason: str) -> None:
    """What is no allocation table is answered with the shapes that are."""
    with pytest.raises(TableShapeError, match=reason):
        compared(tmp_path, table)


def test_a_number_that_is_none_is_located(tmp_path: Path) -> None:
    """File, row and column of the broken cell."""
    with pytest.raises(InputError, match=r"row 2, column Amount: 'x' is not a number"):
        compared(tmp_path, "Pool,Tier,Amount\ndb,Pro,1\ndb,Free,x\n")


def test_a_file_that_is_not_there_is_an_input_error(tmp_path: Path) -> None:
    """No traceback for a wrong name."""
    with pytest.raises(InputError, match=r"gone\.csv cannot be read"):
        read(tmp_path / "gone.csv", TIERS)
