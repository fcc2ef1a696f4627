"""What a condition of the model means, for one text."""

from __future__ import annotations

import re

from percapita.model.spec import Condition
from percapita.model.words import wildcard


def fits(text: str | None, condition: Condition) -> bool:
    """Tell whether a text fits a condition; no text fits ``absent`` alone."""
    if condition.present is not None:
        return (text is not None) == condition.present
    if text is None:
        return False
    return any(re.search(wildcard(value), text) for value in condition.values)
