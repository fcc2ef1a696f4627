"""Killed anywhere, a project shows old figures or new ones, and the same commands mend it."""

from __future__ import annotations

import random
import shutil
import time
from pathlib import Path

import pytest

from crash.books import MONTHS, Books, Goal, restate
from crash.play import start
from killable import ended
from percapita.store.crash import KILLED, POINTS

ABSENT = ("gc.", "run.conversions-written", "run.tag_rules-written")
REACHED = [name for name in POINTS if not name.startswith(ABSENT)]
"""Nothing is collected by import, run and publish; the books are in one currency, without rules."""
WRITTEN = [name for name in REACHED if name.startswith("run.") and name.endswith("-written")]
"""A file of a run is on the disk, and nothing names it."""
TAKEN_IN = ("run.begun", "run.proven", "publish.staged")
"""Between import and publish."""
NOVEMBER = ("--period", "2025-11")


def points(*quick: str, without: tuple[str, ...] = ()) -> pytest.MarkDecorator:
    """Run a test for each point that is reached; all but the quick ones are slow."""
    slow = pytest.mark.slow
    named = [pytest.param(n, marks=() if n in quick else slow) for n in REACHED if n not in without]
    return pytest.mark.parametrize("name", named)


def sound(books: Books) -> None:
    """Check that catalog, files and logs agree, but for files that nothing names."""
    with books.store() as store:
        assert {problem.code for problem in store.doctor()} <= {"stray-file"}


@points("import.catalog-committed")
def test_first_run_crashes(name: str, fresh: Path, peace: Goal, tmp_path: Path) -> None:
    """Killed in the first import or run: no figures or all of them; a repeat gives the same."""
    books = Books(shutil.copytree(fresh, tmp_path / "p"))

    assert ended(start(books.folder, crash_at=name)) == KILLED
    assert books.months in (dict.fromkeys(MONTHS), peace.months)
    books.finish()
    assert books.settled() == peace.state
    sound(books)


# Every table has its log by then. Which of a run's files was written last makes no difference to
# what was published before: the first and the last stand for all.
@points("publish.staged", without=("delta.created", *WRITTEN[1:-1]))
def test_second_run_crashes(name: str, peace: Goal, restated: Goal, tmp_path: Path) -> None:
    """Killed while November is restated: readers keep its old figures, and October's always."""
    books = Books(shutil.copytree(peace.folder, tmp_path / "p"))
    restate(books.folder)
    old, new = peace.months, restated.months

    assert ended(start(books.folder, *NOVEMBER, crash_at=name)) == KILLED
    assert books.months == (new if name == "publish.committed" else old)
    if name in TAKEN_IN:
        # The bill is new, the figures are old, and that is said.
        statement = books.reconciled("2025-11")
        assert statement.code == 1
        assert "changed since the run" in statement.out
        assert "11.04" in statement.out
    books.finish(*NOVEMBER)
    assert new["2025-10"] == old["2025-10"]
    assert new["2025-11"] != old["2025-11"]
    assert books.settled() == restated.state
    sound(books)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [3, 17])
def test_random_kills_of_the_first_run(seed: int, fresh: Path, peace: Goal, tmp_path: Path) -> None:
    """Killed again and again at any moment, then left in peace: figures and hash as if never."""
    books, luck = Books(shutil.copytree(fresh, tmp_path / "p")), random.Random(seed)  # noqa: S311
    for _ in range(6):
        _killed(books, luck)

        assert books.months in (dict.fromkeys(MONTHS), peace.months)
    books.finish()
    assert books.settled() == peace.state
    sound(books)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 29])
def test_random_kills_of_the_second_run(
    seed: int, peace: Goal, restated: Goal, tmp_path: Path
) -> None:
    """Killed at any moment of a restatement: November is old or new, October never moves."""
    books = Books(shutil.copytree(peace.folder, tmp_path / "p"))
    restate(books.folder)
    luck = random.Random(seed)  # noqa: S311
    for _ in range(6):
        _killed(books, luck, *NOVEMBER)

        assert books.months in (peace.months, restated.months)
    books.finish(*NOVEMBER)
    assert books.settled() == restated.state
    sound(books)


def _killed(books: Books, luck: random.Random, *options: str) -> None:
    """Start the commands and kill them at some moment, if they have not ended by then."""
    process = start(books.folder, *options)
    time.sleep(0.5 + 5 * luck.random())
    process.kill()
    ended(process)
