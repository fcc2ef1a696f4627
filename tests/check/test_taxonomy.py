"""The taxonomy and the resource map, as a user writes them."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from percapita.report.tags.taxonomy import TaxonomyError, read_map, read_taxonomy


def test_keys_values_and_target(tmp_path: Path) -> None:
    """Required keys keep their order; values stay text; the target is a percentage."""
    path = tmp_path / "taxonomy.yaml"
    path.write_text(
        "required: [Environment, Team]\nvalues:\n  Environment: [prod, no]\ntarget: 80 %\n"
    )
    found = read_taxonomy(path)

    assert found is not None
    assert found.required == {"Environment": ("prod", "no"), "Team": ()}
    assert found.target == Decimal(80)


def test_no_file_is_no_taxonomy(tmp_path: Path) -> None:
    """What is not there is not known."""
    assert read_taxonomy(tmp_path / "none.yaml") is None
    assert read_taxonomy(None) is None
    assert read_map(tmp_path / "none.csv") is None


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("- Environment", "no mapping of keys"),
        ("required: Environment", "`required` is no list"),
        ("required: [Team]\nvalues: [a]", "`values` is no mapping"),
        ("required: [Team]\ntarget: most", "not a percentage"),
        ("required: [Team", "line 1"),
    ],
)
def test_a_broken_taxonomy_says_what_is_wrong(tmp_path: Path, text: str, why: str) -> None:
    """The message names the file and the trouble."""
    path = tmp_path / "taxonomy.yaml"
    path.write_text(text)

    with pytest.raises(TaxonomyError, match=why) as error:
        read_taxonomy(path)
    assert str(path) in str(error.value)


def test_the_map_is_read_by_its_titles(tmp_path: Path) -> None:
    """Titles may be in any case, with underscores; comments are skipped."""
    path = tmp_path / "map.csv"
    path.write_text("# filled in by hand\nResource_Type,Attribution Method\nbucket, tag\ndisk,\n")

    assert read_map(path) == [
        {"resource type": "bucket", "attribution method": "tag"},
        {"resource type": "disk", "attribution method": ""},
    ]
