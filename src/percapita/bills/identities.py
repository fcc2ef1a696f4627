"""Ids of people in bills: replaced by their pseudonyms before anything is written or shown.

What the user lists as identity tags is looked for as a tag, as a column of that name, and as a
column of ours. The texts of such columns are replaced where rows are read, so that lines,
quarantine and notes never see them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from percapita.bills.cells import columns_of
from percapita.bills.columns import TAG
from percapita.bills.files.literals import MAPS, loads, written
from percapita.bills.files.reading import Layout
from percapita.core.privacy import Key, masked
from percapita.plugins import Binding, Inside
from percapita.store.engine import Engine

_PARTS = (":", "/", ".")
"""What a key's beginning is parted with, ``user:id``."""


class Masks:
    """The identity tags of a source, and the key of their pseudonyms."""

    def __init__(self, kinds: Mapping[str, str], key: Key) -> None:
        self._kinds = {name.removeprefix(TAG): kind for name, kind in kinds.items()}
        self._key = key

    def kind(self, name: str) -> str | None:
        """Return the kind of subject that a tag or column names, ``None`` if it names none."""
        for known, kind in self._kinds.items():
            if name in (known, f"{TAG}{known}") or name.endswith(tuple(p + known for p in _PARTS)):
                return kind
        return None

    def apply(self, engine: Engine, number: int, layout: Layout, binding: Binding) -> None:
        """Replace the texts of a layout's columns that hold ids.

        Args:
            engine: where the rows are; gets tables named ``bill_masked_…``.
            number: of the layout.
            layout: gets the replacements.
            binding: says which column is which tag.
        """
        for column, replace in self._columns(layout.names, binding).items():
            at = f"c{layout.names.index(column)}"
            found = engine.rows(f"SELECT DISTINCT {at} FROM ({layout.relation}) WHERE {at} <> ''")
            table = f"bill_masked_{number}_{at}"
            rows = [(text, replace(text)) for (text,) in found]
            engine.load(table, {"text": "string", "safe": "string"}, rows)
            layout.masks[at] = table

    def _columns(self, names: Iterable[str], binding: Binding) -> dict[str, Callable[[str], str]]:
        known = set(names)
        found: dict[str, Callable[[str], str]] = {
            name: self._whole(kind) for name in known if (kind := self.kind(name))
        }
        for target, cell in binding.columns.items():
            if (kind := self.kind(target)) and not isinstance(cell, Inside):
                found |= dict.fromkeys(known.intersection(columns_of(cell)), self._whole(kind))
        maps = {name for name in known if MAPS.fullmatch(name)} | self._maps(binding)
        return dict.fromkeys(maps & known - found.keys(), self._keys) | found

    def _maps(self, binding: Binding) -> set[str]:
        """Return the columns that hold tags, or keys of which one is an id."""
        found = set(columns_of(binding.columns.get("Tags")))
        for cell in binding.columns.values():
            if isinstance(cell, Inside) and self.kind(cell.key):
                found.add(cell.column)
        return found

    def _whole(self, kind: str) -> Callable[[str], str]:
        return lambda text: masked(self._key, kind, text.strip())

    def _keys(self, text: str) -> str:
        """Replace the values of identity keys in an object of tags, however it is written."""
        body = text.strip()
        try:
            found = loads("{" + body + "}" if body.startswith('"') else body)
        except ValueError:
            # What can't be read may hold an id.
            return masked(self._key, "text", body) if self._named(body) else text
        safe = self._safe(found)
        return text if safe == found else written(safe)

    def _named(self, text: str) -> bool:
        return any(name in text for name in self._kinds)

    def _safe(self, found: Any) -> Any:  # noqa: ANN401
        if isinstance(found, list):
            return [self._safe(item) for item in found]
        if not isinstance(found, dict):
            return found
        pair = {str(key).lower(): key for key in found}
        if pair.keys() >= {"key", "value"} and (kind := self.kind(str(found[pair["key"]]))):
            return {**found, pair["value"]: self._mask(kind, found[pair["value"]])}
        return {key: self._of(str(key), value) for key, value in found.items()}

    def _of(self, key: str, value: Any) -> Any:  # noqa: ANN401
        kind = self.kind(key)
        return self._safe(value) if kind is None else self._mask(kind, value)

    def _mask(self, kind: str, value: object) -> object:
        if value is None or value == "":
            return value
        text = value if isinstance(value, str) else written(value)
        return masked(self._key, kind, str(text))
