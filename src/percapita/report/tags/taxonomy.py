"""The two files that say how resources are labelled: the tag taxonomy and the resource map."""

from __future__ import annotations

import csv
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from percapita.core.errors import InputError
from percapita.core.money import exact

METHOD = "attribution method"
TYPE = "resource type"


@dataclass(frozen=True, slots=True)
class Taxonomy:
    """Required tag keys, the values each may have (none listed: any), and the goal in percent."""

    required: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    target: Decimal | None = None
    optional: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Further keys whose values are fixed where they are there."""
    enforced: tuple[str, ...] = ()
    """Resource types that AWS refuses to tag otherwise: ``ec2:instance``."""


class TaxonomyError(InputError):
    """The taxonomy file is not what it should be."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path}: {why}",
            hint="Write `required: [Environment, Team]` and, where values are fixed,"
            " `values: {Environment: [prod, dev]}`.",
        )


def read_taxonomy(path: Path | None) -> Taxonomy | None:
    """Read ``taxonomy.yaml``; ``None`` where there is none.

    Raises:
        TaxonomyError: it is no YAML, or of another shape.
    """
    if path is None or not path.exists():
        return None
    import yaml  # noqa: PLC0415

    try:
        # Scalars stay the text they were written as: `no` is a value, not false.
        document = yaml.load(path.read_text(encoding="utf-8"), Loader=yaml.BaseLoader)  # noqa: S506
    except yaml.YAMLError as error:
        raise TaxonomyError(path, " ".join(str(error).split())) from error
    if not isinstance(document, dict):
        raise TaxonomyError(path, "it is no mapping of keys.")
    keys = _texts(path, "required", document.get("required", []))
    values = document.get("values") or {}
    if not isinstance(values, dict):
        raise TaxonomyError(path, "`values` is no mapping of tag keys.")
    listed = {key: _texts(path, f"values of {key}", values.get(key, [])) for key in keys}
    further = {key: _texts(path, f"values of {key}", of) for key, of in values.items()}
    optional = {key: of for key, of in further.items() if key not in listed and of}
    enforced = _texts(path, "enforced for", document.get("enforced for"))
    return Taxonomy(listed, _target(path, document.get("target")), optional, enforced)


def _texts(path: Path, what: str, value: Any) -> tuple[str, ...]:  # noqa: ANN401
    if value in ("", None):
        return ()
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        raise TaxonomyError(path, f"`{what}` is no list of texts.")
    return tuple(dict.fromkeys(value))


def _target(path: Path, value: Any) -> Decimal | None:  # noqa: ANN401
    """Return the goal for spend; a mapping names it ``spend``."""
    if isinstance(value, dict):
        value = value.get("spend")
    if value in ("", None):
        return None
    try:
        return exact(str(value).replace("%", ""))
    except ValueError as error:
        raise TaxonomyError(path, f"`target` is {value!r}, not a percentage.") from error


def read_map(path: Path | None) -> list[dict[str, str]] | None:
    """Read ``resource_map.csv``, columns in lower case; ``None`` where there is none."""
    if path is None or not path.exists():
        return None
    with path.open(encoding="utf-8-sig", newline="") as file:
        rows = csv.DictReader(line for line in file if not line.lstrip().startswith("#"))
        return [
            {
                (name or "").strip().lower().replace("_", " "): (value or "").strip()
                for name, value in row.items()
                if isinstance(value, str) or value is None
            }
            for row in rows
        ]
