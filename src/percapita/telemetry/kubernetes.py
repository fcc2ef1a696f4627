"""Usage reports of Kubernetes and OpenShift: which columns are meters, and how labels are written.

The reports are those of the OpenShift metrics operator (Koku): pods, volumes and GPUs by the hour,
and the labels of nodes and namespaces.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

from percapita.core.sources import Meter
from percapita.store.engine import literal, quote

TIME: Final = "interval_start"
NAMESPACE: Final = "namespace"
LABEL: Final = "label."
"""Leads the name of a column that is a label: ``label.customer``."""
MACHINE: Final = "machine"
"""A column of ours: the id that the bill knows a node or volume by, else its name."""
EFFECTIVE: Final = {
    "effective cpu": ("pod_usage_cpu_core_seconds", "pod_request_cpu_core_seconds"),
    "effective memory": ("pod_usage_memory_byte_seconds", "pod_request_memory_byte_seconds"),
}
"""Columns of ours: what a pod used or asked for, whichever is more."""

_CPU: Final = "core-s"
_MEMORY: Final = "B-s"
_PLACES: Final = {_CPU: 6, "gpu-s": 6, _MEMORY: 0}
"""Fractional digits of a unit that its base unit can hold."""
_NUMBER: Final = r"[0-9]+(\.[0-9]+)?([eE][+-]?[0-9]{1,3})?"


@dataclass(frozen=True, slots=True)
class Report:
    """One kind of report."""

    name: str
    sign: tuple[str, ...]
    """Columns that only it has."""
    meters: Mapping[str, Meter] = field(default_factory=dict)
    """Column -> the meter in it; none: it holds labels."""
    machine: tuple[str, ...] = ()
    """Columns that name the node or volume, the best first."""
    labels: tuple[str, ...] = ()
    """Columns of labels, the closest to the usage first."""


def _meters(*rows: tuple[str, str, str]) -> Mapping[str, Meter]:
    return {column: Meter(name, unit) for column, name, unit in rows}


REPORTS: Final = (
    Report(
        "pod usage",
        ("pod_usage_cpu_core_seconds",),
        _meters(
            ("pod_usage_cpu_core_seconds", "k8s.pod.cpu", _CPU),
            ("pod_request_cpu_core_seconds", "k8s.pod.cpu.request", _CPU),
            ("pod_limit_cpu_core_seconds", "k8s.pod.cpu.limit", _CPU),
            ("effective cpu", "k8s.pod.cpu.effective", _CPU),
            ("pod_usage_memory_byte_seconds", "k8s.pod.memory", _MEMORY),
            ("pod_request_memory_byte_seconds", "k8s.pod.memory.request", _MEMORY),
            ("pod_limit_memory_byte_seconds", "k8s.pod.memory.limit", _MEMORY),
            ("effective memory", "k8s.pod.memory.effective", _MEMORY),
        ),
        ("resource_id", "node"),
        ("pod_labels",),
    ),
    Report(
        "storage usage",
        ("persistentvolumeclaim_usage_byte_seconds",),
        _meters(
            ("persistentvolumeclaim_usage_byte_seconds", "k8s.volume", _MEMORY),
            ("volume_request_storage_byte_seconds", "k8s.volume.request", _MEMORY),
            ("persistentvolumeclaim_capacity_byte_seconds", "k8s.volume.capacity", _MEMORY),
        ),
        ("csi_volume_handle", "persistentvolume"),
        ("persistentvolumeclaim_labels", "persistentvolume_labels"),
    ),
    Report(
        "GPU usage",
        ("gpu_pod_uptime",),
        _meters(("gpu_pod_uptime", "k8s.pod.gpu", "gpu-s")),
        ("node",),
    ),
    Report("node labels", ("node_labels",)),
    Report("namespace labels", ("namespace_labels",)),
)
NAMESPACES: Final = REPORTS[-1]
OTHER: Final = Report("usage of other kinds", ())
"""What the operator reports besides: virtual machines, figures for sizing."""
PODS: Final = REPORTS[0]

CAPACITY: Final = _meters(
    ("node_capacity_cpu_core_seconds", "k8s.node.cpu.capacity", _CPU),
    ("node_capacity_memory_byte_seconds", "k8s.node.memory.capacity", _MEMORY),
)
"""What a node could give, said again in the row of each of its pods."""


def report(header: Collection[str]) -> Report | None:
    """Return the report that has these columns, ``None`` where they are no report's."""
    names = set(header)
    if not {TIME, "report_period_start"} <= names:
        return None
    return next((one for one in REPORTS if names >= set(one.sign)), OTHER)


def places(column: str) -> int | None:
    """Return how many fractional digits a column's base unit holds; ``None`` if it has none."""
    meters = {c: m for one in REPORTS for c, m in one.meters.items()} | dict(CAPACITY)
    return _PLACES[meters[column].unit] if column in meters else None


def rounded(column: str, digits: int) -> str:
    """Return SQL of a measured number, rounded to what its base unit can hold; others as written.

    The reports carry what a monitoring system computed: digits beyond the base unit mean nothing.
    """
    cell = quote(column)
    number = f"round(TRY_CAST({cell} AS DECIMAL(38,12)), {digits})"
    text = f"coalesce(CAST({number} AS VARCHAR), {cell})"
    return f"if(regexp_full_match({cell}, '{_NUMBER}'), {text}, {cell})"


def larger(used: str, asked: str, digits: int) -> str:
    """Return SQL of the larger of two measured numbers, rounded; null where one is no number."""
    bad = " OR ".join(f"NOT regexp_full_match({quote(c)}, '{_NUMBER}')" for c in (used, asked))
    numbers = (f"round(TRY_CAST({quote(c)} AS DECIMAL(38,12)), {digits})" for c in (used, asked))
    return f"if(coalesce({bad}, false), NULL, CAST(greatest({', '.join(numbers)}) AS VARCHAR))"


def label(texts: str, key: str) -> str:
    """Return SQL of one label's value in a text such as ``label_app:api|label_team:web``.

    Prometheus writes every sign of a key but letters, digits and underscores as an underscore.
    """
    plain = re.sub(r"[^A-Za-z0-9_]", "_", key).removeprefix("label_")
    pattern = rf"(?:^|\|)(?:label_)?{plain}:([^|]*)"
    return f"nullif(trim(regexp_extract({texts}, {literal(pattern)}, 1)), '')"
