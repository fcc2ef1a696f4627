"""Every code of a problem with a model, and what it means."""

from __future__ import annotations

from typing import Final

ERRORS: Final = {
    "syntax": "The text is not YAML, or not UTF-8.",
    "tab": "A tab stands outside quotes.",
    "anchor": "A YAML anchor, alias or tag, or a wildcard at the start of a value without quotes.",
    "duplicate-key": "A key is written twice in one place.",
    "duplicate-name": "Two pools have one name.",
    "duplicate-value": "A list names something twice.",
    "wrong-type": "A list, mapping or value of one kind stands where another belongs.",
    "unknown-key": "A key is not part of the grammar.",
    "missing-key": "A key that must be there is not.",
    "empty": "Nothing is written where a value belongs.",
    "unknown-value": "A value is not one of those the key takes.",
    "not-a-number": "A number is not written in plain digits, or is out of bounds.",
    "two-methods": "A pool, unit or segment says twice how it works.",
    "no-effect": "A key does nothing where it stands.",
    "unknown-column": "A column is known neither to bill lines nor to readings.",
    "unknown-level": "A level of subject is neither built in nor a segment of the model.",
    "unknown-pool": "`through` names a pool that the model does not have.",
    "unknown-segment": "A segment is used but not declared.",
    "unknown-unit": "A target names a unit that the model does not have.",
    "unknown-source": "A source is not in the project.",
    "reserved-name": "A pool has the name of one that every model has, or a meter that of a word.",
    "not-a-driver-pool": "`through` names a pool that cannot pass anything on.",
    "endless-loop": "Pools serve each other and nobody else, so their cost never arrives.",
    "large-loop": "More pools serve each other than can be solved exactly.",
}
"""The model cannot be run."""

WARNINGS: Final = {
    "unknown-meter": "No reading of this meter was imported.",
    "unused-meter": "Nothing in the model asks for a meter it declares.",
    "unknown-tag": "No bill line carries this tag.",
    "unknown-column": "No bill line has this column of its own.",
    "unknown-source": "A source is not in the project.",
    "unknown-attribute": "The source of a segment does not have this column.",
    "unreachable-pool": "A pool above takes every line that this one could take.",
    "no-effect": "A key does nothing with this pool's way of splitting.",
    "unnamed-free-tier": "The free tier is set apart, but no segment says who is in it.",
}
"""The model runs, but perhaps not as meant."""
