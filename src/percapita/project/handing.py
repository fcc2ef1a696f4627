"""Files handed to ``percapita import``: which source each one is, and what is said of it."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from percapita import telemetry
from percapita.core.errors import InputError
from percapita.core.sources import Kind, Source, Taken, is_remote
from percapita.project.opening import Project
from percapita.project.starting import reachable
from percapita.store import Store


@dataclass(frozen=True, slots=True)
class Said:
    """What the command line says of the files."""

    name: str = ""
    kind: Kind | None = None
    format: str = ""
    unit: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)


def mapping(pairs: Iterable[str]) -> dict[str, str]:
    """Read ``OURS=THEIRS`` pairs.

    Raises:
        InputError: a pair is none.
    """
    result = {}
    for pair in pairs:
        ours, equals, theirs = pair.partition("=")
        if not (ours.strip() and equals and theirs.strip()):
            raise InputError(f"{pair!r} maps nothing.", hint="Write --map OURS=THEIRS: time=ts.")
        result[ours.strip()] = theirs.strip()
    return result


def sources(project: Project, store: Store, paths: Sequence[str], said: Said) -> list[Source]:
    """Return the sources that paths or names mean; without any, all that the project has."""
    known = project.all_sources(store)
    if not paths:
        return [_with(project, source, said) for source in known]
    return [_one(project, known, path, said) for path in paths]


def _one(project: Project, known: Sequence[Source], path: str, said: Said) -> Source:
    by_name = {source.name: source for source in known}
    remote = is_remote(path)
    # A link stays the link.
    whole = path if remote else os.path.abspath(Path(path).expanduser())  # noqa: PTH100
    if path in by_name and not said.name and not Path(whole).exists():
        return _with(project, by_name[path], said)
    for source in known:
        same = path == source.path if remote else _placed(project, source) == whole
        if same and said.name in ("", source.name):
            return _with(project, source, said)
    name = said.name or path
    inside = not remote and Path(whole).is_relative_to(project.root)
    fresh = Source(name, reachable(Path(whole), project.root) if inside else whole)
    if name in by_name:
        # The next delivery of a source that is known: read as the last one.
        return _with(project, replace(by_name[name], path=fresh.path), said)
    return _with(project, fresh, said)


def _placed(project: Project, source: Source) -> str:
    return os.path.abspath(project.root / Path(source.path).expanduser())  # noqa: PTH100


def _with(project: Project, source: Source, said: Said) -> Source:
    result = replace(
        source,
        kind=said.kind or source.kind,
        format=said.format or source.format,
        unit=said.unit or source.unit,
        columns={**source.columns, **said.columns},
    )
    if result.kind is None and result.format in telemetry.FORMATS:
        own = telemetry.kind_of(result, project.root)
        return replace(result, kind=own or _signals(project, result))
    return result


def _signals(project: Project, source: Source) -> Kind | None:
    """Tell what a table holds that is said to be no bill."""
    header = telemetry.header(source, root=project.root)
    return telemetry.recognises(header, project.segment_names())


def remember(project: Project, store: Store, source: Source, taken: Taken) -> None:
    """Keep a source that ``percapita.yaml`` does not name, so that later runs read it again."""
    settled = replace(source, kind=taken.kind)
    named = {each.name for each in project.sources}
    if source.name not in named and settled not in store.remembered():
        store.remember(settled)
