"""Which kind of access log a file is, told from its first lines."""

from __future__ import annotations

import json
import re
import zlib
from collections import Counter
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Final

from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.telemetry.access import aws
from percapita.telemetry.access.forms import Form
from percapita.telemetry.access.servers import COMBINED, COMMON, Layout, json_form, text_form
from percapita.telemetry.files import File, found, opened

_LOOKED_AT: Final = 60
"""Lines that tell the kind."""
_CLF: Final = re.compile(r'\S+ \S+ .*?\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d [+-]\d{4}\] "')
_VHOST: Final = re.compile(r"\S+:\d+ \S+ \S+ \S+ \[")
"""Apache's vhost_combined: the host that was asked comes first."""
_ZONE: Final = re.compile(r":\d\d:\d\d:\d\d ([+-]\d{4})\]")
_FIELDS: Final = "#Fields:"


class UnknownLogError(InputError):
    """A file that is no access log we know."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"{name} is no access log that percapita knows.",
            hint="Known are common, combined, nginx JSON, ALB and CloudFront. For another layout"
            " copy it from the server: layout: '$remote_addr - $remote_user [$time_local] …'.",
        )


@dataclass(frozen=True, slots=True)
class Told:
    """What a file turned out to be."""

    form: Form
    cells: int = 0
    """Cells of a line cut at its quotes, or at its tabs; 0 for JSON."""
    columns: tuple[str, ...] = ()
    """Names of cells that are cut at tabs."""
    zone: str = ""
    """Offset of the first time that is written with brackets."""
    more: bool = False
    """Lines hold more than the fields that are read."""


def tell(file: File, source: Source) -> Told:
    """Return what kind of log a file is.

    Raises:
        UnknownLogError: none we know.
    """
    lines = _beginning(file)
    told = _told(lines, source)
    if told is None:
        raise UnknownLogError(file.name)
    zones = (match[1] for line in lines if (match := _ZONE.search(line)))
    return replace(told, zone=next(zones, ""))


def is_log(source: Source, root: Path) -> bool:
    """Tell whether the first file of a source is an access log, by what its lines look like."""
    if source.format or source.kind not in (None, "readings"):
        return False
    if source.columns or source.values or source.meters:
        return False
    try:
        file = found(source, root, {}, "log")[0]
        return _told(_beginning(file), source, strict=True) is not None
    except (InputError, OSError, EOFError, zlib.error, IndexError):
        return False


def _beginning(file: File) -> list[str]:
    with opened(file) as stream:
        lines = (line.rstrip("\r\n") for line in stream)
        return [line for line in islice(lines, _LOOKED_AT) if line.strip()]


def _told(lines: list[str], source: Source, *, strict: bool = False) -> Told | None:
    if not lines:
        return None
    if source.layout:
        layout = Layout.of(source.layout)
        return Told(text_form(layout), len(layout.cells))
    head = next((line for line in lines if line.startswith(_FIELDS)), "")
    if head:
        columns = tuple(head.removeprefix(_FIELDS).split())
        known = set(aws.CLOUDFRONT) <= set(columns)
        return Told(aws.cloudfront(columns), len(columns), columns) if known else None
    if lines[0].startswith("{"):
        return _json(lines, source, strict=strict)
    return _text(lines)


def _text(lines: list[str]) -> Told | None:
    if _most(aws.ALB, lines):
        return Told(aws.alb(), _cells(lines))
    if _most(_CLF, lines):
        cells = _cells(lines)
        plain = COMBINED if cells >= len(COMBINED.split('"')) else COMMON
        layout = Layout.of(f"$host {plain}" if _most(_VHOST, lines) else plain)
        # A request time behind the last quote is the tail of a cell that nothing is read from.
        tails = sum(line.endswith('"') for line in lines) * 2 < len(lines)
        more = cells > len(layout.cells) or (cells == len(COMBINED.split('"')) and tails)
        return Told(text_form(layout), cells, more=more)
    return None


def _most(pattern: re.Pattern[str], lines: list[str]) -> bool:
    return sum(bool(pattern.match(line)) for line in lines) * 2 > len(lines)


def _cells(lines: list[str]) -> int:
    return Counter(line.count('"') + 1 for line in lines).most_common(1)[0][0]


def _json(lines: list[str], source: Source, *, strict: bool) -> Told | None:
    keys: set[str] = set()
    for line in lines:
        try:
            record = json.loads(line)
        except ValueError:
            continue
        if isinstance(record, dict):
            keys |= record.keys()
    if strict and not ({"status", "remote_addr"} <= keys or {"status", "request"} <= keys):
        return None
    form = json_form(frozenset(keys), dict(source.columns))
    return Told(form) if form else None
