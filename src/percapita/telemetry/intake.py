"""A delivery that is no table of rows and columns: logs, events, what a server answers."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from percapita.core.sources import Kind, Source
from percapita.store import Store
from percapita.store.delivery import FileStat, Quarantined
from percapita.store.engine import Engine
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry.files import File


@dataclass(slots=True)
class Intake:
    """What such a delivery is made of, and what became of it."""

    store: Store
    source: Source
    files: Sequence[File]
    model_segments: Collection[str]
    scratch: Path
    """Folder for what is parsed; nothing in it names a person."""
    identity: Mapping[str, Sequence[str]] = field(default_factory=dict)
    """The model's: level to the attributes that name a subject."""
    notes: list[str] = field(default_factory=list)
    quarantined: list[Quarantined] = field(default_factory=list)

    @property
    def engine(self) -> Engine:
        """The engine of the store."""
        return self.store.engine

    def note(self, text: str) -> None:
        """Tell the user something, once."""
        if text not in self.notes:
            self.notes.append(text)

    def refuse(
        self, file: File, row: int, why: tuple[str, str, str], column: str = "", value: str = ""
    ) -> None:
        """Put a row into quarantine; ``why`` is code, reason and fix, the value names nobody."""
        self.quarantined.append(Quarantined(file.name, row, column, value, *why))


@dataclass(frozen=True, slots=True)
class Asked:
    """What a server has that is new."""

    stats: Sequence[FileStat]
    """What tells this delivery from any other."""
    stage: Callable[[Intake, ImportTx], int]
    state: Mapping[str, Any]
    """How far the server is read then."""


@dataclass(frozen=True, slots=True)
class Way:
    """How deliveries of one format are taken in."""

    format: str
    kind: Kind
    stage: Callable[[Intake, ImportTx], int] | None = None
    """Stages the rows of files and returns how many there are."""
    suffixes: Mapping[str, str] = field(default_factory=dict)
    """End of a name -> form, of the files that count in a folder."""
    other: str = ""
    """Form of files with other names; in a folder they count if it is given."""
    ask: Callable[[Store, Source, Path, datetime], Asked | None] | None = None
    """Asks a server instead: ``None`` where it has nothing new."""
