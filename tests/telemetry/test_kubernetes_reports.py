"""Usage reports of Kubernetes and OpenShift become readings: whose, where, and how much."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from percapita import telemetry
from percapita.core.errors import InputError
from percapita.core.sources import Meter
from telemetry.signal_tables import Taker

PERIOD = "report_period_start,report_period_end,interval_start,interval_end"
POD = (
    f"{PERIOD},pod,namespace,node,resource_id,pod_usage_cpu_core_seconds,"
    "pod_request_cpu_core_seconds,pod_limit_cpu_core_seconds,pod_usage_memory_byte_seconds,"
    "pod_request_memory_byte_seconds,pod_limit_memory_byte_seconds,node_capacity_cpu_cores,"
    "node_capacity_cpu_core_seconds,node_capacity_memory_bytes,node_capacity_memory_byte_seconds,"
    "pod_labels"
)
VOLUME = (
    f"{PERIOD},namespace,pod,node,persistentvolumeclaim,persistentvolume,storageclass,csi_driver,"
    "csi_volume_handle,persistentvolumeclaim_capacity_bytes,"
    "persistentvolumeclaim_capacity_byte_seconds,volume_request_storage_byte_seconds,"
    "persistentvolumeclaim_usage_byte_seconds,persistentvolume_labels,persistentvolumeclaim_labels"
)
NAMESPACE = f"{PERIOD},namespace,namespace_labels"
NODE = f"{PERIOD},node,node_labels"

BY_LABEL = {"tenant": "label.customer"}


def hour(number: int) -> str:
    """Return the cells of PERIOD for an hour, as the operator writes them."""
    month = "2025-10-01 00:00:00 +0000 UTC,2025-11-01 00:00:00 +0000 UTC"
    return f"{month},2025-10-03 {number:02}:00:00 +0000 UTC,2025-10-03 {number:02}:59:59 +0000 UTC"


def pod(
    name: str, *, at: int = 0, space: str = "shop", cpu: str = "60", request: str = "30",
    memory: str = "1000", labels: str = "", capacity: str = "14400", node: str = "n1",
) -> str:  # fmt: skip
    """Return a row of the pod report."""
    return (
        f"{hour(at)},{name},{space},{node},i-{node},{cpu},{request},100,{memory},2000,3000,"
        f"4,{capacity},16,57600,{labels}"
    )


def volume(claim: str, *, space: str = "shop", used: str = "7200.0", labels: str = "") -> str:
    """Return a row of the storage report."""
    return (
        f"{hour(0)},{space},p,n1,{claim},pv-{claim},gp2,ebs.csi.aws.com,vol-{claim},20,"
        f"72000.0,72000,{used},,{labels}"
    )


def deliver(take: Taker, files: Mapping[str, Sequence[str]]) -> None:
    """Write files into the folder ``ocp``."""
    for name, rows in files.items():
        target = take.root / "ocp" / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text("\n".join(rows) + "\n", encoding="utf-8")


def taken(take: Taker, files: Mapping[str, Sequence[str]], **said: Any) -> tuple[str, ...]:  # noqa: ANN401
    """Take the folder ``ocp`` with these files in; return the notes."""
    deliver(take, files)
    name, rows = list(files.items())[-1]
    return take("\n".join(rows) + "\n", file=f"ocp/{name}", path="ocp", **said).notes


def readings(take: Taker, meter: str, *columns: str) -> list[tuple[str | None, ...]]:
    """Return stored readings of one meter."""
    rows = take.rows("readings", "meter", *columns)
    return [row[1:] for row in rows if row[0] == meter]


def test_a_pod_report_is_recognised() -> None:
    """Its columns tell readings, and so do those of reports of labels."""
    for header in (POD, VOLUME, NAMESPACE, NODE):
        assert telemetry.recognises(header.split(",")) == "readings"


def test_usage_goes_to_the_label_of_its_pod(take: Taker) -> None:
    """A label names the tenant; the machine is the bill's id of the node; units are exact."""
    taken(
        take,
        {"pods.csv": [POD, pod("a", labels="label_app:api|label_customer:acme"),
                      pod("b", labels="label_customer:globex", cpu="0.5"), pod("c")]},
        columns=BY_LABEL,
    )  # fmt: skip

    acme, globex = take.number("tenant", "acme"), take.number("tenant", "globex")
    found = readings(take, "k8s.pod.cpu", "subject", "namespace", "resource", "quantity")
    assert found == sorted([
        (acme, "shop", "i-n1", "60000000"), (globex, "shop", "i-n1", "500000"),
        ("0", "shop", "i-n1", "60000000"),
    ], key=str)  # fmt: skip
    assert {m for (m,) in take.rows("readings", "meter")} == {
        "k8s.pod.cpu", "k8s.pod.cpu.request", "k8s.pod.cpu.limit", "k8s.pod.cpu.effective",
        "k8s.pod.memory", "k8s.pod.memory.request", "k8s.pod.memory.limit",
        "k8s.pod.memory.effective", "k8s.node.cpu.capacity", "k8s.node.memory.capacity",
    }  # fmt: skip


def test_a_namespace_may_be_the_subject(take: Taker) -> None:
    """A column names the tenant as in any other table, and stays a cell."""
    taken(take, {"pods.csv": [POD, pod("a"), pod("b", space="jobs")]},
          columns={"tenant": "namespace"})  # fmt: skip

    jobs = take.number("tenant", "jobs")
    found = readings(take, "k8s.pod.memory", "subject", "namespace", "quantity")
    assert (jobs, "jobs", "1000") in found


def test_what_was_asked_for_counts_where_it_is_more(take: Taker) -> None:
    """The effective meter is the larger of usage and request, pod by pod and hour by hour."""
    taken(take, {"pods.csv": [POD, pod("a", cpu="60", request="30"), pod("a", at=1, cpu="9.5"),
                              pod("a", at=2, cpu="", request="5")]})  # fmt: skip

    found = readings(take, "k8s.pod.cpu.effective", "time", "quantity")
    assert [quantity for _, quantity in found] == ["60000000", "30000000", "5000000"]


def test_capacity_is_counted_once_a_node(take: Taker) -> None:
    """A node's capacity stands in the row of each of its pods, even in another file."""
    notes = taken(
        take,
        {"pods.0.csv": [POD, pod("a", labels="label_customer:acme"), pod("b"), pod("d", at=1)],
         "pods.1.csv": [POD, pod("c"), pod("e", node="n2", capacity="7200")]},
        columns=BY_LABEL,
    )  # fmt: skip

    found = readings(
        take, "k8s.node.cpu.capacity", "time", "subject", "namespace", "resource", "quantity"
    )
    midnight, one = "2025-10-03 00:00:00+00", "2025-10-03 01:00:00+00"
    assert [(row[0], row[1], row[3], row[4]) for row in found] == [
        (midnight, "0", "i-n1", "14400000000"), (midnight, "0", "i-n2", "7200000000"),
        (one, "0", "i-n1", "14400000000"),
    ]  # fmt: skip
    assert {row[2] for row in found} == {None}
    assert notes == ()


def test_volumes_are_named_as_the_bill_names_them(take: Taker) -> None:
    """A claim's label names the tenant, the volume's handle the resource."""
    taken(take, {"storage.csv": [VOLUME, volume("c1", labels="label_customer:acme")]},
          columns=BY_LABEL)  # fmt: skip

    acme = take.number("tenant", "acme")
    assert readings(take, "k8s.volume", "subject", "resource", "quantity") == [
        (acme, "vol-c1", "7200")
    ]
    assert readings(take, "k8s.volume.capacity", "quantity") == [("72000",)]


def test_a_namespace_lends_its_label(take: Taker) -> None:
    """Where the pod has no such label, that of its namespace in that hour counts."""
    taken(
        take,
        {"a-namespaces.csv": [NAMESPACE, f"{hour(0)},shop,label_customer:globex",
                              f"{hour(1)},shop,"],
         "b-nodes.csv": [NODE, f"{hour(0)},n1,label_zone:a"],
         "pods.csv": [POD, pod("a"), pod("b", labels="label_customer:acme", cpu="1"),
                      pod("a", at=1)]},
        columns=BY_LABEL,
    )  # fmt: skip

    acme, globex = take.number("tenant", "acme"), take.number("tenant", "globex")
    found = readings(take, "k8s.pod.cpu", "time", "subject")
    midnight, one = "2025-10-03 00:00:00+00", "2025-10-03 01:00:00+00"
    assert sorted(found) == sorted([(midnight, globex), (midnight, acme), (one, "0")])


def test_labels_are_asked_for_as_users_write_them(take: Taker) -> None:
    """Dots, dashes and slashes of a key are what the report writes as underscores."""
    labels = "label_app_kubernetes_io_name:api|label_app:other|label_name:x:y"
    taken(take, {"pods.csv": [POD, pod("a", labels=labels)]},
          columns={"tenant": "label.app.kubernetes.io/name", "feature": "label.name"})  # fmt: skip

    api = take.number("tenant", "api")
    assert readings(take, "k8s.pod.cpu", "subject", "feature") == [(api, "x:y")]


def test_a_manifest_names_the_cluster(take: Taker) -> None:
    """The manifest beside the reports is no table; its cluster is a cell of every reading."""
    deliver(take, {"manifest.json": [json.dumps({"cluster_id": "c-9", "files": []})]})
    taken(take, {"pods.csv": [POD, pod("a")]})

    assert {cluster for (cluster,) in take.rows("readings", "cluster")} == {"c-9"}


def test_the_user_names_the_cluster(take: Taker) -> None:
    """What percapita.yaml says comes before the manifest."""
    deliver(take, {"manifest.json": [json.dumps({"cluster_id": "c-9"})]})
    taken(take, {"pods.csv": [POD, pod("a")]}, values={"cluster": "prod"})

    assert {cluster for (cluster,) in take.rows("readings", "cluster")} == {"prod"}


def test_measured_digits_are_rounded_and_told(take: Taker) -> None:
    """Digits that a microsecond or a byte-second can't hold are rounded, with a note."""
    notes = taken(take, {"pods.csv": [POD, pod("a", cpu="59.12345678901", memory="1e3"),
                                      pod("b", at=1, memory="1000.5")]})  # fmt: skip

    assert ("59123457",) in readings(take, "k8s.pod.cpu", "quantity")
    assert sorted(readings(take, "k8s.pod.memory", "quantity")) == [("1000",), ("1001",)]
    assert "ocp/pods.csv: rows rounded to whole base units: 2." in notes


def test_a_bad_cell_sets_its_row_aside_once(take: Taker) -> None:
    """A broken number is told with its place; the row's other meters and the node stay."""
    taken(take, {"pods.csv": [POD, pod("a", cpu="-1"), pod("b", at=1, memory="n/a")]})

    assert [(q.row, q.column, q.value) for q in take.refused()] == [
        (1, "pod_usage_cpu_core_seconds", "-1"), (2, "pod_usage_memory_byte_seconds", "n/a"),
    ]  # fmt: skip
    assert len(readings(take, "k8s.node.cpu.capacity", "quantity")) == 2


def test_a_bad_time_is_told_once(take: Taker) -> None:
    """A row without a time is no usage, and no capacity of its node either."""
    taken(take, {"pods.csv": [POD, pod("a").replace("2025-10-03 00:00", "2025-10-33 00:00"),
                              pod("b", at=1)]})  # fmt: skip

    assert [(q.row, q.column) for q in take.refused()] == [(1, "interval_start")]
    assert len(readings(take, "k8s.node.cpu.capacity", "quantity")) == 1


def test_the_user_chooses_meters(take: Taker) -> None:
    """``meters`` names the columns to read and what they are called; other reports are left."""
    notes = taken(
        take,
        {"pods.csv": [POD, pod("a")], "storage.csv": [VOLUME, volume("c")]},
        meters={"pod_usage_cpu_core_seconds": Meter("worker.cpu", "core-s")},
    )

    assert {m for (m,) in take.rows("readings", "meter")} == {
        "worker.cpu", "k8s.node.cpu.capacity", "k8s.node.memory.capacity",
    }  # fmt: skip
    assert any(note.startswith("ocp/storage.csv was left aside") for note in notes)


def test_a_cell_that_only_one_report_has(take: Taker) -> None:
    """A column of one report may be mapped; the others go without it."""
    taken(take, {"pods.csv": [POD, pod("a")], "storage.csv": [VOLUME, volume("c")]},
          columns={"feature": "storageclass"})  # fmt: skip

    assert readings(take, "k8s.volume", "feature") == [("gp2",)]
    assert readings(take, "k8s.pod.cpu", "feature") == [(None,)]


def test_labels_that_cannot_be_read_are_told(take: Taker) -> None:
    """A broken row of labels is no usage: a note counts it."""
    spaces = [NAMESPACE, f"{hour(0)},shop,label_customer:globex,one,cell,more"]
    notes = taken(take, {"namespaces.csv": spaces, "pods.csv": [POD, pod("a")]},
                  columns=BY_LABEL)  # fmt: skip

    assert "ocp/namespaces.csv: rows whose labels cannot be read: 1." in notes


def test_labels_alone_are_no_usage(take: Taker) -> None:
    """A delivery of labels says what is missing."""
    with pytest.raises(InputError, match="no usage"):
        taken(take, {"namespaces.csv": [NAMESPACE, f"{hour(0)},shop,label_customer:globex"]})


def test_reports_of_other_kinds_are_left_aside(take: Taker) -> None:
    """What the operator delivers besides stops nothing, and a note names it."""
    sizing = [f"{PERIOD},namespace,cpu_usage_container_avg", f"{hour(0)},shop,0.5"]
    notes = taken(take, {"pods.csv": [POD, pod("a")], "ros.csv": sizing})

    assert "ocp/ros.csv was left aside: it holds usage of other kinds." in notes
    assert len(readings(take, "k8s.pod.cpu", "quantity")) == 1


def test_another_file_among_reports_is_told(take: Taker) -> None:
    """A table that is no report stops the delivery, with its name."""
    with pytest.raises(InputError, match=r"other\.csv"):
        taken(take, {"pods.csv": [POD, pod("a")], "other.csv": ["a,b", "1,2"]})
