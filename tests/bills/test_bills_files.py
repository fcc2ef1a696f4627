"""Files of every shape: read whole, or refused with a message that says what to do."""

from __future__ import annotations

import csv
import gzip
import io
import json
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path

import pytest

from bills.bill_texts import ROW, Read, text
from percapita.bills import is_bill
from percapita.core.errors import InputError
from percapita.core.sources import Source

WHOLE = text([{"ServiceName": "Zürich"}, {"BilledCost": "2"}])


def _billed(read: object) -> Decimal:
    return Decimal(read.sums["USD"]["billed"])  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    "content",
    [
        WHOLE.encode(),
        WHOLE.encode("utf-8-sig"),
        WHOLE.encode("utf-16"),
        WHOLE.encode("utf-16-le"),
        WHOLE.encode("cp1252"),
        gzip.compress(WHOLE.encode()),
        gzip.compress(WHOLE.encode()[:300]) + gzip.compress(WHOLE.encode()[300:]),
        WHOLE.replace("\r\n", "\n").encode(),
        WHOLE.replace("\r\n", "\r").encode(),
        ("\r\n\n" + WHOLE.replace("\r\n", "\n", 1)).encode(),
        ("sep=,\r\n" + WHOLE).encode(),
    ],
    ids=["utf8", "bom", "utf16", "utf16 bare", "cp1252", "gz", "gz twice", "lf", "cr", "mixed",
         "sep"],
)  # fmt: skip
def test_encodings_and_line_ends(read: Read, content: bytes) -> None:
    """The same bill in any encoding, packing and line end makes the same lines."""
    made = read(content)

    assert [line["ServiceName"] for line in made.lines] == ["Zürich", "Compute"]
    assert _billed(made) == 3


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_delimiters(read: Read, delimiter: str) -> None:
    """The delimiter is found out."""
    assert _billed(read(text([{"BilledCost": "0.25"}], delimiter))) == Decimal("0.25")


def test_semicolons_and_thousands_are_not_guessed(read: Read) -> None:
    """An amount that could be twelve or twelve thousand is not guessed in a semicolon file."""
    unsure = read(text([{"BilledCost": "12,345"}], ";"))
    proven = read(text([{"BilledCost": "12,345"}, {"BilledCost": "0.5"}], ";"))

    assert [item.code for item in unsure.quarantined] == ["not-a-number"]
    assert _billed(proven) == Decimal("12345.5")


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (gzip.compress(WHOLE.encode() * 50)[:-20], "cut off"),
        (gzip.compress(WHOLE.encode())[:-4] + b"junk", "damaged"),
        (WHOLE.encode().replace(b"Compute", b"Comp\0te"), "binary"),
        (WHOLE.encode().replace(b"Compute", b"Comp\xffte"), "byte .* is not UTF-8"),
        (WHOLE.encode("cp1252").replace(b"Compute", b"Comp\x81te"), "not .* text"),
        (WHOLE[: WHOLE.index("ü")].encode() + b"\xc3", "inside a character"),
        (b"PK\x03\x04zip", "zip archive"),
        (WHOLE + '9,"never closed,\r\n' + WHOLE, "row 3 is never closed"),
        (text([{}], "^"), "is not a bill"),
        ("", "is empty"),
        ("\r\n \r\n", "is empty"),
        ("a,b\n1,2\n", "is not a bill"),
    ],
)
def test_unreadable_files_stop(read: Read, content: str | bytes, said: str) -> None:
    """A file that can't be read whole stops the import, with the reason."""
    with pytest.raises(InputError, match=said):
        read(content)


def test_missing_file_stops(read: Read) -> None:
    """A path without files stops the import."""
    with pytest.raises(InputError, match="No file at"):
        read(WHOLE, path="bills/*.parquet")


def test_folder_is_one_delivery(read: Read) -> None:
    """All files of a folder are read, of any version and packing; what hides is not."""
    older = text([{"BilledCost": "2"}])
    newer = text([{"BilledCost": "4", "ServiceProviderName": "N"}])
    made = read(
        {
            "a.csv": older,
            "b/2025.csv.gz": gzip.compress(newer.encode()),
            "empty.csv": "",
            "month.csv": text([]),
            ".hidden.csv": older,
            "_SUCCESS.csv": older,
            "manifest.json": "{}",
        }
    )

    assert _billed(made) == 6
    assert [line["ServiceProviderName"] for line in made.lines] == ["P", "N"]
    assert [line["file"] for line in made.lines] == ["bills/a.csv", "bills/b/2025.csv.gz"]
    assert {"empty.csv is empty.", "month.csv has a header and no rows."} <= set(made.notes)


def test_stranger_in_a_folder_stops(read: Read) -> None:
    """A file that is no bill is not passed over in silence: it could be a broken one."""
    with pytest.raises(InputError, match=r"b\.csv is not a bill"):
        read({"a.csv": WHOLE, "b.csv": "x,y\n1,2\n"})


def test_glob(read: Read) -> None:
    """A pattern names the files of a delivery."""
    made = read({"a1.csv": WHOLE, "a2.csv": text([{"BilledCost": "5"}]), "b.csv": "x\n"},
                path="bills/a*.csv")  # fmt: skip

    assert _billed(made) == 8


def test_large_text_is_read_as_the_csv_module_does(read: Read) -> None:
    """Rows keep their order and number over many buffers, quoted line breaks included."""
    rows = [
        {"BilledCost": f"{n}.25", "x_Note": f'line "{n}"\r\nand, more ' + "x" * (n % 900)}
        for n in range(4000)
    ]
    content = text(rows)
    made = read(content)

    expected = list(csv.DictReader(io.StringIO(content, newline="")))
    assert [line["row"] for line in made.lines] == list(range(1, 4001))
    for line, row in zip(made.lines, expected, strict=True):
        assert line["BilledCost"] == Decimal(row["BilledCost"])
        assert line["Extra"]["x_Note"] == row["x_Note"]


def test_three_hundred_columns(read: Read) -> None:
    """Columns that lines have no place for are kept, empty cells are not."""
    wide = {f"x_{n}": str(n) for n in range(300)}
    made = read(text([wide, {"x_7": "seven"}, {"x_299": "last", "x_id": "a", "X_ID": "b"}]))

    assert made.lines[0]["Extra"] == wide
    assert made.lines[1]["Extra"] == {"x_7": "seven"}
    assert made.lines[2]["Extra"] == {"x_299": "last", "x_id": "a", "X_ID": "b"}


@pytest.mark.parametrize(
    ("opens", "closes"),
    [
        ('"Usage', 'Us"age'),
        ('"Usage', 'Usage"'),
        ('Usage,"x', 'Usage,Compute"'),
        ('"Usage', 'Usage,Compute"'),
    ],
)
def test_stray_quote_is_quarantined(read: Read, opens: str, closes: str) -> None:
    """Rows that a stray quote joins are one broken row; the rows around them go on."""
    row = ",".join(cell or "x" for cell in ROW.values())
    torn = [row.replace("Usage", opens), row, row.replace("Usage", closes)]
    made = read("\n".join([",".join(ROW), row, *torn, row, ""]))

    assert [item.code for item in made.quarantined] == ["torn-row"]
    assert _billed(made) == 2


def test_header_names_are_found_in_any_spelling(read: Read) -> None:
    """Case, blanks and underscores of a header do not matter; twice the same is refused."""
    made = read(
        text([{}]).replace("BilledCost", "billed_cost").replace("ServiceName", "SERVICENAME")
    )

    assert made.lines[0]["BilledCost"] == 1
    assert made.lines[0]["ServiceName"] == "Compute"
    with pytest.raises(InputError, match="BilledCost twice"):
        read(text([{"billedcost": "2"}]))


@pytest.mark.parametrize(
    ("name", "content", "expected"),
    [
        ("bill.csv", text([{}]), True),
        ("bill.csv.gz", gzip.compress(text([{}]).encode()), True),
        ("bill.jsonl", json.dumps(ROW) + "\n{", True),
        ("bill.json", json.dumps([ROW], indent=1)[:-9], False),
        ("bill.json", json.dumps([ROW, ROW], indent=1)[:-9], True),
        ("usage.csv", "date,user,quantity\n", False),
        ("usage.jsonl", '{"date": "2025-10-01", "user": "a"}\n', False),
        ("broken.gz", b"\x1f\x8b\x08", False),
    ],
)
def test_a_bill_is_told_by_its_beginning(
    tmp_path: Path, name: str, content: str | bytes, *, expected: bool
) -> None:
    """The first columns or objects tell a bill, packed or not, from what is none."""
    (tmp_path / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    assert is_bill(Source("s", name), root=tmp_path) is expected
    assert not is_bill(Source("s", "gone.csv"), root=tmp_path)


def test_a_mapped_bill_is_told_by_our_names(tmp_path: Path) -> None:
    """Columns that the user maps count under our names."""
    (tmp_path / "b.csv").write_text("Month,Net,Product\n")
    columns = {"ChargePeriodStart": "Month", "BilledCost": "Net", "ServiceName": "Product"}

    assert is_bill(Source("s", "b.csv", columns=columns), root=tmp_path)


def test_draft_of_focus_is_refused(read: Read) -> None:
    """FOCUS 0.5 is told apart, with the way out."""
    old = (
        "BilledCost,AmortizedCost,ChargeType,ChargePeriodStart,BillingCurrency\n"
        "1,1,Usage,2023-01-01,USD\n"
    )
    with pytest.raises(InputError, match=r"FOCUS 0\.5"):
        read(old)
    made = read(old, format="mapped", columns={"EffectiveCost": "AmortizedCost"})
    assert made.sums == {"USD": {"billed": "1.00", "effective": "1.00"}}


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"columns": {"Cost": "BilledCost"}}, "'Cost', which is no column of a line"),
        ({"columns": {"ListCost": "Lst"}}, "'Lst', which its file does not have"),
        ({"values": {"Currency": "USD"}}, "'Currency', which is no column of a line"),
        ({"format": "focis"}, "'focis', which is not installed"),
    ],
)
def test_wrong_mapping_stops(read: Read, said: Mapping[str, object], message: str) -> None:
    """A mapping to or from nothing stops the import and names what is near."""
    with pytest.raises(InputError, match=message):
        read(WHOLE, **said)


def test_mapping_without_amount_or_period_stops(read: Read) -> None:
    """A mapped bill needs an amount and a period, and the message says how to give them."""
    with pytest.raises(InputError, match="holds the amount"):
        read("day,usd\n2025-10-01,1\n", columns={"ChargePeriodStart": "day"})
    with pytest.raises(InputError, match="holds the period"):
        read("day,usd\n2025-10-01,1\n", columns={"cost": "usd"})


def test_values_fill_what_is_missing(read: Read, tmp_path: Path) -> None:
    """Without a currency rows are refused, each with the way out; a fixed value mends them all."""
    rows = [{"BillingCurrency": ""}, {"BillingCurrency": "EUR"}]

    assert [item.code for item in read(text(rows)).quarantined] == ["no-currency"]
    mended = read(text(rows), values={"BillingCurrency": "USD"})
    assert mended.sums["USD"]["billed"] == mended.sums["EUR"]["billed"] == "1.00"
    assert list(tmp_path.iterdir()) == [tmp_path / "bills"]
