"""Errors, pseudonyms, subjects and tables: the words that everything else uses."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from percapita.core import subjects, tables
from percapita.core.errors import InputError, PercapitaError, Problem, nearest
from percapita.core.privacy import Key, open_key
from percapita.core.sources import KINDS, Source

KNOWN_TYPES = {"string", "bool", "int64", "int32", "timestamp", "date", "map<string,string>",
               tables.MONEY, tables.WIDE}  # fmt: skip


def test_problem_reads_as_one_line() -> None:
    """A problem says where, what and how to mend it."""
    problem = Problem("not-a-number", "bill.csv, row 3", "'abc' is not a number.", "Write digits.")

    assert str(problem) == "bill.csv, row 3: 'abc' is not a number. Write digits."


def test_error_lists_its_problems_and_the_way_out() -> None:
    """The text of an error is its message, each problem, and what to do."""
    problem = Problem("x", "model.yaml:3:5", "Unknown key.")
    error = InputError("The model is broken.", hint="Mend it.", problems=iter([problem]))

    assert str(error) == "The model is broken.\n  model.yaml:3:5: Unknown key.\nMend it."
    assert isinstance(error, PercapitaError)
    assert str(PercapitaError("Alone.")) == "Alone."


@pytest.mark.parametrize(
    ("name", "known", "text"),
    [
        ("efective", ["billed", "effective"], "Did you mean effective?"),
        ("zzz", ["b", "a"], "Known: a, b."),
        ("zzz", [], ""),
        ("zzz", [f"k{n:02d}" for n in range(13)], "k11 …"),
    ],
)
def test_nearest_names(name: str, known: list[str], text: str) -> None:
    """A wrong name is answered with the nearest right ones, else with the known ones."""
    assert text in nearest(name, known)


def test_pseudonym_depends_on_key_kind_and_name() -> None:
    """One person under one key has one pseudonym; another key, kind or name has another."""
    key, other = Key(b"a" * 32), Key(b"b" * 32)
    names = [key.pseudonym("user", "ann"), key.pseudonym("user", "bob"),
             key.pseudonym("tenant", "ann"), other.pseudonym("user", "ann")]  # fmt: skip

    assert len(set(names)) == 4
    assert key.pseudonym("user", "ann") == names[0]
    assert len(bytes.fromhex(names[0])) == 16
    assert len({key.id, other.id}) == 2


def test_kind_and_name_do_not_run_together() -> None:
    """Where the kind ends and the name begins makes a difference."""
    key = Key(b"a" * 32)

    assert key.pseudonym("user", "sann") != key.pseudonym("users", "ann")


def test_key_file_is_made_once_and_is_private(tmp_path: Path) -> None:
    """The first call makes a key that only its owner can read, later calls read it."""
    path = tmp_path / "percapita.key"
    key = open_key(path)

    assert open_key(path) == key
    assert len(key.secret) == 32
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert list(tmp_path.iterdir()) == [path]


def test_two_projects_have_two_keys(tmp_path: Path) -> None:
    """Keys are random."""
    assert open_key(tmp_path / "a") != open_key(tmp_path / "b")


def test_every_named_receiver_has_a_class_and_a_slice() -> None:
    """The receivers that are nobody are classes of the reconciliation, each with its slice."""
    assert set(subjects.PSEUDO.values()) <= set(subjects.CLASS_OF_KIND)
    assert set(subjects.CLASSES) == set(subjects.CLASS_OF_KIND.values())
    assert set(subjects.PSEUDO_SLICE) == set(subjects.PSEUDO)
    assert all(number <= 0 for number in subjects.PSEUDO)
    assert all(piece < 0 for piece in subjects.PSEUDO_SLICE.values())
    assert len(set(subjects.PSEUDO_SLICE.values())) == len(subjects.PSEUDO_SLICE)


def test_segment_subject() -> None:
    """A whole segment is named by its attribute and value."""
    assert subjects.segment_name("tier", "Starter") == "tier=Starter"


@pytest.mark.parametrize("table", tables.TABLES.values(), ids=lambda table: table.name)
def test_tables_are_well_formed(table: tables.Table) -> None:
    """Types are known, names are unique, keys are columns, partitions stand in no file."""
    assert {column.type for column in table.columns} <= KNOWN_TYPES
    assert len(set(table.names)) == len(table.names)
    assert set(table.key) <= set(table.names)
    assert not set(table.partition) & set(table.names)
    assert all(column.meaning for column in table.columns)
    assert table.column(table.names[0]) is table.columns[0]


def test_amounts_are_decimal_in_every_table() -> None:
    """Whatever carries money is DECIMAL(36,18); exchange rates are kept as written."""
    found = {
        column.type
        for table in tables.TABLES.values()
        for column in table.columns
        if column.name in {"amount", "gross", "tail", "rate", *tables.COSTS.values()}
        and (table.name, column.name) != ("conversions", "rate")
    }

    assert found == {tables.MONEY}


def test_source_needs_only_name_and_path() -> None:
    """All else about a source is found out, or has a default."""
    source = Source("bill", "bill.csv")

    assert source.kind is None
    assert source.mode == "overwrite"
    assert len(KINDS) == 7
