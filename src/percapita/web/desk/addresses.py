"""Addresses of the explorer: each state of it is one, and a choice leads to the next."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import urlencode

from percapita.web.desk.view import Asked

_KEPT: Final = ("facet", "period", "compare", "scope", "unit", "basis", "top")


def address(asked: Asked, by: Sequence[str], **changed: Sequence[str] | str) -> str:
    """Return the address of the explorer with something changed."""
    pairs: dict[str, Sequence[str]] = {
        "by": by, "where": asked.all("where"), **{name: asked.all(name) for name in _KEPT}
    }  # fmt: skip
    pairs |= {n: [v] if isinstance(v, str) else v for n, v in changed.items()}
    return f"/cost?{urlencode([(n, v) for n, values in pairs.items() for v in values])}"


def filters(asked: Asked, by: Sequence[str]) -> list[dict[str, str]]:
    """Return each filter with the address that drops it."""
    return [
        {"text": one, "drop": address(asked, by, where=[w for w in asked.all("where") if w != one])}
        for one in asked.all("where")
    ]


def facet_names(asked: Asked, by: Sequence[str], cuts: Sequence[str]) -> list[dict[str, Any]]:
    """Return each name that has a facet, whether it is open, and what opens or closes it."""
    opened = asked.all("facet")
    names = dict.fromkeys((*cuts, *opened))
    return [
        {
            "name": name,
            "open": name in opened,
            "to": address(
                asked,
                by,
                facet=[one for one in (*opened, name) if one != name or one not in opened],
            ),
        }
        for name in names
    ]


def facet_links(facet: Mapping[str, Any], asked: Asked, by: Sequence[str]) -> list[str]:
    """Return where each value of a facet leads; nowhere for who may not filter."""
    name = str(facet["facet"])
    rest = [one for one in asked.all("where") if one.partition("=")[0].strip() != name]
    if not asked.sight.people:
        return ["" for _ in facet["values"]]
    return [
        address(asked, by, where=rest if one["chosen"] else [*rest, f"{name}={one['value'] or ''}"])
        for one in facet["values"]
    ]
