"""Manifests of AWS' reports and Azure's exports: which files make up a month, and which are older.

Both write the month in progress again and again. The manifest in the month's folder
names the files that count; a copy of it lies beside them. Works on names alone, so that it serves
folders and object stores alike.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any, Final

from percapita.core.errors import InputError

NAME: Final = re.compile(r".*manifest\.json", re.IGNORECASE)
_MONTH: Final = re.compile(r"\d{8}-\d{8}|billing_period=\d{4}-\d{2}.*|month=\d{1,2}", re.IGNORECASE)
_ASSEMBLY: Final = re.compile(r"[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}", re.IGNORECASE)
_RUN: Final = re.compile(rf"(.+)_{_ASSEMBLY.pattern}\.csv(\.gz)?", re.IGNORECASE)
"""A run of an Azure export that has no manifest: each holds the whole month to date."""
_DATED: Final = re.compile(r"\d{4}-?\d{2}-?\d{2}T.*")


class BrokenManifestError(InputError):
    """A manifest that can't be read."""

    def __init__(self, path: object) -> None:
        super().__init__(
            f"{path} is no manifest that can be read.", hint="Get the file again, or remove it."
        )


class MissingFileError(InputError):
    """A manifest names what is not there."""

    def __init__(self, manifest: object, key: str) -> None:
        super().__init__(
            f"{manifest} names the file {key}, which is not there.",
            hint="Copy the whole month again, or name the files that count by a pattern.",
        )


class WhichAssemblyError(InputError):
    """Several assemblies of a month, and nothing tells which one counts."""

    def __init__(self, place: object, folders: Iterable[str]) -> None:
        super().__init__(
            f"{place} holds several assemblies of one month ({', '.join(sorted(folders))}), and no"
            " manifest there tells which one counts.",
            hint="Copy the month's manifest too, or name the files that count by a pattern.",
        )


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a manifest says."""

    path: PurePosixPath
    keys: tuple[PurePosixPath, ...]
    """The files of its assembly, under their names in the bucket."""
    report: str
    month: str
    made: str = ""
    """When, where the manifest tells."""

    @property
    def label(self) -> str:
        """The month as ``2026-09``, empty where the manifest tells none."""
        told = re.fullmatch(r"(\d{4})(\d{2})", self.month)
        return f"{told[1]}-{told[2]}" if told else ""

    def named(self, files: Sequence[PurePosixPath]) -> list[PurePosixPath]:
        """Return the files that it names, found by as much of their key as was copied.

        Raises:
            MissingFileError: one is not among them.
        """
        return [self._one(key, files) for key in self.keys]

    def _one(self, key: PurePosixPath, files: Sequence[PurePosixPath]) -> PurePosixPath:
        same = [file for file in files if file.name == key.name]
        # The bare name tells too little, but beside the manifest.
        fits = [f for f in same if _shared(f, key) > 1 or f.parent == self.path.parent]
        if not fits:
            raise MissingFileError(self.path, str(key))
        return max(fits, key=lambda file: (_shared(file, key), _near(file, self.path), str(file)))


@dataclass(frozen=True, slots=True)
class Chosen:
    """The files of a delivery that count."""

    files: list[PurePosixPath]
    aside: int
    """How many are of older assemblies."""
    said: Mapping[PurePosixPath, Manifest] = field(default_factory=dict)
    """What names each file that a manifest names."""


def read(path: PurePosixPath, text: str) -> Manifest | None:
    """Return what a manifest says; ``None`` where the file is a manifest of something else.

    Raises:
        BrokenManifestError: it is not JSON.
    """
    try:
        said = json.loads(text.removeprefix("\ufeff"))
    except ValueError as error:
        raise BrokenManifestError(path) from error
    if not isinstance(said, dict):
        return None
    keys = said.get("reportKeys") or said.get("dataFiles") or _blobs(said)
    if not isinstance(keys, list) or not all(isinstance(key, str) for key in keys):
        return None
    report = str(said.get("exportArn") or said.get("reportId") or said.get("reportName") or "")
    export, run = _inside(said, "exportConfig"), _inside(said, "runInfo")
    report = report or "/".join(str(export[key]) for key in ("exportName", "type") if key in export)
    made = str(run.get("submittedTime", ""))
    return Manifest(path, tuple(map(_key, keys)), report, _month(path, said), made)


def _inside(said: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    found = said.get(key)
    return found if isinstance(found, dict) else {}


def _blobs(said: Mapping[str, Any]) -> list[str] | None:
    """Return the files that a manifest of Azure names."""
    blobs = said.get("blobs")
    if not isinstance(blobs, list):
        return None
    names = [blob.get("blobName") for blob in blobs if isinstance(blob, dict)]
    return [name for name in names if isinstance(name, str)] or None


def _key(text: str) -> PurePosixPath:
    """Return a key without scheme and bucket."""
    if text.startswith("s3://"):
        text = text.removeprefix("s3://").partition("/")[2]
    return PurePosixPath(text.lstrip("/"))


def _month(path: PurePosixPath, said: Mapping[str, Any]) -> str:
    start = str(_inside(said, "billingPeriod").get("start", ""))
    start = start or str(_inside(said, "runInfo").get("startDate", ""))
    digits = re.sub(r"\D", "", start)
    place = _place(path)
    return digits[:6] or (str(place) if place else str(path.parent))


def chosen(files: Sequence[PurePosixPath], manifests: Sequence[Manifest]) -> Chosen:
    """Return the files that count: of each month those of its newest assembly.

    Months without a manifest count whole.

    Raises:
        MissingFileError: a manifest names what is not there.
        WhichAssemblyError: several assemblies, and nothing tells which one counts.
    """
    groups: dict[tuple[str, str], list[Manifest]] = defaultdict(list)
    for manifest in manifests:
        groups[manifest.report, manifest.month].append(manifest)
    current = [_current(group) for group in groups.values()]
    said = {file: manifest for manifest in current for file in manifest.named(files)}
    keep = set(said)
    old = {file for manifest in manifests for file in _there(manifest, files)} - keep
    covered = {_place(file) for file in keep} | {_place(manifest.path) for manifest in current}
    result = [f for f in files if f in keep or (f not in old and _place(f) not in covered - {None})]
    _one_assembly_each(result, keep)
    return Chosen(sorted(result), len(files) - len(result), said)


def _current(group: Sequence[Manifest]) -> Manifest:
    """Return the newest manifest of a report's month."""
    highest = min(len(manifest.path.parts) for manifest in group)
    top = [manifest for manifest in group if len(manifest.path.parts) == highest]
    if len({frozenset(manifest.keys) for manifest in top}) == 1:
        return min(top, key=lambda manifest: str(manifest.path))
    if all(manifest.made for manifest in top):
        return max(top, key=lambda manifest: manifest.made)
    folders = [manifest.path.parent.name for manifest in top]
    if len(set(folders)) == len(folders) and all(map(_DATED.fullmatch, folders)):
        return max(top, key=lambda manifest: manifest.path.parent.name)
    raise WhichAssemblyError(top[0].path.parent.parent, folders)


def _there(manifest: Manifest, files: Sequence[PurePosixPath]) -> list[PurePosixPath]:
    try:
        return manifest.named(files)
    except MissingFileError:
        return []


def _one_assembly_each(files: Sequence[PurePosixPath], keep: set[PurePosixPath]) -> None:
    """Refuse two assemblies beside each other that no manifest tells apart."""
    folders: dict[PurePosixPath, set[str]] = defaultdict(set)
    for file in files:
        if file not in keep and _ASSEMBLY.fullmatch(file.parent.name):
            folders[file.parent.parent].add(file.parent.name)
    for file in files:
        named = _RUN.fullmatch(file.name)
        if file not in keep and named and _MONTH.fullmatch(file.parent.name):
            folders[file.parent / named[1]].add(file.name)
    for place, names in folders.items():
        if len(names) > 1:
            raise WhichAssemblyError(place, names)


def _place(file: PurePosixPath) -> PurePosixPath | None:
    """Return the folder that holds all assemblies of a file's month, if its name tells."""
    for folder in file.parents:
        if _MONTH.fullmatch(folder.name):
            return folder
    return file.parent.parent if _ASSEMBLY.fullmatch(file.parent.name) else None


def _shared(file: PurePosixPath, key: PurePosixPath) -> int:
    """Return how many parts two names share from the end."""
    pairs = zip(reversed(file.parts), reversed(key.parts), strict=False)
    count = 0
    for one, other in pairs:
        if one != other:
            break
        count += 1
    return count


def _near(file: PurePosixPath, manifest: PurePosixPath) -> int:
    """Return how many parts two names share from the start."""
    count = 0
    for one, other in zip(file.parts, manifest.parts, strict=False):
        if one != other:
            break
        count += 1
    return count
