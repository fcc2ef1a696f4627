"""What a plan says of tags, written out: sentences for the terminal, JSON, or flat rows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from percapita.measure.tagging import Broken
from percapita.report.tags.plan import Verdict


def plan_json(verdict: Verdict) -> dict[str, Any]:
    """Return the verdict as JSON carries it."""
    return {
        "checked": verdict.checked,
        "untaggable": verdict.untaggable,
        "unknown": verdict.unknown,
        "resources": [
            {
                "address": one.address,
                "type": one.type,
                "tags": [
                    {"key": tag.key, "problem": _problem(tag), "value": tag.value,
                     "meant": tag.meant, "allowed": list(tag.allowed)}
                    for tag in one.broken
                ],
            }
            for one in verdict.planned
        ],
    }  # fmt: skip


def plan_flat(verdict: Verdict) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Return header and rows, one a missing or wrong tag."""
    header = ("address", "type", "key", "problem", "value", "meant", "allowed")
    return header, [
        [one.address, one.type, tag.key, _problem(tag), tag.value, tag.meant, " ".join(tag.allowed)]
        for one in verdict.planned
        for tag in one.broken
    ]


def _problem(tag: Broken) -> str:
    return "missing" if tag.value is None else "not allowed"


def plan_text(verdict: Verdict) -> Iterator[str]:
    """Yield a line for each resource and each of its tags, then the sum."""
    for one in verdict.planned:
        yield one.address
        for tag in one.broken:
            yield f"  {_said(tag)}"
    bad, rest = len(verdict.planned), []
    if verdict.untaggable:
        rest.append(f"{verdict.untaggable} cannot carry tags")
    if verdict.unknown:
        rest.append(f"the tags of {verdict.unknown} are not known before they are made")
    noun = "resource follows" if verdict.checked - bad == 1 else "resources follow"
    yield (
        "; ".join([f"{verdict.checked - bad} of {verdict.checked} {noun} the taxonomy", *rest])
        + "."
    )


def _said(tag: Broken) -> str:
    if tag.value is None:
        other = f"; it has {tag.meant}" if tag.meant else ""
        return f"{tag.key} is missing{other}."
    meant = f" Did you mean {tag.meant}?" if tag.meant else f" Allowed: {', '.join(tag.allowed)}."
    return f"{tag.key} cannot be {tag.value!r}.{meant}"
