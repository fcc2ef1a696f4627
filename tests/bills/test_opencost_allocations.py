"""OpenCost's allocations: every part a line, every total kept."""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Any

import pytest

from bills.bill_texts import Read
from percapita.core.errors import InputError

WINDOW = {"start": "2025-10-01T00:00:00Z", "end": "2025-10-02T00:00:00Z"}


def allocation(name: str, total: float | None = None, **costs: float) -> dict[str, Any]:
    """Return an allocation; its total is the sum of the costs as floats make it, unless said."""
    said: dict[str, Any] = {"name": name, "window": WINDOW, **WINDOW,
                            "properties": {"cluster": "c", "namespace": name}}  # fmt: skip
    return {**said, **costs, "totalCost": sum(costs.values()) if total is None else total}


def answer(*allocations: Mapping[str, Any]) -> str:
    """Return an answer with one window."""
    return json.dumps({"code": 200, "data": [{one["name"]: one for one in allocations}]})


TWO = (
    allocation("shop", cpuCost=0.1, ramCost=0.2, pvCost=0.3, networkCost=1e-9),
    allocation("__idle__", cpuCost=1.5),
)


def components(made: Any) -> dict[str, Decimal]:  # noqa: ANN401
    """Return the sum of each component."""
    found: dict[str, Decimal] = {}
    for line in made.lines:
        name = line["Extra"]["x_component"]
        found[name] = found.get(name, Decimal(0)) + line["BilledCost"]
    return found


def test_parts_and_difference_sum_to_the_totals(read: Read) -> None:
    """Floats leave a rest in the last digits: it is one line of its own."""
    made = read({"a.json": answer(*TWO)}, currency="USD")

    total = sum(Decimal(str(one["totalCost"])) for one in TWO)
    assert sum(components(made).values()) == total
    assert set(components(made)) == {"cpu", "ram", "pv", "network", "difference"}
    assert abs(components(made)["difference"]) < Decimal("1e-15")


def test_idle_is_seen(read: Read) -> None:
    """Idle capacity is an allocation like others, told by its name."""
    lines = read({"a.json": answer(*TWO)}, currency="USD").lines
    idle = [line for line in lines if line["Extra"].get("x_allocation") == "__idle__"]

    assert [line["EffectiveCost"] for line in idle] == [Decimal("1.5")]
    assert {line["Tags"]["cluster"] for line in idle} == {"c"}


def test_adjustments_belong_to_their_part(read: Read) -> None:
    """What the cloud's bill changed is summed with the estimate."""
    made = read(
        {"a.json": answer(allocation("shop", cpuCost=0.5, cpuCostAdjustment=-0.25))}, currency="USD"
    )

    assert components(made) == {"cpu": Decimal("0.25")}


def test_a_cost_of_an_unknown_kind_is_not_lost(read: Read) -> None:
    """A total above all known parts leaves the difference visible."""
    made = read({"a.json": answer(allocation("shop", cpuCost=0.5, total=0.75))}, currency="USD")

    assert components(made) == {"cpu": Decimal("0.5"), "difference": Decimal("0.25")}


@pytest.mark.parametrize(
    "wrap",
    [
        lambda held: held,
        lambda held: [held],
        lambda held: {"data": [held, {}, None]},
        lambda held: {"code": 200, "data": {"sets": [{"allocations": held, "window": WINDOW}]}},
    ],
    ids=["object", "array", "answer", "summary"],
)
def test_answers_come_wrapped_in_many_ways(read: Read, wrap: Any) -> None:  # noqa: ANN401
    """The API, its summary, and what people keep of them hold the same allocations."""
    held = {one["name"]: one for one in TWO}
    made = read({"a.json": json.dumps(wrap(held))}, currency="USD")

    assert made.format == "opencost"
    assert sum(components(made).values()) == sum(Decimal(str(one["totalCost"])) for one in TWO)


def test_the_project_names_the_currency(read: Read) -> None:
    """The API names none: the model's counts, and percapita.yaml before it."""
    assumed = read({"a.json": answer(*TWO)}, currency="EUR")
    assert set(assumed.sums) == {"EUR"}
    assert any("currency" in note for note in assumed.notes)

    told = read({"a.json": answer(*TWO)}, currency="EUR", values={"BillingCurrency": "CHF"})
    assert set(told.sums) == {"CHF"}
    assert not any("currency" in note for note in told.notes)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ('{"code": 400, "message": "invalid window", "data": null}', "invalid window"),
        (answer(*TWO)[:-9], "breaks off"),
    ],
)
def test_an_answer_that_is_none_stops(read: Read, text: str, why: str) -> None:
    """An error of the API, and an answer that was cut, are told as such."""
    with pytest.raises(InputError, match=why):
        read({"a.json": text}, format="opencost")
