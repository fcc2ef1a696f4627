"""Findings as far as a role may see them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from percapita.core.roles import Sight
from percapita.core.subjects import SESSION, USER

_CONCENTRATED: Final = "F15"
_PERSONAL: Final = (f"{USER} ", f"{SESSION} ")


def visible(findings: Iterable[Mapping[str, Any]], sight: Sight) -> list[dict[str, Any]]:
    """Leave out what says how much one person takes, where people may not be seen."""
    return [dict(one) for one in findings if sight.people or not _is_personal(one)]


def _is_personal(finding: Mapping[str, Any]) -> bool:
    return finding["code"] == _CONCENTRATED and str(finding["message"]).startswith(_PERSONAL)
