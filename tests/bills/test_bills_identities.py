"""Ids of people in bills: nothing that is written or shown holds them."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from bills.bill_texts import Row, text
from percapita import bills
from percapita.core.privacy import masked
from percapita.core.sources import Source
from percapita.core.tables import LINES
from percapita.store import Store

LISTED = {"user_id": "user", "sid": "session", "x_Owner": "user", "ResourceName": "user"}


def take(
    store: Store, folder: Path, rows: Sequence[Row], tags: Mapping[str, str], **said: object
) -> dict[str, object]:
    """Import rows of FOCUS; return the first line."""
    (folder / "bill.csv").write_text(text(rows))
    source = Source("b", "bill.csv", identity_tags=tags, **said)  # type: ignore[arg-type]
    bills.take(store, source, root=folder)
    lines = store.engine.records(f'SELECT * FROM {store.bind(LINES)} ORDER BY "row"')
    return lines[0] if lines else {}


def user(store: Store, name: str, kind: str = "user") -> str:
    """Return what stands for an id."""
    return masked(store.key, kind, name)


@pytest.mark.parametrize(
    "written",
    [
        '{"user_id": "ada", "team": "a"}',
        '"user_id": "ada", "team": "a"',
        "{'user_id': 'ada', 'team': 'a'}",
        '[{"key": "user_id", "value": "ada"}, {"Key": "team", "Value": "a"}]',
    ],
)
def test_tags_of_any_shape(store: Store, tmp_path: Path, written: str) -> None:
    """However tags are written, the listed one is a pseudonym and the others stay."""
    line = take(store, tmp_path, [{"Tags": written}], LISTED)

    assert line["Tags"] == {"user_id": user(store, "ada"), "team": "a"}


def test_key_behind_a_prefix(store: Store, tmp_path: Path) -> None:
    """A key is known behind the beginnings that vendors put before it; others stay as they are."""
    tags = {"aws:user_id": "ada", "my_user_id": "x", "sid": "s1", "user_id": None}
    line = take(store, tmp_path, [{"Tags": json.dumps(tags)}], LISTED)

    assert line["Tags"] == {
        "aws:user_id": user(store, "ada"), "my_user_id": "x", "sid": user(store, "s1", "session"),
    }  # fmt: skip


def test_columns(store: Store, tmp_path: Path) -> None:
    """Columns of ours, columns kept beside and columns mapped to a tag are hidden as well."""
    row = {"x_Owner": " ada", "ResourceName": "ada", "Login": "ada"}
    row["x_Labels"] = '{"user_id":"ada"}'
    line = take(store, tmp_path, [row], LISTED, columns={"tags.user_id": "Login"})

    assert line["ResourceName"] == user(store, "ada")
    assert line["Tags"] == {"user_id": user(store, "ada")}
    assert line["Extra"] == {
        "x_Owner": user(store, "ada"), "x_Labels": f'{{"user_id":"{user(store, "ada")}"}}',
    }  # fmt: skip


def test_tags_that_can_not_be_read(store: Store, tmp_path: Path) -> None:
    """A cut-off object of tags is not kept in clear where it may hold an id."""
    row = {"x_Labels": '{"user_id": "ada", "te', "Tags": '{"user_id": "ada"'}
    line = take(store, tmp_path, [row], LISTED)

    assert "ada" not in str(line)


def test_quarantine_shows_no_id(store: Store, tmp_path: Path) -> None:
    """Neither a broken amount's row nor one whose cells have shifted shows an id."""
    (tmp_path / "bill.csv").write_text(
        "BilledCost,BillingCurrency,ChargePeriodStart,ServiceName,user_id\n"
        "1x,USD,2025-10-01,S,ada\n"
        "1,USD,2025-10-01,S,T,ada\n"
        "Total ada,,,,ada\n"
        "ada,USD,2025-10-01,S,\n"
    )
    source = Source("b", "bill.csv", identity_tags=LISTED)
    bills.take(store, source, root=tmp_path)
    found = store.quarantined()

    assert [item.code for item in found] == [
        "not-a-number", "too-many-cells", "total-line", "not-a-number",
    ]  # fmt: skip
    assert [item.value for item in found] == ["1x", "", "", ""]


def test_nothing_written_holds_an_id(store: Store, tmp_path: Path) -> None:
    """No file of the store holds the id, and the file says nothing of it in its own name."""
    rows: list[Row] = [{"Tags": '{"user_id": "ada-lovelace"}', "x_Owner": "ada-lovelace"}] * 3
    take(store, tmp_path, rows, LISTED)
    texts = [path.read_bytes() for path in store.root.rglob("*") if path.is_file()]

    assert texts
    assert not [text for text in texts if b"ada-lovelace" in text]


def test_same_person_as_in_readings(store: Store, tmp_path: Path) -> None:
    """The door knows the pseudonym in a line as the id that readings bring in clear."""
    line = take(store, tmp_path, [{"Tags": '{"user_id": "ada", "sid": "ada"}'}], LISTED)
    tags = line["Tags"]
    assert isinstance(tags, dict)
    (number,) = store.door.numbers("user", ["ada"]).values()

    assert store.door.numbers("user", [tags["user_id"], "ada"]) == {
        tags["user_id"]: number, "ada": number,
    }  # fmt: skip
    assert store.door.find("user", tags["user_id"]) == number
    assert store.door.find("user", tags["sid"]) is None


def test_listing_a_tag_reads_the_bill_anew(store: Store, tmp_path: Path) -> None:
    """The same file with one more identity tag is another delivery and replaces the first."""
    rows: list[Row] = [{"Tags": '{"user_id": "ada"}'}]
    assert take(store, tmp_path, rows, {})["Tags"] == {"user_id": "ada"}
    assert take(store, tmp_path, rows, LISTED)["Tags"] == {"user_id": user(store, "ada")}
    assert len(store.engine.rows(f"SELECT * FROM {store.bind(LINES)}")) == 1
