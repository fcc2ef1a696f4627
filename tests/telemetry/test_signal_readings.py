"""Readings from tables: times, quantities, subjects, shapes."""

from __future__ import annotations

import gzip
import json

import pytest

from percapita.core.errors import InputError
from percapita.core.sources import Meter
from telemetry.signal_tables import Taker

HEADER = "time,user,meter,quantity,unit\n"


@pytest.mark.parametrize(
    ("text", "instant", "grain"),
    [
        ("2025-10", "2025-10-01 00:00:00+00", "month"),
        ("2025-10-03", "2025-10-03 00:00:00+00", "day"),
        ("2025-10-03T12:59:59.1234567Z", "2025-10-03 12:00:00+00", "hour"),
        ("2025-10-03 12:30", "2025-10-03 12:00:00+00", "hour"),
        ("2025-10-03T12:30:00+05:30", "2025-10-03 07:00:00+00", "hour"),
        ("2025-10-03T00:30:00+0200", "2025-10-02 22:00:00+00", "hour"),
        ("2025-10-03 12:00:00 +0000 UTC", "2025-10-03 12:00:00+00", "hour"),
        ("1759496400", "2025-10-03 13:00:00+00", "hour"),
        ("1759496400123", "2025-10-03 13:00:00+00", "hour"),
    ],
)
def test_grain_follows_from_the_time(take: Taker, text: str, instant: str, grain: str) -> None:
    """A month, a day and an instant are told apart; instants become their hour in UTC."""
    take(f"{HEADER}{text},ann,q,1,\n")

    assert [(instant, grain)] == take.rows("readings", "time", "grain")


def test_rows_that_agree_are_summed(take: Taker) -> None:
    """Signals of one hour, meter and subject become one reading that says how many they were."""
    taken = take(
        f"{HEADER}2025-10-03T12:01Z,ann,cpu,1.5,s\n2025-10-03T12:59Z,ann,cpu,1e-3,s\n"
        "2025-10-03T14:30:00+02:00,ann,cpu,2,ms\n2025-10-03T12:00Z,bob,cpu,0.25,h\n"
    )

    ann, bob = take.number("user", "ann"), take.number("user", "bob")
    rows = take.rows("readings", "subject", "level", "signals", "quantity")
    assert sorted([(ann, "user", "3", "1503000"), (bob, "user", "1", "900000000")]) == rows
    assert taken.rows == 4


def test_readings_are_stored_sorted(take: Taker) -> None:
    """Rows lie in the file by time, meter and subject, whatever order they came in."""
    body = "".join(
        f"2025-10-{d:02d},u{u},{m},1,\n" for u in (3, 1, 2) for d in (9, 2) for m in "ba"
    )
    take(HEADER + body)

    files = list((take.root / ".percapita" / "tables" / "readings").rglob("*.parquet"))
    rows = take.store.engine.rows(
        f"SELECT time::VARCHAR, meter, subject FROM read_parquet('{files[0]}')"
    )
    assert len(files) == 1
    assert sorted(rows) == rows


def test_every_broken_row_says_where_what_and_why(take: Taker) -> None:
    """One bad cell sets its row aside, with row, column, value, reason and a way out."""
    taken = take(
        f"{HEADER}2025-13-03,ann,q,1,\n2025-10-03,ann,q,-1,\n2025-10-03,ann,q,1.5,\n"
        "2025-10-03,ann,,1,\n2025-10-03,ann,q,,\n0205-10-03,ann,q,1,\nshort,row\n\n"
        "2025-10-03,ann,q,7,\n2025-10-03,ann,q,1,h\n"
    )

    found = [(q.row, q.column, q.value, q.code) for q in take.refused()]
    assert sorted(found) == [
        (1, "time", "2025-13-03", "not-a-time"),
        (2, "quantity", "-1", "not-a-quantity"),
        (3, "quantity", "1.5", "not-a-quantity"),
        (4, "meter", "", "missing"),
        (5, "quantity", "", "missing"),
        (6, "time", "0205-10-03", "not-a-time"),
        (7, "", "", "broken-row"),
        (9, "unit", "h", "other-unit"),
    ]
    assert all(q.reason and q.hint and q.file == "table.csv" for q in take.refused())
    assert (taken.rows, taken.quarantined) == (1, 8)


def test_row_numbers_count_the_rows_that_have_no_cells(take: Taker) -> None:
    """A flaw after ragged rows is reported where it stands in the file."""
    ragged = "a,b\n" * 3 + "2025-10-03,ann,q,1,,,x\n"
    take(f'{HEADER}2025-10-01,"a\nnn",q,1,\n{ragged}2025-10-02,ann,q,oops,\n')

    assert sorted((q.row, q.column) for q in take.refused()) == [
        (2, ""),
        (3, ""),
        (4, ""),
        (5, ""),
        (6, "quantity"),
    ]


def test_ids_of_people_stay_out_of_quarantine(take: Taker) -> None:
    """No clear id reaches the list of broken rows, nor any file of the store."""
    take(
        f"{HEADER}2025-10-03,ann@example.org,q,1,\n2025-10-03,q,ann@example.org,ann@example.org,\n"
    )

    assert "ann@example.org" not in "".join(map(str, take.refused()))
    stored = [path for path in (take.root / ".percapita").rglob("*") if path.is_file()]
    assert stored
    assert not any(b"ann@example.org" in path.read_bytes() for path in stored)


def test_usage_without_an_id_is_nobodys(take: Taker) -> None:
    """An empty id is subject 0, without a level."""
    take(f"{HEADER}2025-10-03,,q,1,\n2025-10-03,NULL,q,2,\n")

    assert take.rows("readings", "subject", "level", "quantity") == [("0", None, "3")]


def test_a_segment_of_the_model_names_subjects(take: Taker) -> None:
    """Usage given by tier belongs to the subject that stands for the tier, name kept."""
    take("month,tier,meter,quantity\n2025-10,Pro,q,5\n", segments=["tier"])

    pro = take.number("segment", "tier=Pro")
    assert [(pro, "tier", "5")] == take.rows("readings", "subject", "level", "quantity")
    assert take.store.door.labels([int(pro)]) == {int(pro): "tier=Pro"}


def test_a_segment_can_be_said_without_a_model(take: Taker) -> None:
    """A column mapped to segment.NAME names subjects of that segment."""
    take("month,plan,meter,quantity\n2025-10,Pro,q,5\n", columns={"segment.tier": "plan"})

    assert [(take.number("segment", "tier=Pro"), "tier")] == take.rows(
        "readings", "subject", "level"
    )


def test_the_closest_subject_counts(take: Taker) -> None:
    """Of user, session and tenant the user names the subject; the others are mentioned."""
    taken = take("day,tenant,session,user,meter,quantity\n2025-10-03,acme,s1,ann,q,1\n")

    assert [(take.number("user", "ann"), "user")] == take.rows("readings", "subject", "level")
    assert any("session, tenant" in note for note in taken.notes)


def test_rows_can_say_who_is_a_bot(take: Taker) -> None:
    """subject_kind marks bots, named or not, and anonymous visitors; the level stays."""
    take(
        "day,user,subject_kind,meter,quantity\n2025-10-03,crawler,bot,q,1\n"
        "2025-10-03,,bot,q,2\n2025-10-03,v1,anonymous,q,3\n2025-10-03,acme,tenant,q,4\n"
        "2025-10-03,x,alien,q,5\n"
    )

    kinds = take.store.door.kinds()
    assert [kinds[int(take.number("user", n))] for n in ("crawler", "v1")] == ["bot", "anonymous"]
    assert sorted(kinds.values()) == ["anonymous", "bot", "bot", "tenant"]
    assert {"user", "tenant"} == {level for (level,) in take.rows("readings", "level")}
    assert [(q.row, q.column, q.value) for q in take.refused()] == [(5, "subject_kind", "alien")]


def test_wide_tables_have_a_meter_in_each_column(take: Taker) -> None:
    """Mapped columns become meters with units of their own; empty cells are no reading."""
    take(
        "period,tier,q,cpu_h,gb\n2025-10,Pro,3,0.5,\n2025-11,Pro,,bad,1.5\n",
        segments=["tier"],
        meters={"q": Meter("queries"), "cpu_h": Meter("cpu", "h"), "gb": Meter("bytes", "GB")},
    )

    assert take.rows("readings", "meter", "quantity", "period") == [
        ("bytes", "1500000000", "2025-11"),
        ("cpu", "1800000000", "2025-10"),
        ("queries", "3", "2025-10"),
    ]
    assert [(q.row, q.column, q.value) for q in take.refused()] == [(2, "cpu_h", "bad")]


def test_without_a_mapping_columns_of_numbers_are_meters(take: Taker) -> None:
    """In a wide table that nobody mapped, text columns are left and number columns are read."""
    taken = take("day,user,queries,note\n2025-10-03,ann,4,hello\n2025-10-03,bob,,x\n")

    assert take.rows("readings", "meter", "quantity") == [("queries", "4")]
    assert "queries" in taken.notes[0]


def test_json_lines_may_have_gaps_and_bad_lines(take: Taker) -> None:
    """Missing keys are null; a line that is no object is set aside by its number."""
    rows = [
        {"ts": "2025-10-03T10:00:00Z", "who": "ann", "n": 2, "tags": {"svc": "api"}},
        {"ts": "2025-10-03T10:00:00Z", "n": 0.25},
        {"who": "bob", "n": 1},
    ]
    text = "\n".join(json.dumps(row) for row in rows[:2]) + '\n\n{"ts": \n[1]\n'
    take(
        text + json.dumps(rows[2]) + "\n",
        file="table.jsonl",
        columns={"time": "ts", "user": "who", "quantity": "n", "service": "$.tags.svc"},
        values={"meter": "cpu"},
        unit="s",
    )

    assert [("0", None, "250000"), (take.number("user", "ann"), "api", "2000000")] == take.rows(
        "readings", "subject", "service", "quantity"
    )
    assert sorted((q.row, q.column) for q in take.refused()) == [(4, ""), (5, ""), (6, "ts")]


def test_long_numbers_in_json_keep_every_digit(take: Taker) -> None:
    """A number that a double cannot hold is read as written."""
    row = '{"day": "2025-10-03", "meter": "q", "quantity": %s, "note": "a, 1.5"}\n'
    take(
        row % "1234567.123456789" + row % "0.0000000000010000000000000001" + row % "12345.5",
        file="table.jsonl",
        scale=10**9,
    )

    assert [(str(1234567123456789 + 12345500000000), "2")] == take.rows(
        "readings", "quantity", "signals"
    )
    assert [q.value for q in take.refused()] == ["0.0000000000010000000000000001"]


def test_every_format_reads_alike(take: Taker) -> None:
    """CSV, CSV.gz, semicolons, Parquet and JSON lines of one content give the same readings."""
    csv = f"{HEADER}2025-10-03T12:00:00Z,ann,cpu,1.5,s\n2025-10-03,,q,7,\n"
    engine = take.store.engine
    (take.root / "plain.csv").write_text(csv)
    engine.execute(
        f"COPY (FROM read_csv('{take.root}/plain.csv', all_varchar = true))"
        f" TO '{take.root}/copy.parquet' (FORMAT parquet)"
    )
    bodies: dict[str, bytes] = {
        "a.csv": csv.encode(),
        "b.csv.gz": gzip.compress(csv.encode()),
        "c.txt": ("\ufeff" + csv.replace(",", ";").replace("\n", "\r\n")).encode(),
        "d.tsv": b"\n" + csv.replace(",", "\t").encode(),
        "mixed.csv": csv.replace("Z,ann", "Z,ann").replace("\n", "\r\n", 1).encode(),
        "e.parquet": (take.root / "copy.parquet").read_bytes(),
        "f.jsonl": b'{"time":"2025-10-03T12:00:00Z","user":"ann","meter":"cpu","quantity":1.5,'
        b'"unit":"s"}\n{"time":"2025-10-03","meter":"q","quantity":7}\n',
    }
    seen = set()
    for file, body in bodies.items():
        take(body, file=file, again=True)
        columns = ("time", "grain", "meter", "subject", "quantity")
        seen.add(tuple(take.rows("readings", *columns)))

    assert len(seen) == 1
    assert not take.refused()


def test_a_folder_is_one_delivery(take: Taker) -> None:
    """Files of a folder are summed together, whatever their columns' order."""
    (take.root / "usage").mkdir()
    (take.root / "usage" / "notes.md").write_text("not a table")
    (take.root / "usage" / "b.csv").write_text("quantity,meter,user,day\n2,q,ann,2025-10-03\n")
    taken = take("day,user,meter,quantity\n2025-10-03,ann,q,1\n", file="usage/a.csv", path="usage")

    assert taken.files == 2
    assert take.rows("readings", "signals", "quantity") == [("2", "3")]


def test_the_same_content_twice_changes_nothing(take: Taker) -> None:
    """A second import of one content is recognised by its hash."""
    first = take(f"{HEADER}2025-10-03,ann,q,1,\n")
    second = take(f"{HEADER}2025-10-03,ann,q,1,\n")

    assert (first.unchanged, second.unchanged) == (False, True)
    assert first.import_id == second.import_id


def test_a_mended_file_replaces_its_period(take: Taker) -> None:
    """After a fix the row is in, and no longer listed as broken."""
    take(f"{HEADER}2025-10-03,ann,q,x,\n2025-10-04,ann,q,1,\n")
    take(f"{HEADER}2025-10-03,ann,q,5,\n2025-10-04,ann,q,1,\n")

    assert take.rows("readings", "quantity") == [("1",), ("5",)]
    assert not take.refused()


@pytest.mark.parametrize(
    ("file", "body", "said"),
    [
        ("a.csv", b"", "it is empty"),
        ("a.csv", b"\n\n", "no header"),
        ("a.csv", b"a,a\n1,2\n", "stands there twice"),
        ("a.csv", "time,user\n".encode("utf-16"), "not UTF-8"),
        ("a.csv", b'day,user,meter,quantity\n1,"ann,q,1\n2,bob,q,1\n3,x,y,z\n', "swallows"),
        ("a.csv.gz", gzip.compress(b"day,user\n", mtime=0)[:-6], "ended"),
        ("a.jsonl", b"[1]\n", "no JSON object"),
        ("a.parquet", b"PAR1", "Parquet"),
    ],
)
def test_a_broken_file_stops_and_changes_nothing(
    take: Taker, file: str, body: bytes, said: str
) -> None:
    """What is no table is refused with file, reason and a way out."""
    with pytest.raises(InputError) as caught:
        take(body, file=file, kind="readings")

    assert said in str(caught.value)
    assert file in str(caught.value)
    assert caught.value.hint
    assert not take.store.imports()


def test_a_mapped_column_that_is_not_there_is_named(take: Taker) -> None:
    """A wrong mapping stops with the nearest column."""
    with pytest.raises(InputError, match=r"no column 'user_idd'.*Did you mean user_id"):
        take("day,user_id,meter,quantity\n", columns={"user": "user_idd"})


def test_a_missing_column_is_asked_for(take: Taker) -> None:
    """A table without a time is refused with the option that maps one."""
    with pytest.raises(InputError, match="--map time=THEIRS"):
        take("who,meter,quantity\nann,q,1\n", kind="readings")


def test_sums_that_do_not_fit_are_refused(take: Taker) -> None:
    """An hour that sums beyond 64 bits is an error, not a wrapped number."""
    row = "2025-10-03,ann,q,9000000000000000000,\n"
    with pytest.raises(InputError, match="coarser unit"):
        take(HEADER + row + row.replace("9000000000000000000", "900000000000000000e1"))
