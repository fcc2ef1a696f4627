"""Subjects of a delivery: from the ids in its cells to the numbers that stand for them."""

from __future__ import annotations

from collections import defaultdict
from typing import Final

from percapita.core.subjects import ANONYMOUS, BOT, SEGMENT, SESSION, TENANT, USER, segment_name
from percapita.store.engine import quote
from percapita.telemetry.batch import Batch, Table, cell
from percapita.telemetry.columns import Layout
from percapita.telemetry.intake import Intake

WHO: Final = {"who": "string", "number": "int64", "level": "string"}
"""The table ``_who``: every id of the delivery; no number where its kind is not one we know."""

_MARK: Final = "\x1f"
_LEVELS: Final = (USER, SESSION, TENANT)
_PLAIN: Final = {"", "human", "person", "customer"}
_NAMELESS: Final = "unnamed"


def who(layout: Layout) -> str:
    """Return SQL of the text that names a row's subject: level, kind and id; null for nobody."""
    kind = f"lower(coalesce({cell(layout, 'subject_kind')}, ''))"
    if not layout.whom:
        return f"CASE WHEN {kind} = '{BOT}' THEN concat_ws(chr(31), '{USER}', '{BOT}', '') END"
    if len(layout.whom) == 1:
        whom = layout.whom[0]
        name = cell(layout, whom.part)
        named = f"concat('{whom.level}', chr(31), {kind}, chr(31), coalesce({name}, ''))"
        return f"CASE WHEN {name} IS NOT NULL OR {kind} = '{BOT}' THEN {named} END"
    cells = [quote(whom.part) for whom in layout.whom]
    filled = " + ".join(f"({c} IS NOT NULL)::INT" for c in cells)
    cases = " ".join(
        f"WHEN {c} IS NOT NULL THEN concat('{whom.level}', chr(31), chr(31), {c})"
        for c, whom in zip(cells, layout.whom, strict=True)
    )
    # Two segments in one row are a level we do not know: an empty one.
    return f"CASE WHEN {filled} > 1 THEN concat('', chr(31), chr(31)) {cases} END"


def shown(layout: Layout) -> str:
    """Return the part that a message about a row's subject names."""
    if layout.has("subject_kind"):
        return "subject_kind"
    return layout.whom[0].part if layout.whom else USER


def learn(batch: Batch | Intake, texts: set[str]) -> None:
    """Make ``_who``: give every id its number, and mark bots and anonymous ones."""
    named: dict[str, set[str]] = defaultdict(set)
    asked = []
    for text in sorted(texts):
        level, kind, name = text.split(_MARK, 2)
        level, flag = _level(level, kind, batch)
        if level and name == "" and flag == BOT:
            name = _NAMELESS
        of = level if level in _LEVELS else SEGMENT
        full = name if of != SEGMENT else segment_name(level, name)
        if level:
            named[of].add(full)
        asked.append((text, level, flag, of, full))
    door = batch.store.door
    numbers = {of: door.numbers(of, sorted(names)) for of, names in named.items()}
    for flag in (BOT, ANONYMOUS):
        marked = [numbers[of][full] for _, level, f, of, full in asked if level and f == flag]
        if marked:
            door.set_kind(marked, flag)
    rows = [
        (text, numbers[of][full] if level else None, level or None)
        for text, level, _, of, full in asked
    ]
    batch.engine.load("_who", WHO, rows)


def _level(level: str, kind: str, batch: Batch | Intake) -> tuple[str, str]:
    """Return the level and the flag that a row's ``subject_kind`` gives; no level if unknown."""
    if kind in _PLAIN:
        return level, ""
    if kind in (BOT, ANONYMOUS):
        return level, kind
    if kind in _LEVELS:
        return kind, ""
    segments = {segment.lower(): segment for segment in batch.model_segments}
    return segments.get(kind, ""), ""


def ids(batch: Batch, table: Table, relation: str) -> set[str]:
    """Return the distinct texts of the column ``who`` of a relation."""
    if not table.layout.whom and not table.layout.has("subject_kind"):
        return set()
    found = batch.engine.rows(f"SELECT DISTINCT who FROM ({relation}) WHERE who IS NOT NULL")
    return {text for (text,) in found}


def why(part: str) -> tuple[str, str, str]:
    """Return code, reason and fix for a row whose subject cannot be told."""
    if part == "subject_kind":
        return (
            "unknown-kind",
            "is no kind of subject",
            "Write user, session, tenant, bot, anonymous or the name of a segment.",
        )
    if part.startswith("segment."):
        return (
            "two-segments",
            "the row names more than one segment",
            "Give every segment rows of its own.",
        )
    return "no-subject", "the row names no subject", "Every row needs an id."
