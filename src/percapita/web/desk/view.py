"""What a page shows: one answer, for people, for programs and for spreadsheets."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from percapita.core.privacy import digest
from percapita.core.roles import EVERYTHING, Sight
from percapita.core.subjects import SESSION, USER
from percapita.measure.question import Question
from percapita.report.cost.answer import Answer
from percapita.report.cost.sighted import NotForRoleError, check_beside
from percapita.report.document.blocks import Document
from percapita.report.opened import Opened, open_figures, open_runs
from percapita.web.api import paging
from percapita.web.api.paging import Place
from percapita.web.desk import Bench

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Asked:
    """The address of a page after the question mark: each name with its values, in order."""

    pairs: tuple[tuple[str, str], ...] = ()
    sight: Sight = EVERYTHING
    """What whoever asks may see."""
    page: str = ""
    """Of which page."""
    who: str = ""
    role: str = ""
    """Who asks, where the answer is theirs alone: it is never kept."""

    def one(self, name: str, default: str = "") -> str:
        """Return the last value of a name."""
        return next((v for n, v in reversed(self.pairs) if n == name and v), default)

    def all(self, name: str) -> list[str]:
        """Return every value of a name, each once."""
        return list(dict.fromkeys(v for n, v in self.pairs if n == name and v))

    def number(self, name: str, default: int | None = None) -> int | None:
        """Return a value that is a whole number above zero."""
        text = self.one(name)
        return int(text) if text.isascii() and text.isdigit() and int(text) > 0 else default


@dataclass(frozen=True, slots=True)
class View:
    """One answer in its forms."""

    template: str
    title: str
    data: Mapping[str, Any]
    """As JSON carries it: the very figures that the page shows."""
    header: Sequence[str | None] = ()
    """Of the table that CSV carries."""
    rows: Sequence[Sequence[Any]] = ()
    shown: Mapping[str, Any] = field(default_factory=dict)
    """What the template needs beside the figures: pictures, links, choices."""
    people: Sequence[str] = ()
    """Whose figures these are, as the audit log is to name them: pseudonyms, never ids."""
    document: Document | None = None
    """The same to hand on: as HTML, Markdown and PDF."""


def opened(bench: Bench, asked: Asked) -> Opened:
    """Open the figures that an address asks for: of a basis, of a run, else the published ones.

    Raises:
        NothingPublishedError: there are none.
        NotForRoleError: a run is asked for, and whoever asks may see published ones only.
    """
    check_beside(asked.sight, run=asked.one("run"))
    if (place := place_of(bench, asked)).runs:
        return _as_before(bench, asked, place)
    path = bench.project.model_path
    text = path.read_text(encoding="utf-8-sig") if path.exists() else None
    return open_figures(
        bench.store, now=bench.project.now, basis=asked.one("basis"), run=asked.one("run"),
        model_text=text,
    )  # fmt: skip


def _as_before(bench: Bench, asked: Asked, place: Place) -> Opened:
    """Open the runs that a list was begun with."""
    if not asked.sight.people and place.runs != bench.store.published(place.basis):
        raise NotForRoleError("runs that are not published any more: begin the list anew")
    return open_runs(bench.store, place.runs, place.basis, now=bench.project.now)


def place_of(bench: Bench, asked: Asked) -> Place:
    """Return where the list goes on that an address asks for; its beginning without a cursor.

    Raises:
        CursorError: the cursor is none of this list.
    """
    cursor = asked.one("cursor")
    question = paging.question(asked.page, asked.pairs)
    return paging.read(bench.store.key, question, cursor) if cursor else Place()


def cursor_of(bench: Bench, asked: Asked, place: Place) -> str:
    """Return the cursor of a place in the list that an address asks for."""
    return paging.write(bench.store.key, paging.question(asked.page, asked.pairs), place)


def limit_of(asked: Asked) -> int | None:
    """Return how many rows a page is to have; ``None`` where the whole list is asked for."""
    limit = asked.number("limit", paging.USUAL if asked.one("cursor") else None)
    return limit and min(limit, paging.MOST)


def page_of(
    bench: Bench, asked: Asked, rows: Sequence[Row], found: Opened
) -> tuple[Sequence[Row], dict[str, str | None]]:
    """Return the rows of a page, and its ``next``: of a list of the figures that are opened."""
    limit = limit_of(asked)
    if limit is None:
        return rows, {}
    begin = place_of(bench, asked).after
    end = begin + limit
    place = Place(end, basis=found.basis, runs=found.runs)
    following = cursor_of(bench, asked, place) if end < len(rows) else None
    return rows[begin:end], {"next": following}


def asked_page(bench: Bench, asked: Asked, question: Question) -> Question:
    """Return a question as it asks for the rows of a page alone, where a page is asked for."""
    limit = limit_of(asked)
    if limit is None:
        return question
    return replace(question, top=limit, skip=place_of(bench, asked).after)


def answered_page(
    bench: Bench, asked: Asked, answer: Answer
) -> tuple[Answer, dict[str, str | None]]:
    """Return the answer to such a question without its rest, and the ``next`` of the page."""
    if limit_of(asked) is None:
        return answer, {}
    rows = tuple(row for row in answer.figures.rows if not row.others)
    every = len(rows) + sum(row.others for row in answer.figures.rows)
    end = answer.question.skip + len(rows)
    place = Place(end, basis=answer.opened.basis, runs=answer.opened.runs)
    following = cursor_of(bench, asked, place) if end < every else None
    return replace(answer, figures=replace(answer.figures, rows=rows)), {"next": following}


def page_after(
    bench: Bench, asked: Asked, rows: Sequence[Row], by: Callable[[Row], tuple[str | int, ...]]
) -> tuple[Sequence[Row], dict[str, str | None]]:
    """Return the same of a list that grows, put in the order of ``by``, which no two share."""
    limit = limit_of(asked)
    if limit is None:
        return rows, {}
    last = place_of(bench, asked).last
    left = sorted((row for row in rows if not last or by(row) > last), key=by)
    page = left[:limit]
    more = len(left) > limit
    return page, {"next": cursor_of(bench, asked, Place(last=by(page[-1]))) if more else None}


def noted(bench: Bench, written: str) -> str:
    """Return ``user=ada`` as the audit log may hold it: people by pseudonym, tenants by name."""
    kind, _, name = (part.strip() for part in written.partition("="))
    if kind in (USER, SESSION):
        name = digest(bench.store.key, kind, name)
    return f"{kind}:{name}"


def periods(found: Opened) -> list[str]:
    """Return the months that have figures, the newest first."""
    return sorted(found.runs, reverse=True)


def period_of(found: Opened, asked: Asked) -> str:
    """Return the period an address asks for, the newest month unless it says one."""
    return asked.one("period") or periods(found)[0]
