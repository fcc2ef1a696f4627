"""What a state of the explorer asks, looked at before it is kept under a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from percapita.core.errors import InputError, PercapitaError, nearest
from percapita.core.roles import ROLES, Role, Sight
from percapita.core.subjects import SESSION, USER
from percapita.measure.question import FULL, Question, ask, dimension
from percapita.report.cost import sighted
from percapita.report.numbers import instant
from percapita.report.opened import Opened
from percapita.store.saved import SavedView

KEPT: Final = (
    "by", "where", "period", "compare", "scope", "unit", "basis", "top", "facet"
)  # fmt: skip
"""Names of an address that a view keeps."""
LONGEST: Final = 4000
"""Characters of an address."""


class PersonInViewError(InputError):
    """A view that would keep who somebody is, beyond what erasing reaches."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"A view names nobody: it would be kept with the filter {name}.",
            hint="Drop the filter, or send the address itself.",
        )


class NoStateError(InputError):
    """Text that is no state of the explorer."""

    def __init__(self, name: str = "") -> None:
        said = f"A view keeps no {name!r}." if name else "That is longer than any address."
        super().__init__(said, hint=nearest(name, KEPT) if name else "")


def cleaned(query: str, *, newest: bool = False) -> str:
    """Return an address's query as it is kept: known names, nothing empty, nobody in it.

    Args:
        query: what stands after the question mark.
        newest: without its period, so that it opens on the newest month whenever it is opened.

    Raises:
        NoStateError: it has a name that the explorer does not know.
        PersonInViewError: a filter names a person.
    """
    if len(query) > LONGEST:
        raise NoStateError
    pairs = [(name, value) for name, value in parse_qsl(query) if value]
    for name, value in pairs:
        if name not in KEPT:
            raise NoStateError(name)
        if name == "where" and (kind := value.partition("=")[0].strip()) in (USER, SESSION):
            raise PersonInViewError(kind)
    return urlencode([(n, v) for n, v in pairs if not (newest and n == "period")])


def roles_for(opened: Opened, query: str, sights: Mapping[Role, Sight]) -> list[Role]:
    """Return the roles that may open a kept address.

    Raises:
        InputError: it asks for something that the model does not know.
    """
    asked = parse_qsl(query)
    questions = _questions(opened, asked)
    return [role for role in ROLES if _may(opened, questions, sights[role])]


def described(view: SavedView, who: str) -> dict[str, Any]:
    """Return a view as JSON carries it."""
    return {
        "name": view.name, "owner": view.owner, "own": view.owner == who, "shared": view.shared,
        "saved_at": instant(view.saved_at), "query": view.query, "address": f"/cost?{view.query}",
    }  # fmt: skip


def _questions(opened: Opened, asked: Sequence[tuple[str, str]]) -> list[Question]:
    """Return all that a page of this address works out."""

    def every(name: str) -> list[str]:
        return [value for one, value in asked if one == name]

    def last(name: str, default: str = "") -> str:
        return (every(name) or [default])[-1]

    newest = max(opened.runs)
    question = ask(
        opened.model, by=every("by"), where=every("where"), scope=last("scope", FULL),
        unit=last("unit"), period=opened.period(last("period", newest)), basis=last("basis"),
    )  # fmt: skip
    found = [question]
    found += [replace(question, by=(dimension(one, opened.model),)) for one in every("facet")]
    if compared := last("compare"):
        found.append(replace(question, period=opened.period(compared)))
    return found


def _may(opened: Opened, questions: Sequence[Question], sight: Sight) -> bool:
    if sight.people:
        return True
    try:
        for question in questions:
            sighted.check(question, opened.model, sight)
    except PercapitaError:
        return False
    return True
