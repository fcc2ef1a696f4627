"""What the user says of an input: a source, and how its columns are to be read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Kind = Literal["bill", "readings", "counts", "segments", "revenue", "aliases", "events"]
Mode = Literal["overwrite", "append", "upsert"]

KINDS: tuple[Kind, ...] = ("bill", "readings", "counts", "segments", "revenue", "aliases", "events")


REMOTE = "s3://"
"""Leads paths in object stores."""


def is_remote(path: str) -> bool:
    """Tell whether a path leads to an object store."""
    return path.startswith(REMOTE)


@dataclass(frozen=True, slots=True)
class Meter:
    """How one column of a wide table of readings is read."""

    name: str
    unit: str = ""
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Query:
    """What a monitoring system is asked for one meter."""

    query: str
    kind: Literal["counter", "gauge"] = "counter"
    """A counter counts by what it grew; a gauge by its level times the time it held."""
    unit: str = ""
    scale: int = 1


@dataclass(frozen=True, slots=True)
class Source:
    """One input: where it lies, what it holds, how its columns map to ours."""

    name: str
    path: str
    """File, folder or glob, relative to the project or absolute, or ``s3://bucket/…``."""
    kind: Kind | None = None
    """``None``: found out from the columns."""
    format: str = ""
    """Name of an importer; empty: found out from the columns."""
    mode: Mode = "overwrite"
    keys: tuple[str, ...] = ()
    """Columns that identify a row, for ``upsert``."""
    columns: Mapping[str, str] = field(default_factory=dict)
    """Our column -> the file's column."""
    values: Mapping[str, str] = field(default_factory=dict)
    """Our column -> a fixed value."""
    currency: str = ""
    """Bills: of the amounts where no column of the file says it."""
    unit: str = ""
    """Unit of the readings where no column names it."""
    scale: int = 1
    """Base units in one unit, for units that percapita does not know."""
    meters: Mapping[str, Meter] = field(default_factory=dict)
    """Wide readings: the file's column -> the meter in it."""
    identity_tags: Mapping[str, str] = field(default_factory=dict)
    """Bills: tag or column that holds an id of a person -> kind of subject it names."""
    subject: Mapping[str, str] = field(default_factory=dict)
    """Access logs: level of subject -> the field that names it."""
    routes: tuple[str, ...] = ()
    """Access logs: patterns of paths that are one operation each."""
    layout: str = ""
    """Access logs: the server's own format."""
    queries: Mapping[str, Query] = field(default_factory=dict)
    """Prometheus: meter -> what is asked."""
    step: int = 300
    """Prometheus: seconds between two looks at a gauge."""
    since: str = ""
    """Sources that are asked: when the first import begins."""
    secret: str = ""
    """Sources that are asked: ``env:NAME`` or ``file:PATH`` of what opens them."""
    endpoint: str = ""
    """Of the object store; what the environment says, else AWS' own."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What one import took in."""

    source: str
    import_id: str
    kind: Kind
    format: str
    files: int
    rows: int
    quarantined: int
    unchanged: bool
    """The content was already in; nothing was done."""
    sums: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """Bills: currency -> basis -> sum, as money text, rounding line included."""
    read: tuple[str, ...] = ()
    """The files that were read; the others were in, and are as they were."""
    kept: tuple[str, ...] = ()
    """Those others."""
    notes: tuple[str, ...] = ()
    """What the user should know: columns that were missing, periods replaced."""
