"""A model in words: the documentation of every allocation decision."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from percapita.model.describe import decisions, markdown, record, segment_words, unit_words
from percapita.model.load import loads
from percapita.model.spec import Condition, Driver, Segment, Unit

HERE = Path(__file__).parent
SHOP = loads((HERE / "shop.yaml").read_text())


def test_page_is_the_expected_one() -> None:
    """The Markdown of the whole model reads as written down beside this test."""
    assert markdown(SHOP) == (HERE / "shop.md").read_text()


def test_every_pool_is_decided() -> None:
    """Each pool has a decision in file order, with what it takes and how it is split."""
    made = decisions(SHOP)

    assert [d.pool for d in made] == [pool.name for pool in SHOP.pools]
    assert all(d.takes and d.split and d.scope and d.cost_class and d.line for d in made)


@pytest.mark.parametrize(
    ("body", "split"),
    [
        ("exclude: true", "Stays out of unit cost and in the total, as `excluded`."),
        ("direct: {user: x_owner}", "Falls on the user that `x_owner` names."),
        ("by: active", "In proportion to active subjects, each counting one: share = own / total."),
        ("overhead: active", "Evenly over the active subjects of the unit `active user`."),
        (
            "overhead: cost",
            (
                "In proportion to the gross cost that every receiver has from the pools that are"
                " not overhead and the overhead pools above."
            ),
        ),
        ("owner: me", "Not split: it is `unallocated` under this name."),
    ],
)
def test_methods_in_words(body: str, split: str) -> None:
    """Each method has its own sentence."""
    (decision,) = decisions(loads(f"currency: USD\npools:\n  - pool: a\n    {body}\n"))

    assert split == decision.split
    assert decision.takes == "Every line that no pool above takes."


@pytest.mark.parametrize(
    ("body", "fallback"),
    [
        ("by: a", "its month, then `unallocated`."),
        ("by: a, within: resource",
         "its month, then the whole pool, then the whole pool's month, then `unallocated`."),
        ("by: a, within: resource, fallback: [pool]", "the whole pool, then `unallocated`."),
        ("by: a, within: resource, grain: month", "the whole pool, then `unallocated`."),
        ("by: a, fallback: [], idle: {capacity: b, used: c}", "`idle`."),
    ],
)  # fmt: skip
def test_fallbacks_in_words(body: str, fallback: str) -> None:
    """The widenings are told in the order they are tried, and how it ends."""
    (decision,) = decisions(loads(f"currency: USD\npools:\n  - {{pool: x, {body}}}\n"))

    assert decision.fallback == f"Where there is no usage to split by: {fallback}"


def test_units_in_words() -> None:
    """A unit says what it counts, how often and whom it leaves out."""
    narrow = Driver("jobs", {"region": Condition(("eu", "us"))})
    unit = Unit("u", subject="tenant", active=(Driver("calls"), narrow), window="day")

    assert unit_words(unit) == (
        "Each tenant with `calls` or `jobs` where `region` is `eu` or `us`, once a day."
    )
    assert unit_words(Unit("c", meter=Driver("calls"))) == "What `calls` measured, summed."


def test_segments_in_words() -> None:
    """A segment says where it comes from and how it is cut."""
    bands = Segment("size", "users", "seats", bands=(("small", 0), ("large", 100)))

    assert segment_words(bands) == (
        "`seats` of the source `users`, in the bands `small` from 0 and `large` from 100."
    )
    assert segment_words(Segment("tier", "", "")).startswith("As readings, head counts")


def test_record_is_plain() -> None:
    """The JSON form carries the hash of the model it describes, and every sentence."""
    found = record(replace(SHOP, hash="0f"))

    assert found["hash"] == "0f"
    assert list(found) == [
        "model", "hash", "currency", "timezone", "basis", "units", "segments", "meters", "pools",
        "rules",
    ]  # fmt: skip
