"""Shared cost, idle cost and a filter at once: the case in which a peer counts idle twice.

The figures are those of opencost/opencost issue 1124: three namespaces on two clusters with 28, 36
and 18 of workload and 20 and 10 of idle. The first namespace is shared over the other two by their
workload, idle is handed on by usage, and only the second namespace is looked at.
"""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, Row, amounts, ask, charge, closes, made
from percapita.core.money import total

DAY = ("2025-10-03T00:00:00Z", "2025-10-04T00:00:00Z")
WORKLOAD = {"ns1": 28, "ns2": 36, "ns3": 18}
IDLE = {"cpu 1": 5, "ram 1": 15, "cpu 2": 5, "ram 2": 5}
"""Idle cost by resource and cluster."""
USED = {
    "cpu 1": {"ns1": 3, "ns2": 3},
    "ram 1": {"ns1": 13, "ns2": 3},
    "cpu 2": {"ns2": 3, "ns3": 3},
    "ram 2": {"ns2": 3, "ns3": 3},
}
"""What each namespace used of each cluster's resource, in money."""

_HEAD = "version: 1\ncurrency: USD\nunits: {namespace: {subject: tenant}}\npools:\n"
_OWN = """\
  - {pool: ns1, match: {ServiceName: ns1}, by: shared work}
  - {pool: ns2, match: {ServiceName: ns2}, by: work of ns2}
  - {pool: ns3, match: {ServiceName: ns3}, by: work of ns3}
"""


def model(*, idle: str) -> str:
    """Return a model; idle cost is handed on as ``idle`` says."""
    pools = [f"  - {{pool: {name}, match: {{ServiceName: {name}}}, {idle.format(name)}}}\n"
             for name in IDLE]  # fmt: skip
    return _HEAD + "".join(pools) + _OWN


THROUGH = model(idle="through: {{pools: [ns1, ns2, ns3], by: {0}}}")


def inputs(text: str) -> Inputs:
    """Return the two clusters' bill and usage."""
    costs = {**WORKLOAD, **IDLE}
    lines = [charge(name, str(cost), *DAY) for name, cost in costs.items()]
    own: list[Row] = [
        {"time": "2025-10", "meter": meter, "tenant": tenant, "quantity": n}
        for meter, tenant, n in (
            ("shared work", "ns2", 36), ("shared work", "ns3", 18),
            ("work of ns2", "ns2", 36), ("work of ns3", "ns3", 18),
        )
    ]  # fmt: skip
    served: list[Row] = [
        {"time": "2025-10", "meter": meter, "quantity": n, "service": name}
        for meter, by_name in USED.items()
        for name, n in by_name.items()
    ]
    return Inputs(text, lines, [*own, *served])


@pytest.fixture(scope="module")
def clusters(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give the two clusters, run."""
    return made(tmp_path_factory.mktemp("clusters"), inputs(THROUGH))


def test_filter_shows_the_idle_that_belongs_to_what_is_left(clusters: Path) -> None:
    """Of the second namespace: 36 of its own, 18.667 shared, idle 10.3125 + 9.792, not 25."""
    found = ask(clusters, "cost --by pool --where tenant=ns2")
    by_pool = amounts(found["rows"], "pool")
    idle = total([by_pool[name] for name in IDLE])

    assert by_pool["ns2"] == 36
    assert by_pool["ns1"].quantize(Decimal("0.001")) == Decimal("18.667")
    assert idle.quantize(Decimal("0.001")) == Decimal("20.104")
    assert Decimal(found["totals"]["total"]).quantize(Decimal("0.001")) == Decimal("74.771")
    assert closes(found)
    assert found["totals"]["bill_total"] == "112.00"


def test_without_a_filter_the_rows_are_the_same(clusters: Path) -> None:
    """The filter neither inflates the namespace nor what it leaves out."""
    rows = amounts(ask(clusters, "cost --by tenant")["rows"], "tenant")
    for name, amount in rows.items():
        found = ask(clusters, f"cost --where tenant={name}")

        assert Decimal(found["totals"]["total"]) == amount
        assert closes(found)
    assert set(rows) == {"ns2", "ns3"}
    assert sum(rows.values()) == 112


def test_drill_down_has_the_total_of_its_row(clusters: Path) -> None:
    """Pool by tenant sums to tenant and to pool, to the last digit."""
    cells = amounts(ask(clusters, "cost --by pool --by tenant")["rows"], "pool", "tenant")
    by_pool = amounts(ask(clusters, "cost --by pool")["rows"], "pool")
    for pool, amount in by_pool.items():
        assert sum(cell for (name, _), cell in cells.items() if name == pool) == amount
    assert by_pool == {**WORKLOAD, **IDLE}


SETTINGS = {
    "idle unallocated": "scope: infrastructure",
    "idle by workload": "overhead: cost",
    "idle even": "overhead: active",
    "idle left out": "exclude: true",
}


@pytest.mark.parametrize("name", SETTINGS)
def test_share_settings_do_not_change_the_total(clusters: Path, name: str, tmp_path: Path) -> None:
    """Idle shared by workload, evenly, or not at all: the bill stays 112."""
    path = tmp_path / "model.yaml"
    path.write_text(model(idle=SETTINGS[name]), encoding="utf-8")
    run = ask(clusters, "run --no-publish --no-import", "--model", str(path))["run"]
    found = ask(clusters, "reconcile", "--run", run)

    assert (found["bill_total"], found["difference"]) == ("112.00", "0.00")
    assert closes(ask(clusters, "cost --by tenant", "--run", run))
    filtered = ask(clusters, "cost --by tenant --where tenant=ns2", "--run", run)
    assert closes(filtered)
