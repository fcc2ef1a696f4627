"""A bill line by its id, and the tables that explain asks."""

from __future__ import annotations

from percapita.core.errors import InputError
from percapita.core.tables import LINES
from percapita.report.explain.explain import up
from percapita.report.explain.found import Question, Up
from percapita.report.opened import Opened
from percapita.store.read import run as read_run
from percapita.store.read.run import RUN_TABLES


class UnknownLineError(InputError):
    """No bill line has that id, or several start so."""

    def __init__(self, prefix: str, found: list[str]) -> None:
        many = f"Several lines start with {prefix!r}: {', '.join(found[:5])}."
        super().__init__(
            many if found else f"No line starts with {prefix!r}.",
            hint="percapita lines --period P prints the ids.",
        )


def bind(opened: Opened, period: str, run: str) -> None:
    """Name one billing period of one run as the tables that explain asks."""
    for table in RUN_TABLES:
        opened.store.bind(table, run=run, periods=[period])
    opened.store.bind(LINES, run=run)


def line(opened: Opened, question: Question, prefix: str) -> Up:
    """Explain a line by its id, or by as much of it as is unique.

    Raises:
        UnknownLineError: no line starts so, or several do.
    """
    opened.store.bind(LINES, run=opened.last_run)
    found = read_run.line_ids(opened.engine, prefix)
    if prefix not in found and len(found) != 1:
        raise UnknownLineError(prefix, found)
    exact = prefix if prefix in found else found[0]
    return up(opened.engine, lambda period, run: bind(opened, period, run), question, exact)
