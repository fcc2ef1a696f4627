"""Routes: what paths have in common once ids are taken out of them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from percapita.store.engine import literal

_ID: Final = (
    r"\d+|[0-9a-fA-F]{8}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{4}-?[0-9a-fA-F]{12}"
    r"|[0-9a-fA-F]{16,}|[^/]*@[^/]*|[^/]*%40[^/]*|[A-Za-z0-9_-]*\d[A-Za-z0-9_-]{19,}|[^/]{100,}"
)
"""Parts of a path that are ids: numbers, UUIDs, hashes, mail addresses, long tokens with digits,
and whatever is longer than a word."""
_MOST: Final = 2000
"""Routes kept apart; what is left is ``{other}``, so that scanners cannot fill the store."""


def path(target: str) -> str:
    """Return SQL of the path of a target, without query and host; null where there is none."""
    bare = f"split_part(split_part({target}, '?', 1), '#', 1)"
    return (
        f"CASE WHEN {bare} LIKE '/%' THEN {bare} WHEN {bare} LIKE '%://%'"
        f" THEN concat('/', array_to_string(string_split({bare}, '/')[4:], '/')) END"
    )


def route(text: str, patterns: Sequence[str]) -> str:
    """Return SQL of the route of a path: the first pattern that fits, else the path without ids."""
    cases = " ".join(
        f"WHEN regexp_full_match({text}, {literal(_regex(pattern))}) THEN {literal(pattern)}"
        for pattern in patterns
    )
    # Part by part: replacing in whole paths takes three times as long.
    parts = (
        f"list_transform(string_split({text}, '/'), lambda part:"
        f" CASE WHEN regexp_full_match(part, {literal(_ID)}) THEN '{{id}}' ELSE part END)"
    )
    templated = f"array_to_string({parts}, '/')"
    return f"CASE {cases} ELSE {templated} END" if cases else templated


def _regex(pattern: str) -> str:
    """Return the expression of a pattern: ``*`` and ``{id}`` are one part, ``**`` is any number."""
    parts = re.split(r"(\*\*|\*|\{[^}]*\})", pattern)
    return "".join(
        ".*" if part == "**" else "[^/]+" if at % 2 else re.escape(part)
        for at, part in enumerate(parts)
    )


def kept(route: str, requests: str) -> str:
    """Return SQL over all routes, each with its requests, that keeps the most requested ones."""
    rank = f"row_number() OVER (ORDER BY {requests} DESC, {route})"
    return f"CASE WHEN {rank} <= {_MOST} THEN {route} ELSE '{{other}}' END"
