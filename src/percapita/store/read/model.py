"""Fixed questions to the inputs: which names a cost model can use.

The tables ``lines readings segments`` are asked for under their own names, bound by the caller.
"""

from __future__ import annotations

from percapita.store.engine import Engine


def meters(engine: Engine) -> set[str]:
    """Return the meters that have readings."""
    return {str(name) for (name,) in engine.rows("SELECT DISTINCT meter FROM readings")}


def tags(engine: Engine) -> set[str]:
    """Return the keys of tags that lines carry."""
    rows = engine.rows("SELECT DISTINCT unnest(map_keys(Tags)) FROM lines")
    return {str(name) for (name,) in rows}


def bills(engine: Engine) -> set[str]:
    """Return the sources that delivered lines."""
    return {str(name) for (name,) in engine.rows("SELECT DISTINCT source FROM lines")}


def attributes(engine: Engine) -> dict[str, set[str]]:
    """Return each source of attributes with the attributes it delivered."""
    found: dict[str, set[str]] = {}
    for source, name in engine.rows("SELECT DISTINCT source, attribute FROM segments"):
        found.setdefault(str(source), set()).add(str(name))
    return found
