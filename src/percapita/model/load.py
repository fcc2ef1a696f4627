"""A model file in, a checked ``Model`` out; all that is wrong with it is said at once."""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

from percapita.core.errors import InputError, Problem
from percapita.model.builtin import with_built_in
from percapita.model.check import Checked, in_order, problems, two_methods
from percapita.model.grammar import DEFAULT_UNIT, MODEL
from percapita.model.shapes import BAD, At
from percapita.model.spec import Model, Pool
from percapita.model.yaml import Keyed, Node, parse


class ModelError(InputError):
    """A model file that no run can work with. ``problems`` holds every reason."""

    def __init__(self, path: str, found: Collection[Problem]) -> None:
        count = f"{len(found)} problem{'s' if len(found) != 1 else ''}"
        super().__init__(
            f"The cost model {path} has {count}; nothing was changed.",
            hint="Mend them and run percapita model check.",
            problems=found,
        )


class NoModelError(InputError):
    """The model file is not there, or is not a file."""

    def __init__(self, path: Path, reason: str) -> None:
        hint = "Name it with --model FILE, or make one with percapita init DIR."
        super().__init__(f"The cost model {path} cannot be read: {reason}.", hint=hint)


def load(path: Path, *, known_sources: Collection[str] | None = None) -> Model:
    """Read a model file.

    Args:
        path: The file, UTF-8.
        known_sources: Names of the project's sources; a segment from any other is a problem.

    Raises:
        ModelError: something is wrong with what the file says.
        NoModelError: there is no such file.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise NoModelError(path, (error.strerror or "unknown reason").lower()) from error
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        before = content[: error.start]
        line, column = before.count(b"\n") + 1, error.start - before.rfind(b"\n")
        where = f"{path}:{line}:{column}"
        message = "This is not UTF-8 text."
        problem = Problem("syntax", where, message, "Save the file as UTF-8.")
        raise ModelError(str(path), [problem]) from error
    return loads(text, str(path), known_sources=known_sources)


def loads(
    text: str, path: str = "model.yaml", *, known_sources: Collection[str] | None = None
) -> Model:
    """Read a model from its text; ``path`` is what messages call it.

    Raises:
        ModelError: something is wrong with what the text says.
    """
    model, found = examine(text, path, known_sources=known_sources)
    if found or model is None:
        raise ModelError(path, found)
    return model


def examine(
    text: str, path: str = "model.yaml", *, known_sources: Collection[str] | None = None
) -> tuple[Model | None, list[Problem]]:
    """Return the model as far as it can be read, and what is wrong with it, in file order."""
    root, found = parse(text, path, start="currency: USD")
    if root is None:
        return None, found
    at = At(path, problems=found)
    values = MODEL.read(root, at)
    found.extend(two_methods(root, path))
    if values is BAD:
        return None, in_order(found)
    model = _model(cast("dict[str, Any]", values), text, at)
    pools = {trail[1] for trail in at.failed if trail[:1] == ("pools",) and trail[1:]}
    declared = Checked(
        model,
        broken={name for name in pools if isinstance(name, str)},
        unnamed=any(isinstance(name, int) for name in pools),
        segments=_names(root, "segments"),
        units=_names(root, "units") or [unit.name for unit in model.units],
        sources=known_sources,
    )
    return model, in_order([*found, *problems(declared)])


def _model(values: Mapping[str, Any], text: str, at: At) -> Model:
    named = {**values}
    treat, free = named.pop("free_tier", ("product", {}))
    units = [replace(u, name=name) for name, u in named.pop("units", {}).items()]
    segments = [replace(s, name=name) for name, s in named.pop("segments", {}).items()]
    units = units or [DEFAULT_UNIT]
    primary = units[0].name
    return Model(
        path=at.path,
        currency=named.pop("currency", ""),
        hash=hashlib.sha256(text.encode()).hexdigest(),
        units=tuple(units),
        segments=tuple(segments),
        pools=tuple(_placed(pool, at) for pool in named.pop("pools", ())),
        targets=tuple(replace(t, unit=t.unit or primary) for t in named.pop("targets", ())),
        meters=with_built_in(named.pop("meters", ())),
        free_tier=treat,
        free=free,
        text=text,
        marks=at.marks,
        **named,
    )


def _placed(pool: Pool, at: At) -> Pool:
    line, _ = at.marks["pools", pool.name]
    return replace(pool, line=line)


def _names(root: Node, key: str) -> list[str]:
    node = root.get(key) if isinstance(root, Keyed) else None
    return [name.value for name, _ in node.pairs] if isinstance(node, Keyed) else []
