"""Which tag value was meant, and what is wrong with the tags of a resource."""

from __future__ import annotations

from decimal import Decimal

import pytest

from percapita.measure.tagging import Broken, broken, meant, status, variants

ENVIRONMENTS = ("production", "staging", "development")


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("Production", "production"), ("PRODUCTION ", "production"), ("prod", "production"),
        ("dev", "development"), ("stagging", "staging"), ("developement", "development"),
        ("qa", None), ("pr", None), ("", None),
    ],
)  # fmt: skip
def test_the_nearest_allowed_value_is_the_one_meant(value: str, expected: str | None) -> None:
    """Other letters, a beginning, a slip of the pen; nothing where nothing is near."""
    assert meant(value, ENVIRONMENTS) == expected


def test_a_key_is_known_in_other_spellings() -> None:
    """Case, punctuation and a prefix make no other key."""
    assert variants("CostCenter", ["cost-center", "user:CostCenter", "CostCentre"]) == (
        "cost-center", "user:CostCenter",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("tagged", "said"), [(95, "tagged"), (6, "partly tagged"), (4, "untagged")]
)
def test_a_type_is_tagged_by_the_share_of_its_spend(tagged: int, said: str) -> None:
    """Most of the spend, some of it, or next to none."""
    assert status(Decimal(tagged), Decimal(100)) == said


def test_missing_and_wrong_tags_are_told_apart() -> None:
    """A missing key names its other spelling, a wrong value the one meant; unknown values pass."""
    required = {"Environment": ENVIRONMENTS, "Team": (), "Owner": ()}
    tags = {"Environment": "prod", "team": "data", "Owner": None, "Tier": "9"}

    assert broken(tags, required, {"Tier": ("1", "2")}) == [
        Broken("Team", None, (), "team"),
        Broken("Environment", "prod", ENVIRONMENTS, "production"),
        Broken("Tier", "9", ("1", "2"), None),
    ]
