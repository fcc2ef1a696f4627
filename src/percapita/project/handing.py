"""Files handed to ``percapita import``: which source each one is, and its way into the store."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

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
    if result.kind is not None or not result.format:
        return result
    from percapita import telemetry  # noqa: PLC0415

    if result.format in telemetry.FORMATS:
        own = telemetry.kind_of(result, project.root)
        return replace(result, kind=own or _signals(project, result))
    return result


def _signals(project: Project, source: Source) -> Kind | None:
    """Tell what a table holds that is said to be no bill."""
    from percapita import telemetry  # noqa: PLC0415

    header = telemetry.header(source, root=project.root)
    return telemetry.recognises(header, project.segment_names())


def take_in(
    project: Project,
    store: Store,
    sources: Sequence[Source],
    *,
    again: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> list[Taken]:
    """Import sources, each whole or not at all; unchanged ones cost a hash of their files."""
    from percapita import bills  # noqa: PLC0415

    taken = []
    for named in in_order(sources):
        progress(named.name)
        source = bills.local(store, named, progress)
        if _kind(project.root, source) == "bill":
            known = {**project.settings.identity_tags, **source.identity_tags}
            source = replace(source, currency=project.currency(), identity_tags=known)
            taken.append(bills.take(store, source, root=project.root, again=again))
        else:
            from percapita import telemetry  # noqa: PLC0415 an unchanged bill needs none of it

            segments = project.segment_names()
            taken.append(
                telemetry.take(
                    store,
                    source,
                    root=project.root,
                    model_segments=segments,
                    again=again,
                    now=project.now,
                    identity=project.identity(),
                )
            )
    return taken


def in_order(sources: Sequence[Source]) -> list[Source]:
    """Return sources in the order they are taken in: invoices may price what others measured."""
    return sorted(sources, key=lambda source: source.path.lower().endswith((".yaml", ".yml")))


def _kind(root: Path, source: Source) -> str:
    if source.kind:
        return source.kind
    from percapita import bills, telemetry  # noqa: PLC0415

    if own := telemetry.kind_of(source, root):
        return own
    if source.format or bills.is_bill(source, root=root):
        return "bill"
    seen = bills.instead(source, root=root)
    header = () if seen else telemetry.header(source, root=root)
    kind = telemetry.recognises(header)
    if seen:
        hint = "Export the bill as CSV or Parquet."
        if "commitment" in seen:
            hint += f" When commitments end: percapita commitments --contracts {source.path}"
        raise InputError(f"{source.path} is {seen}.", hint=hint)
    if kind is None:
        shown, hint = ", ".join(header[:8])[:200], "map its columns with --map OURS=THEIRS."
        if len(header) == 1:
            hint = "save it with a comma, semicolon, tab or | between its columns."
        raise InputError(
            f"{source.path}: its columns ({shown} …) are neither those of a bill"
            " nor of readings, counts, segments, revenue or events.",
            hint=f"Say what it is with --kind, and {hint}",
        )
    return kind


def remember(project: Project, store: Store, source: Source, taken: Taken) -> None:
    """Keep a source that ``percapita.yaml`` does not name, so that later runs read it again."""
    settled = replace(source, kind=taken.kind)
    named = {each.name for each in project.sources}
    if source.name not in named and settled not in store.remembered():
        store.remember(settled)
