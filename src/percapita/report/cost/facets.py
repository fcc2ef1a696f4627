"""Facets: what each value of a name would leave, beside what is shown.

A facet is the answer to the question that is asked, cut by one name, and without the filter on
that name: what choosing another value would show. It goes through the same door as every table, so
whoever may not see a cut sees no facet of it, and small groups stand together alike.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

from percapita.core.money import percent, text
from percapita.core.roles import EVERYTHING, Sight
from percapita.measure.figures import Figure
from percapita.measure.question import Dimension, Question, dimension
from percapita.report.cost import sighted
from percapita.report.cost.answer import Answer
from percapita.report.cost.as_json import shown
from percapita.report.cost.kept import key_of
from percapita.report.cost.plan import resolved
from percapita.report.opened import Opened
from percapita.store.kept.on_disk import OnDisk

TOP: Final = 8
"""Values of a facet: the dearest, the rest in one line."""


def facets(
    opened: Opened, question: Question, names: Sequence[str], sight: Sight = EVERYTHING
) -> list[dict[str, Any]]:
    """Return a facet of each name, as JSON carries it.

    Raises:
        NotForRoleError: the question, or one of the facets, is more than the role may see.
        InputError: a name is nothing that cost can be cut by.
    """
    if not sight.people:
        sighted.check(question, opened.model, sight)
    wanted = dict.fromkeys(dimension(name, opened.model) for name in names)
    return [_facet(opened, question, at, sight) for at in wanted]


def _facet(opened: Opened, question: Question, at: Dimension, sight: Sight) -> dict[str, Any]:
    chosen = [value for one, value in resolved(opened, question).where if _same(one, at)]
    others = tuple(pair for pair in question.where if not _same(pair[0], at))
    asked = replace(question, by=(at,), where=others, top=TOP, skip=0)
    if any(one.place == "subject" for one in asked.dimensions):
        # Never kept: somebody may be forgotten.
        return _chosen(_made(opened, asked, sight), chosen)
    found = OnDisk(opened.store.root).text(
        f"facet-{key_of(opened, asked, sight)}",
        lambda: json.dumps(_made(opened, asked, sight), ensure_ascii=False),
    )
    return _chosen(json.loads(found), chosen)


def _same(one: Dimension, other: Dimension) -> bool:
    """Tell whether two names mean one thing: ``cost_centre`` is ``cost centre``."""
    return (one.place, one.source) == (other.place, other.source)


def _made(opened: Opened, asked: Question, sight: Sight) -> dict[str, Any]:
    found = sighted.answer(opened, asked, replace(sight, revenue=False))
    rows = found.figures.rows
    rest = next((row for row in rows if row.others), None)
    return {
        "facet": asked.by[0].name,
        "values": [_value(found, row) for row in rows if not row.others],
        "others": rest and {"values": rest.others, "total": text(rest.cost.total)},
    }


def _value(found: Answer, row: Figure) -> dict[str, Any]:
    return {
        "value": shown(found, found.question.by[0], row.key[0]),
        "units": row.units,
        "total": text(row.cost.total),
        "share_percent": text(percent(row.cost.total, found.figures.totals.cost.total)),
        "key": row.key[0],
        **({"merged": list(row.merged)} if row.merged else {}),
    }


def _chosen(facet: dict[str, Any], chosen: Sequence[str | None]) -> dict[str, Any]:
    """Mark the value that a filter names; keys, which may be numbers of people, go."""
    for value in facet["values"]:
        key = value.pop("key")
        value["chosen"] = "merged" not in value and key in chosen
    return facet
