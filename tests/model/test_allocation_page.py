"""The page on allocation does not lie."""

from __future__ import annotations

import doctest
from pathlib import Path

from percapita.model.load import loads

PAGE = Path(__file__).parents[2] / "docs" / "concepts" / "allocation.md"


def test_figures_on_the_page_are_computed() -> None:
    """Every Python line of the page gives what is printed under it."""
    failed, tried = doctest.testfile(str(PAGE), module_relative=False, encoding="utf-8")

    assert tried > 5
    assert failed == 0


def test_model_on_the_page_loads() -> None:
    """The model on the page is a model."""
    block = PAGE.read_text(encoding="utf-8").split("```yaml\n")[1].split("```")[0]

    assert [pool.method for pool in loads(f"currency: USD\n{block}").pools] == ["exclude", "driver"]
