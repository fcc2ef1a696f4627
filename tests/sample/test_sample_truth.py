"""The sample company, end to end: percapita's figures are the truth, its errors are found."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Sequence
from pathlib import Path

import pytest

from percapita.cli import main
from percapita.sample import check
from percapita.sample.check import Answer
from percapita.sample.generate import generate

pytestmark = pytest.mark.slow

USERS = 400


def ask(arguments: Sequence[str]) -> Answer:
    """Run a command in this process."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main.run(list(arguments))
    return Answer(code, out.getvalue(), err.getvalue())


def company(folder: Path, *, plant: bool) -> Path:
    """Return a company that percapita has imported and run."""
    generate(folder, seed=3, users=USERS, plant=plant)
    done = ask(["run", "--project", str(folder)])

    assert done.code == 0, done.err
    return folder


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A company with every planted error."""
    return company(tmp_path_factory.mktemp("planted") / "company", plant=True)


def test_clean_figures_are_true(tmp_path: Path) -> None:
    """Without errors, the cost per user of every tier and month is the true one."""
    rows = check.compared(company(tmp_path / "clean", plant=False), ask)

    assert len(rows) == 9
    assert [row for row in rows if not row.good or row.true != row.delivered] == []


def test_figures_are_what_the_files_imply(planted: Path) -> None:
    """With errors, every figure is the truth as the delivered files tell it."""
    rows = check.compared(planted, ask)

    assert {row.tier for row in rows} == {"Free", "Pro", "Enterprise", "Enterprize", ""}
    assert [row for row in rows if not row.good] == []


def test_every_planted_error_is_found(planted: Path) -> None:
    """Each planted error shows up in the output that should show it."""
    missed = [found.error["kind"] for found in check.seen(planted, ask) if not found.said]

    assert missed == []


def test_last_screen_says_what_was_missed(
    planted: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A percapita that answers nothing fails the last screen, error by error."""

    def nothing(arguments: Sequence[str]) -> Answer:
        return Answer(0, '{"rows": []}', "") if arguments else Answer(2, "", "")

    assert check.main([str(planted)], nothing) == 1
    assert "NOT FOUND" in capsys.readouterr().out
