"""Which month a file is of, where its place tells: its manifest, its folder, or its own name."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

_SPAN: Final = re.compile(r"(20\d{2})(0[1-9]|1[0-2])01-20\d{6}")
_KEYED: Final = re.compile(r"billing_period=(20\d{2})-(0[1-9]|1[0-2])(?!\d).*", re.IGNORECASE)
_YEAR: Final = re.compile(r"(?:year=)?(20\d{2})", re.IGNORECASE)
_MONTH: Final = re.compile(r"(?:month=)?(0?[1-9]|1[0-2])", re.IGNORECASE)
_INSIDE: Final = re.compile(r"(?<!\d)(20\d{2})-?(0[1-9]|1[0-2])(?!\d|-\d)")


@dataclass(frozen=True, slots=True)
class Named:
    """The billing month that a file's place names."""

    month: str
    """``2026-09``."""
    place: str
    """The folder of the month, or the file itself: what lies there is of that month."""
    sure: bool
    """A manifest or the provider's folder says so; else the name of the file, or of a folder."""


def place_of(path: str) -> str:
    """Return the folder of the month that a file lies in, the file itself where there is none."""
    for folder, _ in _folders(PurePath(path)):
        return folder
    return path


def named(path: str, said: str = "") -> Named | None:
    """Return the month of a file.

    Args:
        path: of the file.
        said: the month that a manifest says it is of.
    """
    if said:
        return Named(said, place_of(path), sure=True)
    for folder, month in _folders(PurePath(path)):
        return Named(month, folder, sure=True)
    for part in reversed(PurePath(path).parts):
        months = {f"{year}-{month}" for year, month in _INSIDE.findall(part)}
        if months:
            return Named(months.pop(), path, sure=False) if len(months) == 1 else None
    return None


def _folders(path: PurePath) -> Iterator[tuple[str, str]]:
    """Yield the folders of months that hold a file, innermost first, each with its month."""
    for folder in path.parents:
        if found := _SPAN.fullmatch(folder.name) or _KEYED.fullmatch(folder.name):
            yield folder.as_posix(), f"{found[1]}-{found[2]}"
        elif (year := _YEAR.fullmatch(folder.parent.name)) and (m := _MONTH.fullmatch(folder.name)):
            yield folder.as_posix(), f"{year[1]}-{int(m[1]):02}"
