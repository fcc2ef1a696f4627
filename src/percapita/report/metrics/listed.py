"""The metrics: every figure that percapita gives a name, what it is, and how it is worked out.

This list is the only one. The page, its files, the command and the Python API show what is here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, Literal

from percapita.core.money import percent, quotient, total
from percapita.report.metrics.gathered import Gathered

Kind = Literal["money", "money per unit", "percent", "count", "number"]
Value = Decimal | int | None
Values = Mapping[str, Value]
"""What the value is of -> value; of the whole where the name is empty."""


@dataclass(frozen=True, slots=True)
class Metric:
    """One named figure."""

    name: str
    title: str
    kind: Kind
    of: str
    """What it is told apart by: ``unit``, ``layer`` and alike; empty where it is one figure."""
    meaning: str
    """Numerator, denominator and scope, in words."""
    read: Callable[[Gathered], Values]


def _units(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {unit: getattr(one.totals, name) for unit, one in g.units.items()}


def _whole(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {"": getattr(g.whole.totals, name)}


def _cost(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {"": getattr(g.whole.totals.cost, name)}


def _scope(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {"": quotient(g.by_scope.get(name), g.whole.totals.units)}


def _category(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {"": quotient(g.by_category.get(name), g.whole.totals.units)}


def _layer(shown: Callable[[Gathered, Decimal], Value]) -> Callable[[Gathered], Values]:
    return lambda g: {layer: shown(g, cost) for layer, cost in g.by_layer.items()}


def _spread(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {"": getattr(g.spread, name) if g.spread else None}


def _percentile(at: int) -> Callable[[Gathered], Values]:
    return lambda g: {"": g.spread.percentiles.get(at) if g.spread else None}


def _top(at: int) -> Callable[[Gathered], Values]:
    return lambda g: {"": g.spread.top_shares.get(at) if g.spread else None}


def _commitment(name: str) -> Callable[[Gathered], Values]:
    return lambda g: {"": getattr(g.commitments, name)}


def _ratio(g: Gathered) -> Values:
    return {"": percent(g.by_scope.get("infrastructure"), g.whole.totals.revenue)}


def _gross(g: Gathered) -> Values:
    revenue, cost = g.whole.totals.revenue, g.by_class.get("cost of revenue")
    if revenue is None or cost is None:
        return {"": None}
    return {"": percent(total([revenue, -cost]), revenue)}


def _practice(gathered: Gathered) -> Values:
    kpis = gathered.practice.items()
    return {name: None if one.value is None else Decimal(one.value) for name, one in kpis}


METRICS: Final[tuple[Metric, ...]] = (
    Metric("cost_per_unit", "Cost per unit", "money per unit", "unit",
           "Allocated cost of all pools / units of the period.", _units("cost_per_unit")),
    Metric("units", "Units", "count", "unit",
           "Units active in the period; each window of the unit counts anew.", _units("units")),
    Metric("bill_total", "Bill", "money", "",
           "All charges of the period, in the basis asked for.",
           lambda g: {"": g.whole.bill_total}),
    Metric("total", "Allocated cost", "money", "",
           "What is allocated to units: direct, shared and overhead.", _cost("total")),
    Metric("direct", "Direct cost", "money", "",
           "Cost of lines that name their receiver.", _cost("direct")),
    Metric("shared", "Shared cost", "money", "",
           "Cost split by what drives it.", _cost("shared")),
    Metric("overhead", "Overhead", "money", "",
           "Cost spread evenly, by weights, or in proportion to other cost.", _cost("overhead")),
    Metric("beside", "Beside the units", "money", "class",
           "What no unit stands for: idle, anonymous, bots, excluded, unallocated and alike.",
           lambda g: dict(g.whole.named)),
    Metric("infrastructure_cost_per_unit", "Infrastructure per unit", "money per unit", "",
           "Allocated cost of pools of scope infrastructure / units.", _scope("infrastructure")),
    Metric("third_party_cost_per_unit", "Third party per unit", "money per unit", "",
           "Allocated cost of pools of scope third party / units.", _scope("third party")),
    Metric("people_cost_per_unit", "People per unit", "money per unit", "",
           "Allocated cost of pools of scope people / units.", _scope("people")),
    Metric("infrastructure_cost_ratio", "Infrastructure cost ratio", "percent", "",
           "Allocated cost of pools of scope infrastructure, amortised hardware in it / revenue.",
           _ratio),
    Metric("storage_cost_per_unit", "Storage per unit", "money per unit", "",
           "Allocated cost of charges of category Storage / units.", _category("Storage")),
    Metric("network_cost_per_unit", "Network per unit", "money per unit", "",
           "Allocated cost of charges of category Networking / units.", _category("Networking")),
    Metric("layer_cost", "Cost of a layer", "money", "layer",
           "Allocated cost of the pools of each layer.", _layer(lambda _, cost: cost)),
    Metric("layer_cost_per_unit", "Layer per unit", "money per unit", "layer",
           "Allocated cost of the pools of each layer / units.",
           _layer(lambda g, cost: quotient(cost, g.whole.totals.units))),
    Metric("layer_share_percent", "Share of a layer", "percent", "layer",
           "Allocated cost of the pools of each layer / allocated cost of all.",
           _layer(lambda g, cost: percent(cost, g.whole.totals.cost.total))),
    Metric("revenue", "Revenue", "money", "",
           "Money from the same receivers in the same time, spread over what it was paid for.",
           _whole("revenue")),
    Metric("revenue_per_unit", "Revenue per unit", "money per unit", "",
           "Revenue / units.", _whole("revenue_per_unit")),
    Metric("margin", "Margin", "money", "", "Revenue less allocated cost.", _whole("margin")),
    Metric("margin_per_unit", "Margin per unit", "money per unit", "",
           "Revenue less allocated cost / units.", _whole("margin_per_unit")),
    Metric("margin_percent", "Margin", "percent", "",
           "Revenue less allocated cost / revenue.", _whole("margin_percent")),
    Metric("gross_margin_percent", "Gross margin", "percent", "",
           "Revenue less allocated cost of pools of class cost of revenue / revenue.", _gross),
    Metric("mean_cost", "Mean cost of a subject", "money per unit", "",
           "Cost of subjects one by one / subjects that have any.", _spread("mean")),
    Metric("median_cost", "Median cost of a subject", "money per unit", "",
           "What half of the subjects do not exceed.", _percentile(50)),
    Metric("p95_cost", "Cost at the 95th percentile", "money per unit", "",
           "What 95 % of the subjects do not exceed.", _percentile(95)),
    Metric("p99_cost", "Cost at the 99th percentile", "money per unit", "",
           "What 99 % of the subjects do not exceed.", _percentile(99)),
    Metric("usage_weighted_cost", "Usage-weighted cost", "money per unit", "",
           "What a subject cost that was met on a random active day.",
           _spread("usage_weighted_mean")),
    Metric("gini", "Gini", "number", "",
           "0: all subjects cost alike; 1: one of them costs everything.", _spread("gini")),
    Metric("top_1_percent", "Share of the dearest 1 %", "percent", "",
           "Cost of the dearest 1 % of subjects / cost of all.", _top(1)),
    Metric("top_5_percent", "Share of the dearest 5 %", "percent", "",
           "Cost of the dearest 5 % of subjects / cost of all.", _top(5)),
    Metric("top_10_percent", "Share of the dearest 10 %", "percent", "",
           "Cost of the dearest 10 % of subjects / cost of all.", _top(10)),
    Metric("dormant", "Dormant subjects", "count", "",
           "Subjects that cost and were never active.", _spread("dormant")),
    Metric("dormant_cost", "Cost of dormant subjects", "money", "",
           "Cost of subjects that were never active.", _spread("dormant_cost")),
    Metric("commitment_coverage", "Commitment coverage", "percent", "",
           "Usage under commitments / usage that could be, at list price.",
           _commitment("coverage")),
    Metric("commitment_utilisation", "Commitment utilisation", "percent", "",
           "Used part of commitments / all of them, amortised.", _commitment("utilisation")),
    Metric("commitment_unused", "Unused commitments", "money", "",
           "Amortised cost of commitments that covered nothing.", _commitment("unused")),
    Metric("effective_savings_rate", "Effective savings rate", "percent", "",
           "What commitments and discounts save / the same usage at list price.",
           _commitment("effective_savings_rate")),
    Metric("practice", "KPIs of the practice", "number", "KPI",
           "Tag coverage, attribution and what else percapita check judges.",
           _practice),
)  # fmt: skip
"""Every metric, in the order it is shown."""
