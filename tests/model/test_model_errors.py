"""Bad models: each is refused with one message a mistake, at its line and column."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import pytest

from percapita.core.errors import Problem
from percapita.model.codes import ERRORS
from percapita.model.load import ModelError, NoModelError, load, loads


class Case(NamedTuple):
    """A model and what is to be said of it."""

    title: str
    text: str
    said: list[str]


def _cases() -> list[Case]:
    blocks = (Path(__file__).parent / "bad_models.txt").read_text().split("=== ")[1:]
    return [_case(block) for block in blocks]


def _case(block: str) -> Case:
    title, _, rest = block.partition("\n")
    # The model itself may have a line of dashes; the last one ends it.
    text, _, said = rest.rpartition("\n---\n")
    return Case(title, f"{text}\n", said.split("\n")[:-1] if said.endswith("\n") else [said])


CASES = _cases()
IN_CODE = {"tab", "syntax", "unknown-source", "large-loop"}
"""Codes whose cases stand in this file, because they are awkward as text."""


def said(text: str) -> list[Problem]:
    """Return the problems that loading a text ends with."""
    with pytest.raises(ModelError) as caught:
        loads(text)
    return list(caught.value.problems)


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{c.title}" for n, c in enumerate(CASES)])
def test_bad_model_is_explained(case: Case) -> None:
    """A bad model is refused with exactly these messages, in file order."""
    found = [f"{problem.code}: {problem}" for problem in said(case.text)]

    assert [line for line in case.said if line] == found


def test_every_error_has_a_case() -> None:
    """Every documented error code is shown by a bad model, and no other code occurs."""
    shown = {line.partition(":")[0] for case in CASES for line in case.said if line}

    assert set(ERRORS) == shown | IN_CODE


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("currency: USD\n\tbasis: list\n", "model.yaml:2:1: A tab stands here. Use spaces."),
        ("currency: USD\nbasis:\tlist\n", "model.yaml:2:7: A tab stands here. Use spaces."),
        ("", "model.yaml:1:1: The file is empty. Start with 'currency: USD'."),
        ("# only words\n", "model.yaml:1:1: The file is empty. Start with 'currency: USD'."),
        (
            "currency: \x01\n",
            "model.yaml:1:11: The character U+0001 cannot stand in a text file. Delete it.",
        ),
        (
            f"basis: {'[' * 99}{']' * 99}\n",
            "model.yaml:1:32: This is nested more than 24 levels deep.",
        ),
    ],
)
def test_unreadable_text_is_explained(text: str, line: str) -> None:
    """Tabs, control characters, emptiness and absurd nesting are named with their place."""
    assert [line] == [str(problem) for problem in said(text)]


def test_unknown_source_is_an_error_where_sources_are_known() -> None:
    """A segment from a source the project does not have is refused if the sources are given."""
    text = "currency: USD\nsegments:\n  tier: {from: user.plan}\n"
    with pytest.raises(ModelError) as caught:
        loads(text, known_sources=["users", "bill"])

    assert (
        str(caught.value.problems[0])
        == "model.yaml:3:16: There is no source 'user' in the project. Did you mean users?"
    )


def loop_of(count: int) -> str:
    """Return a model of ``count`` pools in one loop with a way out."""
    pools = [
        f"  - pool: p{n}\n    through: {{pools: [p{(n + 1) % count}, leaf], by: cpu}}\n"
        for n in range(count)
    ]
    return f"currency: USD\npools:\n{''.join(pools)}  - pool: leaf\n    by: cpu\n"


def test_twenty_four_pools_may_serve_each_other() -> None:
    """A loop of 24 pools with a way out is sound; one of 25 is refused and names them."""
    assert len(loads(loop_of(24)).pools) == 25

    (problem,) = said(loop_of(25))
    assert problem.code == "large-loop"
    assert problem.where == "model.yaml:4:14"
    assert problem.message == "25 pools serve each other; at most 24 can."
    assert problem.hint.startswith("They are p0, p1, p2,")


def test_error_says_what_to_do() -> None:
    """The error itself names the file, counts the problems, lists them and says what is next."""
    with pytest.raises(ModelError) as caught:
        loads("currency: usd\nbases: list\n", "acme/model.yaml")

    assert str(caught.value) == (
        "The cost model acme/model.yaml has 2 problems; nothing was changed.\n"
        "  acme/model.yaml:1:11: 'currency' must be a currency code, not 'usd'."
        " Write three capitals, such as EUR.\n"
        "  acme/model.yaml:2:1: 'bases' is not a key of the model. Did you mean basis?\n"
        "Mend them and run percapita model check."
    )


def test_missing_file_is_explained(tmp_path: Path) -> None:
    """A file that is not there is named, with the way out."""
    path = tmp_path / "model.yaml"

    with pytest.raises(NoModelError, match="no such file or directory") as caught:
        load(path)
    assert "percapita init" in caught.value.hint


def test_file_that_is_not_utf8_is_explained(tmp_path: Path) -> None:
    """A byte that is not UTF-8 is named with its line and column."""
    path = tmp_path / "model.yaml"
    path.write_bytes(b"currency: USD\nbasis: l\xffst\n")

    with pytest.raises(ModelError) as caught:
        load(path)
    (problem,) = caught.value.problems
    assert f"{path}:2:9: This is not UTF-8 text. Save the file as UTF-8." == str(problem)
