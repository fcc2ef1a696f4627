"""What each role asks of a month first, and the metrics that answer it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from percapita.core.errors import InputError, nearest
from percapita.report.metrics.view import Row, Valued


@dataclass(frozen=True, slots=True)
class Asks:
    """A question, the metrics that answer it, and the page that goes on from there."""

    question: str
    metrics: tuple[str, ...]
    page: str


VIEWS: Final[Mapping[str, tuple[Asks, ...]]] = {
    "CTO": (
        Asks("What does a user cost us, and which part is ours to change?",
             ("cost_per_unit", "infrastructure_cost_per_unit", "third_party_cost_per_unit"),
             "overview"),
        Asks("Which layers of the system take it?", ("layer_share_percent",), "cost?by=layer"),
        Asks("Is it a few who cost most?", ("top_1_percent", "top_10_percent", "gini"),
             "cost?by=tenant"),
        Asks("Does it scale: what does the business earn on it?",
             ("infrastructure_cost_ratio", "gross_margin_percent"), "report"),
    ),
    "VP engineering": (
        Asks("What do my teams' services cost?", ("layer_cost",), "statements?by=owner"),
        Asks("What is spent and reaches nobody?", ("beside",), "reconcile"),
        Asks("Can we trust where it goes?", ("practice",), "data"),
        Asks("What does a unit of work cost?", ("cost_per_unit",), "pricing"),
    ),
    "CFO": (
        Asks("What was billed, and is all of it accounted for?",
             ("bill_total", "total", "beside"), "reconcile"),
        Asks("What is left of revenue?", ("revenue", "margin", "margin_percent",
             "gross_margin_percent"), "report"),
        Asks("Are commitments used?", ("commitment_coverage", "commitment_utilisation",
             "commitment_unused", "effective_savings_rate"), "cost?by=category"),
        Asks("What does a customer cost and bring?",
             ("cost_per_unit", "revenue_per_unit", "margin_per_unit"), "pricing"),
    ),
    "Product manager": (
        Asks("What does a user cost and bring?",
             ("cost_per_unit", "revenue_per_unit", "margin_per_unit"), "cost"),
        Asks("What does a typical user cost, and a heavy one?",
             ("median_cost", "mean_cost", "p95_cost", "usage_weighted_cost"), "cost?by=tier"),
        Asks("What do those cost who do not come any more?", ("dormant", "dormant_cost"),
             "cost?by=cohort"),
    ),
    "Cloud architect": (
        Asks("Which layers cost most, and what of each user?",
             ("layer_cost", "layer_cost_per_unit"), "cost?by=layer"),
        Asks("What do storage and network take?",
             ("storage_cost_per_unit", "network_cost_per_unit"), "cost?by=category"),
        Asks("What capacity is idle, what commitments unused?",
             ("beside", "commitment_unused", "commitment_utilisation"), "model"),
    ),
}  # fmt: skip
"""Role -> what it asks, in order."""


class NoViewError(InputError):
    """A role that has no view of its own."""

    def __init__(self, role: str) -> None:
        super().__init__(f"There is no view for {role!r}.", hint=nearest(role, VIEWS))


def names(role: str) -> list[str]:
    """Return the metrics that a role needs, each once.

    Raises:
        NoViewError: there is no such role.
    """
    if role not in VIEWS:
        raise NoViewError(role)
    return list(dict.fromkeys(name for asks in VIEWS[role] for name in asks.metrics))


def answers(role: str, found: Valued) -> list[tuple[Asks, Sequence[Row]]]:
    """Return each question of a role with the values that answer it."""
    return [
        (asks, [row for name in asks.metrics for row in found.rows if row.metric.name == name])
        for asks in VIEWS[role]
    ]


def to_json(role: str, found: Valued) -> dict[str, Any]:
    """Return a view as JSON carries it."""
    return {
        "meta": {**found.meta, "role": role},
        "questions": [
            {
                "question": asks.question,
                "page": asks.page,
                "metrics": [
                    {"metric": row.metric.name, "of": row.of or None, "value": row.written}
                    for row in rows
                ],
            }
            for asks, rows in answers(role, found)
        ],
    }
