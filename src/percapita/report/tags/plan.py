"""A Terraform plan against the taxonomy: what would be made with missing or wrong tags."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.measure.tagging import Broken, broken
from percapita.report.tags.taxonomy import Taxonomy

_TAGS: Final = ("tags", "tags_all")
"""Attributes that hold tags; the later ones know more, such as the provider's defaults."""
_LABELS: Final = ("labels", "terraform_labels", "effective_labels")
"""Likewise, where keys and values are in lower case only."""
_BLOCKS: Final = "tag"
"""Tags as a list of blocks with key and value."""
_MADE: Final = {"create", "update"}


class PlanError(InputError):
    """A file that is no plan as JSON."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is no Terraform plan: {why}.",
            hint="Make it so: terraform plan -out plan.bin && terraform show -json plan.bin"
            " > plan.json",
        )


@dataclass(frozen=True, slots=True)
class Planned:
    """One resource that a plan makes or changes, and what is wrong with its tags."""

    address: str
    type: str
    broken: tuple[Broken, ...]


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a plan says of tags."""

    checked: int
    """Resources that can carry tags and are made or changed."""
    untaggable: int
    unknown: int
    """Resources whose tags are not known before they are made."""
    planned: tuple[Planned, ...]
    """Those with something wrong."""


def check_plan(path: Path, taxonomy: Taxonomy) -> Verdict:
    """Check every resource that a plan creates, changes or replaces and that can carry tags.

    Raises:
        PlanError: the file is no plan as ``terraform show -json`` writes it.
    """
    checked = untaggable = unknown = 0
    found = []
    for change in _changes(path):
        after = change["change"].get("after") or {}
        later = change["change"].get("after_unknown") or {}
        tags = _tags(after, later, taxonomy)
        if tags is None:
            untaggable += 1
            continue
        if not tags and any(later.get(name) is True for name in (*_TAGS[:1], *_LABELS[:1])):
            unknown += 1
            continue
        checked += 1
        wrong = broken(tags, taxonomy.required, taxonomy.optional)
        if wrong:
            address = str(change.get("address", "?"))
            found.append(Planned(address, str(change.get("type", "")), tuple(wrong)))
    return Verdict(checked, untaggable, unknown, tuple(found))


def _changes(path: Path) -> Iterator[Mapping[str, Any]]:
    try:
        document = json.loads(path.read_text(encoding="utf-8-sig"))
    except OSError as error:
        raise PlanError(path, (error.strerror or "it cannot be read").lower()) from error
    except ValueError as error:
        raise PlanError(path, f"it is no JSON ({error})") from error
    known = isinstance(document, dict) and "format_version" in document
    changes = document.get("resource_changes", []) if known else None
    if not isinstance(changes, list):
        raise PlanError(path, "it has no resource_changes")
    for change in changes:
        if not isinstance(change, dict) or not isinstance(change.get("change"), dict):
            raise PlanError(path, "a resource change is no mapping")
        if change.get("mode") != "data" and _MADE & set(change["change"].get("actions", ())):
            yield change


def _tags(
    after: Mapping[str, Any], later: Mapping[str, Any], taxonomy: Taxonomy
) -> dict[str, str | None] | None:
    """Return the tags a resource will have, ``None`` where it cannot carry any.

    Every attribute that is known counts. A value that only applying tells is there, and not known.
    """
    found: dict[str, str | None] = {}
    names = [name for name in (*_TAGS, *_LABELS) if name in after or name in later]
    for name in names:
        said, open_ = after.get(name), later.get(name)
        own: dict[str, str | None] = {}
        if isinstance(said, dict):
            own = {str(key): str(text) for key, text in said.items() if text is not None}
        if isinstance(open_, dict):
            own |= {str(key): None for key, is_open in open_.items() if is_open is True}
        found |= _spelled(own, taxonomy) if name in _LABELS else own
    blocks = after.get(_BLOCKS)
    if isinstance(blocks, list):
        known = [block for block in blocks if isinstance(block, dict) and block.get("key")]
        found |= {str(block["key"]): block.get("value") for block in known}
        names.append(_BLOCKS)
    return found if names else None


def _spelled(labels: Mapping[str, str | None], taxonomy: Taxonomy) -> dict[str, str | None]:
    """Return labels in the taxonomy's own letters, so that lower case alone breaks nothing."""
    listed = {**taxonomy.optional, **taxonomy.required}
    keys = {key.lower(): key for key in listed}
    result: dict[str, str | None] = {}
    for label, value in labels.items():
        key = keys.get(label.lower(), label)
        values = {one.lower(): one for one in listed.get(key, ())}
        result[key] = value if value is None else values.get(value.lower(), value)
    return result
