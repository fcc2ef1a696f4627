"""Usage reports of Kubernetes as readings: whose a pod is, and what its node could give."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.store.engine import Engine, quote
from percapita.telemetry import cells, kubernetes
from percapita.telemetry.batch import Table
from percapita.telemetry.columns import DIMENSIONS, UnknownTableError, layout
from percapita.telemetry.files import Broken, File, Reader
from percapita.telemetry.kubernetes import LABEL, MACHINE, NAMESPACE, TIME, Report

_NAMESPACES: Final = "_namespace_labels"
_NODES: Final = "_nodes"
_CELLS: Final = ("time", *DIMENSIONS)


class NoUsageError(InputError):
    """Reports of labels alone."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"Source {source!r} delivers labels of nodes or namespaces, and no usage.",
            hint="Name the folder that holds the pod and storage reports too.",
        )


def are_reports(opened: Sequence[tuple[File, Reader]], source: Source) -> bool:
    """Tell whether a delivery is made of usage reports, and not mapped by hand."""
    if source.kind not in (None, "readings") or {"meter", "quantity"} & set(source.columns):
        return False
    return any(kubernetes.report(reader.header) for _, reader in opened)


def tables(
    engine: Engine,
    source: Source,
    opened: Sequence[tuple[File, Reader]],
    model_segments: Collection[str],
) -> tuple[list[Table], list[str]]:
    """Return the reports' usage, each node's capacity once, and notes.

    Raises:
        InputError: a file is no report, or there is no usage.
    """
    reports = [(file, reader, _known(file, reader)) for file, reader in opened]
    notes: list[str] = []
    named = _load_namespaces(
        engine, [(f, r) for f, r, of in reports if of is kubernetes.NAMESPACES], notes
    )
    pods = [reader for _, reader, of in reports if of is kubernetes.PODS]
    _load_nodes(engine, pods)
    found: list[Table] = []
    for file, base, report in reports:
        usage = _Usage(base, report, _labels(source), named=named)
        if why := _unused(report, usage, source):
            notes.append(f"{file.name} was left aside: {why}.")
        if why or not report.meters:
            continue
        if changed := _rounded(engine, usage):
            notes.append(f"{file.name}: rows rounded to whole base units: {changed}.")
        found.append(_table(file, usage, _said(source, file, usage), model_segments))
        if report is kubernetes.PODS:
            capacity = replace(usage, nodes=pods.index(base))
            found.append(_table(file, capacity, _bare(source, file, capacity), ()))
    if not found:
        raise NoUsageError(source.name)
    return found, notes


def _known(file: File, reader: Reader) -> Report:
    report = kubernetes.report(reader.header)
    if report is None:
        raise UnknownTableError(file.name, reader.header)
    return report


def _unused(report: Report, usage: _Usage, source: Source) -> str:
    """Return why nothing of a report is used, empty if something is."""
    if report is kubernetes.NAMESPACES:
        return ""
    if not report.meters:
        return f"it holds {report.name}"
    if source.meters and not set(source.meters) & set(usage.header):
        return "no column of it is one of the meters"
    return ""


def _table(file: File, reader: _Usage, said: Source, segments: Collection[str]) -> Table:
    laid = layout(file.name, reader.header, said, "readings", segments, sparse=True)
    return Table(file, reader, laid, owned=reader.nodes is None)


def _labels(source: Source) -> tuple[str, ...]:
    return tuple(column for column in source.columns.values() if column.startswith(LABEL))


def _said(source: Source, file: File, reader: _Usage) -> Source:
    """Return what the user says, and what the report says where the user does not."""
    known = {"time": TIME, "namespace": NAMESPACE, "resource": MACHINE}
    meters = source.meters or {
        column: meter for column, meter in reader.report.meters.items() if column in reader.header
    }
    columns = {ours: column for ours, column in known.items() if column in reader.header}
    return replace(
        source, columns={**columns, **source.columns}, meters=meters, values=_values(source, file)
    )


def _bare(source: Source, file: File, reader: _Usage) -> Source:
    """Return the same for capacity, which is nobody's."""
    columns = {ours: c for ours, c in source.columns.items() if c in reader.header}
    meters = {c: meter for c, meter in kubernetes.CAPACITY.items() if c in reader.header}
    said = _said(replace(source, columns=columns, meters=meters), file, reader)
    return replace(said, values={ours: v for ours, v in said.values.items() if ours in _CELLS})


def _values(source: Source, file: File) -> Mapping[str, str]:
    """Return the source's values, and the cluster that a manifest beside the file names."""
    if "cluster" in source.values or "cluster" in source.columns:
        return source.values
    try:
        manifest = json.loads((file.path.parent / "manifest.json").read_text(encoding="utf-8"))
        cluster = str(manifest["cluster_id"])
    except (OSError, ValueError, KeyError, TypeError):
        return source.values
    return {**source.values, "cluster": cluster}


def _load_namespaces(
    engine: Engine, opened: Sequence[tuple[File, Reader]], notes: list[str]
) -> bool:
    """Make the table of the namespaces' labels; tell whether there are any."""
    schema = {TIME: "string", NAMESPACE: "string", "labels": "string"}
    engine.load(_NAMESPACES, schema, ())
    for file, reader in opened:
        columns = {TIME: TIME, NAMESPACE: NAMESPACE, "labels": "namespace_labels"}
        rows = reader.select(engine, columns)
        engine.insert(_NAMESPACES, f"SELECT {', '.join(columns)} FROM ({rows})", schema)
        if broken := reader.broken(engine):
            notes.append(f"{file.name}: rows whose labels cannot be read: {len(broken)}.")
    if not opened:
        return False
    once = f"SELECT {TIME}, {NAMESPACE}, max(labels) AS labels FROM {_NAMESPACES} GROUP BY ALL"
    engine.create(f"{_NAMESPACES}_once", once, schema)
    return True


def _load_nodes(engine: Engine, readers: Sequence[Reader]) -> None:
    """Choose the row that says a node's capacity: it stands in the row of each of its pods."""
    schema = {"part": "int64", "row": "int64", TIME: "string", "node": "string", "cpu": "string"}
    engine.load(f"{_NODES}_all", schema, ())
    for part, reader in enumerate(readers):
        asked = {TIME: TIME, "node": "node", "cpu": next(iter(kubernetes.CAPACITY))}
        columns = {ours: theirs for ours, theirs in asked.items() if theirs in reader.header}
        if len(columns) == len(asked):
            rows = reader.select(engine, columns)
            listed = f'SELECT {part}::BIGINT AS part, "row", {", ".join(columns)} FROM ({rows})'
            engine.insert(f"{_NODES}_all", f"{listed} WHERE node IS NOT NULL", schema)
    best = 'TRY_CAST(cpu AS DECIMAL(38,12)) DESC NULLS LAST, part, "row"'
    engine.create(
        _NODES,
        f'SELECT part, "row" FROM {_NODES}_all'
        f" WHERE {cells.instant(TIME)} IS NOT NULL"
        f" QUALIFY row_number() OVER (PARTITION BY {TIME}, node ORDER BY {best}) = 1",
        {"part": "int64", "row": "int64"},
    )


def _rounded(engine: Engine, reader: _Usage) -> int:
    """Count the rows with a number that its base unit can't hold."""
    columns = [c for c in reader.base.header if kubernetes.places(c) is not None]
    listed = {f"n{at}": column for at, column in enumerate(columns)}
    rows = reader.base.select(engine, listed)
    changed = " OR ".join(
        f"TRY_CAST({n} AS DECIMAL(38,12)) <> round(TRY_CAST({n} AS DECIMAL(38,12)),"
        f" {kubernetes.places(column)})"
        for n, column in listed.items()
    )
    return int(engine.rows(f"SELECT count(*) FROM ({rows}) WHERE {changed}")[0][0])


@dataclass(frozen=True, slots=True)
class _Usage:
    """A report with columns of ours: labels, machines, what was used or asked for."""

    base: Reader
    report: Report
    labels: tuple[str, ...]
    """Names of labels that are asked for."""
    named: bool
    """Labels of namespaces stand in for a pod's own."""
    nodes: int | None = None
    """Only the rows that say a node's capacity: the number of the file among those of pods."""

    @property
    def header(self) -> tuple[str, ...]:
        base = self.base.header
        if self.nodes is not None:
            return (TIME, MACHINE, *(c for c in kubernetes.CAPACITY if c in base))
        own = [MACHINE] if set(self.report.machine) & set(base) else []
        own += [name for name, of in kubernetes.EFFECTIVE.items() if set(of) <= set(base)]
        return (*base, *own, *self.labels)

    def select(self, engine: Engine, columns: Mapping[str, str]) -> str:
        needed = dict.fromkeys(c for column in columns.values() for c in self._needs(column))
        base = self.base.select(engine, {column: column for column in needed})
        listed = ", ".join(f"{self._sql(column)} AS {quote(o)}" for o, column in columns.items())
        joins = ""
        if self.named and {TIME, NAMESPACE} <= set(needed):
            joins += f" LEFT JOIN {_NAMESPACES}_once AS of USING ({TIME}, {NAMESPACE})"
        if self.nodes is not None:
            joins += f' JOIN {_NODES} AS m ON m."row" = s."row" AND m.part = {self.nodes}'
        return f'SELECT s."row", {listed} FROM ({base}) AS s{joins}'

    def _needs(self, column: str) -> tuple[str, ...]:
        if column == MACHINE:
            return tuple(c for c in self.report.machine if c in self.base.header)
        if column in kubernetes.EFFECTIVE:
            return kubernetes.EFFECTIVE[column]
        if column.startswith(LABEL):
            whose = (TIME, NAMESPACE) if self.named else ()
            return tuple(c for c in (*self.report.labels, *whose) if c in self.base.header)
        return (column,)

    def _sql(self, column: str) -> str:
        if column == MACHINE:
            return f"coalesce({', '.join(map(quote, self._needs(column)))})"
        if column in kubernetes.EFFECTIVE:
            return kubernetes.larger(*kubernetes.EFFECTIVE[column], kubernetes.places(column) or 0)
        if column.startswith(LABEL):
            return self._label(column.removeprefix(LABEL))
        digits = kubernetes.places(column)
        return quote(column) if digits is None else kubernetes.rounded(column, digits)

    def _label(self, key: str) -> str:
        texts = [quote(c) for c in self.report.labels if c in self.base.header]
        if self.named and {TIME, NAMESPACE} <= set(self.base.header):
            texts.append("of.labels")
        found = [kubernetes.label(text, key) for text in texts]
        return f"coalesce({', '.join([*found, 'NULL'])})"

    def broken(self, engine: Engine) -> list[Broken]:
        """Return the rows left out, which the table of usage tells of alone."""
        return self.base.broken(engine) if self.nodes is None else []

    def place(self, row: int) -> int:
        return self.base.place(row)
