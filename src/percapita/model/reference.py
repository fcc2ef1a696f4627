"""The reference page of the model file, written from the grammar itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from percapita.model.builtin import TEXT
from percapita.model.codes import ERRORS, WARNINGS
from percapita.model.grammar import MODEL
from percapita.model.pool_keys import DRIVER
from percapita.model.structures import Key, Record, records

INTRO = """\
# The cost model file

`model.yaml` says how every bill line is split. It is read as text: `1.10` keeps its digits, `no`
is a word until a key wants true or false. Quotes make any text a plain value, so `'present'` in
quotes is a value of the bill. A wildcard at the start of a value stands in quotes: `"*db*"`.
Anchors, tags and repeated keys are refused.

Check a model with `percapita model check`, read it in words with `percapita model describe`, give
your editor `percapita model schema`. How the methods work is told in
[allocation](../concepts/allocation.md).

This page is made by `percapita model schema --format markdown`.
"""

TITLES = {
    "": "The file",
    "units": "Units",
    "segments": "Segments",
    "pools": "Pools",
    "free tier": "Free tier",
    "targets": "Targets",
    "band": "Band",
    "meters": "Meters",
    "identity": "Identity",
    "activity": "Activity",
    "sampling": "Sampling",
    "driver": "Drivers",
}


_BUILT_IN = """\
What every model reads from telemetry as if it were written under `meters`. `percapita model meters`
lists a project's meters and where each comes from. Write one anew under its name to read it from
another place, for example from metrics where a service sends no spans; a meter has one place only,
so nothing is counted twice."""


class Entry(NamedTuple):
    """One documented key."""

    path: str
    """``pools.by.mix``; a name the model chooses is in capitals."""
    words: str
    default: str
    meaning: str
    example: str


def entries() -> Iterator[Entry]:
    """Yield every key of the grammar: the file's own, then section by section."""
    yield from _of(MODEL, "", deep=False)
    for key in MODEL.keys:
        for record in records(key.shape):
            yield from _of(record, key.name, deep=True)
    for record in records(DRIVER):
        yield from _of(record, "driver", deep=True)


def _of(record: Record, prefix: str, *, deep: bool) -> Iterator[Entry]:
    if record.free:
        free = record.free
        path = f"{prefix}.{free.placeholder}"
        yield Entry(path, free.value.words, "required", free.meaning, free.example)
    for key in record.keys:
        path = f"{prefix}.{key.name}" if prefix else key.name
        yield Entry(path, _words(key), _default(record, key), key.meaning, key.example)
        for inner in records(key.shape) if deep else ():
            if not inner.shared:
                yield from _of(inner, path, deep=True)


def _words(key: Key) -> str:
    return key.shape.words.replace(" (a mapping)", "")


def _default(record: Record, key: Key) -> str:
    return "required" if key.required else record.default(key)


def reference() -> str:
    """Return the page."""
    lines = [INTRO]
    section = None
    for entry in entries():
        part = entry.path.partition(".")[0] if "." in entry.path else ""
        if part != section:
            section = part
            lines += [f"## {TITLES[part]}", ""]
        lines += _entry(entry)
    lines += ["## Built-in meters", "", _BUILT_IN, "", "```yaml", TEXT.rstrip(), "```", ""]
    lines += _codes("Errors", "They stop: no run reads such a model.", ERRORS, "error")
    lines += _codes("Warnings", "The model runs; with `--strict` they fail the check.", WARNINGS,
                    "warning")  # fmt: skip
    return "\n".join(lines).rstrip() + "\n"


def _entry(entry: Entry) -> list[str]:
    return [
        f"### `{entry.path}`",
        "",
        entry.meaning,
        "",
        f"- Type: {entry.words}",
        f"- Default: {entry.default}",
        "",
        "```yaml",
        entry.example,
        "```",
        "",
    ]


def _codes(title: str, intro: str, codes: dict[str, str], kind: str) -> list[str]:
    lines = [f"## {title}", "", intro, ""]
    for name, meaning in codes.items():
        lines += [f"### {kind} `{name}`", "", meaning, ""]
    return lines
