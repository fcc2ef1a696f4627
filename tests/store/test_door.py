"""Names get numbers at the door."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from percapita.core.privacy import Key
from percapita.core.sources import Source
from percapita.core.subjects import BOT, NOBODY, SEGMENT, TENANT, USER
from percapita.store import FileStat, Store
from percapita.store.door import KeyChangedError
from store.store_rows import KEY, NOW, Deliver, line

NAMES = [f"user-{i}@example.com" for i in range(2_000)]


def opened(folder: Path) -> Store:
    """Open a store in a folder of its own."""
    return Store.open(folder, KEY, now=NOW)


def test_numbers_do_not_depend_on_the_order_of_names(tmp_path: Path) -> None:
    """Permuted input gives the same numbers, from 1 and without gaps."""
    shuffled = random.Random(7).sample(NAMES, len(NAMES))  # noqa: S311
    with opened(tmp_path / "a") as one, opened(tmp_path / "b") as other:
        numbers = one.door.numbers(USER, NAMES)

        assert other.door.numbers(USER, [*shuffled, shuffled[0]]) == numbers
    assert sorted(numbers.values()) == list(range(1, len(NAMES) + 1))


def test_a_known_name_keeps_its_number(store: Store) -> None:
    """Few names among many known, and many among few known, find the numbers given before."""
    first = store.door.numbers(USER, NAMES)

    assert store.door.numbers(USER, NAMES[:3]) == {name: first[name] for name in NAMES[:3]}
    more = store.door.numbers(USER, [*NAMES, "new"])
    assert more == {**first, "new": len(NAMES) + 1}
    assert store.door.find(USER, NAMES[5]) == first[NAMES[5]]
    assert store.door.find(USER, "never seen") is None


def test_kinds_are_apart_and_the_empty_name_is_nobody(store: Store) -> None:
    """A tenant and a user of one name are two subjects."""
    user, tenant = (store.door.numbers(kind, ["acme", ""]) for kind in (USER, TENANT))

    assert user["acme"] != tenant["acme"]
    assert user[""] == tenant[""] == NOBODY


def test_labels_are_kept_only_for_the_kinds_allowed(store: Store) -> None:
    """Tenants and segments stay readable; a user's name is nowhere in the store."""
    user = store.door.numbers(USER, ["alice@example.com"])["alice@example.com"]
    tenant = store.door.numbers(TENANT, ["acme"])["acme"]
    segment = store.door.numbers(SEGMENT, ["tier=Pro"])["tier=Pro"]

    assert store.door.labels([user, tenant, segment]) == {tenant: "acme", segment: "tier=Pro"}
    assert store.door.kinds() == {tenant: TENANT, segment: SEGMENT}
    assert store.engine.rows(f"SELECT * FROM {store.subjects_view()} ORDER BY 1") == [
        (tenant, TENANT, "acme"), (segment, SEGMENT, "tier=Pro"),
    ]  # fmt: skip
    assert store.engine.rows(f"SELECT * FROM {store.kinds_view()} ORDER BY 1") == [
        (tenant, TENANT), (segment, SEGMENT),
    ]  # fmt: skip
    held = b"".join(path.read_bytes() for path in store.root.glob("catalog.sqlite*"))
    assert b"acme" in held
    assert b"alice" not in held


def test_another_key_is_refused(store: Store) -> None:
    """With another key every user would be a new one: the store says so and stops."""
    store.door.numbers(USER, ["alice"])
    with Store.open(store.root, Key(b"other" * 8), now=NOW) as strange:
        with pytest.raises(KeyChangedError, match=KEY.id):
            strange.door.numbers(USER, ["bob"])
        with pytest.raises(KeyChangedError):
            strange.door.find(USER, "alice")


def test_an_alias_leads_to_the_other_number(store: Store) -> None:
    """Two names of one person give one number, also through a chain."""
    numbers = store.door.numbers(USER, ["a", "b", "c"])
    store.door.alias(numbers["a"], of=numbers["b"])
    store.door.alias(numbers["b"], of=numbers["c"])

    assert set(store.door.numbers(USER, ["a", "b", "c"]).values()) == {numbers["c"]}
    assert store.door.find(USER, "a") == numbers["c"]
    with pytest.raises(ValueError, match="already stands"):
        store.door.alias(numbers["c"], of=numbers["a"])


def test_a_bot_is_one_as_long_as_the_import_that_says_so_is_live(
    store: Store, deliver: Deliver
) -> None:
    """The mark counts when the import commits, and goes when a delivery replaces the import."""
    number = store.door.numbers(USER, ["crawler"])["crawler"]
    source = Source("bill", "bill.csv", kind="bill")
    store.door.set_kind([number], BOT)
    store.begin_import(source, [FileStat("bill.csv", 1, "0")]).abandon()
    deliver("1", {"2025-10": [line("a", "1")]})
    assert store.door.kinds() == {}
    store.door.set_kind([number], BOT)
    deliver("2", {"2025-10": [line("b", "1")]})
    assert store.door.kinds() == {number: BOT}
    deliver("3", {"2025-10": [line("c", "1")]})

    assert store.door.kinds() == {}
