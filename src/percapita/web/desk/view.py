"""What a page shows: one answer, for people, for programs and for spreadsheets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from percapita.core.privacy import digest
from percapita.core.roles import EVERYTHING, Sight
from percapita.core.subjects import SESSION, USER
from percapita.report.cost.sighted import NotForRoleError, check_beside
from percapita.report.document.blocks import Document
from percapita.report.opened import Opened, open_figures, open_runs
from percapita.web.api import paging
from percapita.web.desk import Bench


@dataclass(frozen=True, slots=True)
class Asked:
    """The address of a page after the question mark: each name with its values, in order."""

    pairs: tuple[tuple[str, str], ...] = ()
    sight: Sight = EVERYTHING
    """What whoever asks may see."""
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
    if cursor := asked.one("cursor"):
        return _as_before(bench, asked, cursor)
    path = bench.project.model_path
    text = path.read_text(encoding="utf-8-sig") if path.exists() else None
    return open_figures(
        bench.store, now=bench.project.now, basis=asked.one("basis"), run=asked.one("run"),
        model_text=text,
    )  # fmt: skip


def _as_before(bench: Bench, asked: Asked, cursor: str) -> Opened:
    """Open the runs that a list was begun with."""
    place = paging.read(bench.store.key, cursor)
    if not asked.sight.people and place.runs != bench.store.published(place.basis):
        raise NotForRoleError("runs that are not published any more: begin the list anew")
    return open_runs(bench.store, place.runs, place.basis, now=bench.project.now)


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
