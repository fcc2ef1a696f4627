"""Allocations of OpenCost and Kubecost: JSON of their API, and OpenCost's CSV export.

Each part of an allocation's cost (CPU, memory, storage …) is a line of its own, so that a model can
split each by its own driver. What the parts of a window lack to its totals is one line,
``difference``. Idle capacity and what belongs to nobody are allocations like others, ``__idle__``
and ``__unallocated__``: nothing is spread in silence.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Final

from percapita.bills.bindings import named, told, vendor
from percapita.bills.files.found import DamagedError
from percapita.core.errors import InputError
from percapita.core.money import total
from percapita.core.sources import Source
from percapita.plugins import BillFormat, Binding, Cell, Document, First, Fixed

_HEAD: Final = re.compile(r'"(cpuCost|ramCost)"\s*:')
_COST: Final = "totalCost"
_DIFFERENCE: Final = "difference"


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an allocation's cost."""

    costs: tuple[str, ...]
    category: str
    quantity: str = ""
    unit: str = ""


_PARTS: Final = {
    "cpu": _Part(("cpuCost", "cpuCostAdjustment"), "Compute", "cpuCoreHours", "core-hours"),
    "gpu": _Part(("gpuCost", "gpuCostAdjustment"), "Compute", "gpuHours", "GPU-hours"),
    "ram": _Part(("ramCost", "ramCostAdjustment"), "Compute", "ramByteHours", "byte-hours"),
    "pv": _Part(("pvCost", "pvCostAdjustment"), "Storage", "pvByteHours", "byte-hours"),
    "network": _Part(("networkCost", "networkCostAdjustment"), "Networking"),
    "loadBalancer": _Part(("loadBalancerCost", "loadBalancerCostAdjustment"), "Networking"),
    "shared": _Part(("sharedCost",), "Other"),
    "external": _Part(("externalCost",), "Other"),
}
"""Parts by name. The costs of one are summed: the estimate, and what the cloud's bill changed."""

_LIST: Final = re.compile(r'\s*(\{[^\[\]{}]*"data"\s*:\s*(\{[^\[\]{}]*"sets"\s*:\s*)?)?\[')
"""What stands before the first window of an answer."""
_CHUNK: Final = 1 << 20
_DECODER: Final = json.JSONDecoder(parse_float=Decimal, parse_int=Decimal, parse_constant=str)


class NotAnsweredError(InputError):
    """An answer without data."""

    def __init__(self, name: str, message: object) -> None:
        super().__init__(
            f"{name} holds no allocations: OpenCost answered {message!r}.",
            hint="Ask again, and keep the answer when its code is 200.",
        )


_COLUMNS: Final[Mapping[str, Cell | None]] = {
    "BilledCost": First(("cost", "TotalCost")),
    "EffectiveCost": First(("cost", "TotalCost")),
    "ChargePeriodStart": First(("start", "Date")),
    "ChargePeriodEnd": "end",
    "BillingAccountId": First(("properties.cluster", "Cluster")),
    "SubAccountId": First(("properties.namespace", "Namespace")),
    "ChargeCategory": Fixed("Usage"),
    "ChargeDescription": "description",
    "ChargeFrequency": Fixed("Usage-Based"),
    "ServiceName": Fixed("Kubernetes"),
    "ServiceCategory": told(
        "component",
        {name: part.category for name, part in _PARTS.items()} | {_DIFFERENCE: "Other"},
        Fixed("Compute"),
    ),
    "ResourceId": First(("allocation", "Pod")),
    "ResourceName": First(("properties.pod", "Pod", "allocation")),
    "SkuId": "component",
    "ConsumedQuantity": "quantity",
    "ConsumedUnit": "unit",
    "Tags": "properties.labels",
    "tags.cluster": First(("properties.cluster", "Cluster")),
    "tags.namespace": First(("properties.namespace", "Namespace")),
    "x_component": "component",
    "x_allocation": "allocation",
    "x_node": "properties.node",
    "x_pod": First(("properties.pod", "Pod")),
    "x_container": First(("properties.container", "Container")),
    "x_controller": First(("properties.controller", "ControllerName")),
    "x_controllerKind": First(("properties.controllerKind", "ControllerKind")),
}  # fmt: skip


class OpenCost:
    """The format's entry point."""

    name = "opencost"

    def records(self, document: Document, source: Source) -> Iterator[Mapping[str, object]] | None:
        """Yield the parts of each allocation, and what they lack to the window's totals.

        Raises:
            InputError: the answer is an error, or breaks off.
        """
        told_so = source.format == self.name and document.head.lstrip("\ufeff \r\n\t")[:1] in "{["
        if not (_HEAD.search(document.head) or told_so):
            return None
        return _read(document)

    def recognises(self, header: Sequence[str]) -> bool:
        """Tell OpenCost's CSV export; JSON is told by ``records``."""
        return {"date", "namespace", "cpucost", "ramcost", "totalcost"} <= set(named(header))

    def aside(self, header: Sequence[str]) -> str | None:  # noqa: ARG002
        """Know of no other datasets."""
        return None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind by name. Neither API nor export names a currency: the source or the model does."""
        return vendor(header, source, _COLUMNS)


def _read(document: Document) -> Iterator[Mapping[str, object]]:
    try:
        for value in _values(document):
            for window in _windows(value, ""):
                yield from window.records()
    except (ValueError, RecursionError) as error:
        raise DamagedError(
            document.path, f"it is no JSON, or breaks off ({error})", "Get the file again."
        ) from error


def _values(document: Document) -> Iterator[object]:
    """Yield the answer's windows one by one, or the whole of what is no list of windows."""
    with document.text.open(encoding="utf-8-sig") as file:
        listed = _LIST.match(document.head.lstrip("\ufeff"))
        if listed is None:
            yield _answered(_DECODER.decode(file.read()), document)
            return
        file.read(listed.end())
        held = ""
        while not (held := held.lstrip(" \r\n\t,")).startswith("]"):
            try:
                value, end = _DECODER.raw_decode(held)
            except ValueError:
                # What is held doubles, so that a long window is not tried again and again.
                more = file.read(max(_CHUNK, len(held)))
                if not more:
                    raise
                held += more
            else:
                yield value
                held = held[end:]


def _answered(answer: object, document: Document) -> object:
    if isinstance(answer, Mapping) and "code" in answer and not answer.get("data"):
        raise NotAnsweredError(document.path.name, answer.get("message") or str(answer["code"]))
    return answer


@dataclass(slots=True)
class _Window:
    """The allocations of one span of time."""

    allocations: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)

    def records(self) -> Iterator[Mapping[str, object]]:
        lacking: list[Decimal] = []
        for name, allocation in self.allocations:
            yield from _parts(name, allocation)
            lacking.append(_lack(allocation))
        if rest := total(lacking):
            # Sums of floating-point numbers, and costs of a kind that is not known here.
            spans = [_span(allocation) for _, allocation in self.allocations]
            yield {
                "start": min(start for start, _ in spans),
                "end": max(end for _, end in spans),
                "component": _DIFFERENCE,
                "cost": rest,
                "description": f"What the parts of {len(spans)} allocations lack to their totals",
            }


def _windows(value: object, key: str) -> Iterator[_Window]:
    """Yield the windows of an answer, whatever it is wrapped in."""
    if isinstance(value, Mapping):
        found = [(str(name), one) for name, one in value.items() if _is_allocation(one)]
        if found:
            yield _Window(found)
        elif _is_allocation(value):
            yield _Window([(key, value)])
        else:
            for name, inner in value.items():
                yield from _windows(inner, str(name))
    elif isinstance(value, list):
        for inner in value:
            yield from _windows(inner, key)


def _is_allocation(value: object) -> bool:
    return isinstance(value, Mapping) and (
        ("window" in value or "start" in value) and bool({_COST, "cpuCost"} & set(value))
    )


def _parts(name: str, allocation: Mapping[str, Any]) -> Iterator[Mapping[str, object]]:
    said = str(allocation.get("name") or name)
    start, end = _span(allocation)
    properties = dict(allocation.get("properties") or {})
    if properties.get("annotations"):
        # Their keys are the user's own and no columns.
        properties["annotations"] = [properties["annotations"]]
    for component, part in _PARTS.items():
        costs = [allocation[cost] for cost in part.costs if allocation.get(cost)]
        if costs:
            yield {
                "allocation": said,
                "start": start,
                "end": end,
                "component": component,
                "cost": _sum(costs),
                "quantity": allocation.get(part.quantity),
                "unit": part.unit if part.quantity in allocation else None,
                "description": f"{component} of {said}",
                "properties": properties,
            }


def _span(allocation: Mapping[str, Any]) -> tuple[str, str]:
    window = allocation.get("window") or {}
    start = allocation.get("start") or window.get("start") or ""
    return str(start), str(allocation.get("end") or window.get("end") or start)


def _sum(costs: Sequence[object]) -> Decimal | str:
    """Return the sum, or the text of what is no number: its line will say so."""
    amounts = [cost for cost in costs if isinstance(cost, Decimal)]
    if len(amounts) < len(costs):
        return str(next(cost for cost in costs if not isinstance(cost, Decimal)))
    return total(amounts)


def _lack(allocation: Mapping[str, Any]) -> Decimal:
    names = [cost for part in _PARTS.values() for cost in part.costs]
    parts = [allocation[name] for name in names if isinstance(allocation.get(name), Decimal)]
    whole = allocation.get(_COST)
    if not isinstance(whole, Decimal):
        return Decimal(0)
    return total([whole, *(part.copy_negate() for part in parts)])


SOURCE: BillFormat = OpenCost()
