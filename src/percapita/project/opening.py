"""A project: the folder with ``percapita.yaml``, and what it leads to."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Self
from zoneinfo import ZoneInfo

from percapita.core.errors import InputError, Problem, nearest
from percapita.core.periods import zone
from percapita.core.privacy import Key, open_key
from percapita.core.rates import NO_RATES, Rates, read_rates
from percapita.core.sources import Source, is_remote
from percapita.model.tags import Rule, Rules, read_rules
from percapita.project.grammar import Settings, read

if TYPE_CHECKING:
    from percapita.model.spec import Model
    from percapita.store import Store

FILE = "percapita.yaml"
STORE = ".percapita"
CLOCK = "PERCAPITA_NOW"
CATALOG = "PERCAPITA_CATALOG"


class NoProjectError(InputError):
    """A folder that no project was started in."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"{folder} is no project: it has no {FILE}.",
            hint=f"Start one with: percapita init {folder}",
        )


class ProjectFileError(InputError):
    """A ``percapita.yaml`` that cannot be worked with."""

    def __init__(self, path: Path, problems: Collection[Problem]) -> None:
        count = f"{len(problems)} problem{'s' if len(problems) != 1 else ''}"
        super().__init__(f"{path} has {count}; nothing was changed.", problems=problems)


class KeyFileError(InputError):
    """A key file that is missing, broken, or in the wrong place."""

    def __init__(self, path: Path, why: str, hint: str) -> None:
        super().__init__(f"The key file {path} {why}.", hint=hint)


class UnknownSourceError(InputError):
    """No source of that name."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"There is no source {name!r}. {nearest(name, known)}".rstrip())


class ClockError(InputError):
    """A clock that was set to no time."""

    def __init__(self, text: str) -> None:
        super().__init__(
            f"{CLOCK} is {text!r}, which is no time.", hint="Write 2025-11-01T00:00:00Z."
        )


def now() -> datetime:
    """Return the time: what the environment fixes it to, else the clock's, in UTC."""
    text = os.environ.get(CLOCK)
    if not text:
        return datetime.now(UTC)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise ClockError(text) from error
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).astimezone(UTC)


def _placed(source: Source, root: Path) -> Source:
    """Spell out a path that leads out of the project, so that it is called the same everywhere."""
    if not source.path.startswith(".."):
        return source
    return replace(source, path=os.path.normpath(root / source.path))


@dataclass(frozen=True, slots=True)
class Project:
    """An opened project. Nothing but ``percapita.yaml`` has been read yet."""

    root: Path
    settings: Settings
    store_root: Path
    now: datetime

    @classmethod
    def open(cls, folder: Path, store_dir: Path | None = None) -> Self:
        """Open the project in a folder.

        Args:
            folder: where ``percapita.yaml`` is.
            store_dir: where the data is kept; ``.percapita`` in the folder unless said.

        Raises:
            NoProjectError: there is no ``percapita.yaml``.
            ProjectFileError: something is wrong with it.
        """
        path = folder / FILE
        if not path.is_file():
            raise NoProjectError(folder)
        try:
            text = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise InputError(f"{path} cannot be read: {error}.") from error
        settings, problems = read(text, str(path))
        if problems or settings is None:
            raise ProjectFileError(path, problems)
        root = Path(os.path.abspath(folder))  # noqa: PTH100 a link stays the link
        sources = tuple(_placed(source, root) for source in settings.sources)
        settings = replace(settings, sources=sources)
        return cls(root, settings, store_dir or root / STORE, now())

    @property
    def sources(self) -> tuple[Source, ...]:
        """The sources that ``percapita.yaml`` names."""
        return self.settings.sources

    @property
    def labels(self) -> tuple[str, ...]:
        """Kinds of subject whose names are kept readable."""
        return self.settings.labels

    @property
    def identity_tags(self) -> tuple[str, ...]:
        """What is hidden in the lines of every bill that ``percapita.yaml`` names."""
        said = [{*s.identity_tags} for s in self.sources if s.kind in (None, "bill")]
        everywhere = set.intersection(*said) if said else set()
        return tuple(sorted(everywhere.union(self.settings.identity_tags)))

    @property
    def model_path(self) -> Path:
        """The cost model."""
        return self.root / self.settings.model

    @property
    def taxonomy(self) -> Path | None:
        """The tag taxonomy, if there is one."""
        return self._there(self.settings.taxonomy)

    @property
    def resource_map(self) -> Path | None:
        """The resource map, if there is one."""
        return self._there(self.settings.resource_map)

    @property
    def price_book(self) -> Path:
        """Prices that the bill should charge; the file is there if percapita.yaml names it.

        Raises:
            InputError: percapita.yaml names it, and it is not there.
        """
        return self._named("price book", self.settings.price_book, Settings().price_book)

    @property
    def contracts(self) -> Path:
        """Contracts with vendors, likewise."""
        return self._named("contracts", self.settings.contracts, Settings().contracts)

    @property
    def budgets(self) -> Path:
        """What may be spent, likewise."""
        return self._named("budgets", self.settings.budgets, Settings().budgets)

    def _named(self, key: str, said: str, default: str) -> Path:
        path = self.root / Path(said).expanduser()
        if said != default and not path.is_file():
            raise InputError(f"{path} is not there; percapita.yaml says `{key}:`.")
        return path

    def rates(self) -> Rates:
        """Read what other currencies are worth.

        Raises:
            InputError: the file is not there, or something is wrong with it.
        """
        named = self.settings.rates
        return read_rates(self.root / Path(named).expanduser()) if named else NO_RATES

    def tag_rules(self) -> tuple[Rule, ...]:
        """Read the rules for virtual tags, if there are any.

        Raises:
            InputError: something is wrong with them.
        """
        said = self.settings.tags
        if not isinstance(said, str):
            return said
        path = self._there(said)
        if path is None and said != Settings().tags:
            raise InputError(f"{self.root / said} is not there; percapita.yaml says `tags:`.")
        return read_rules(path) if path else ()

    def _dated_rules(self) -> Rules:
        rules = self.tag_rules()
        dated = any(rule.start or rule.end for rule in rules)
        return Rules(rules, self.zone()) if dated else Rules(rules)

    def _there(self, name: str) -> Path | None:
        path = self.root / name
        return path if path.is_file() else None

    @property
    def key_path(self) -> Path:
        """The secret of the pseudonyms."""
        return self.root / Path(self.settings.key).expanduser()

    def key(self, *, create: bool = True) -> Key:
        """Read the key, or make one where there is neither key nor store.

        Raises:
            KeyFileError: the file is broken, gone, or lies in the store.
        """
        path = self.key_path
        if path.resolve().is_relative_to(self.store_root.resolve()):
            hint = "Who has the store must not have the key: change `key:` in percapita.yaml."
            raise KeyFileError(path, "lies in the store", hint)
        if not path.exists() and (not create or self.has_store):
            hint = "Put it back: without it every user would be counted a second time."
            raise KeyFileError(path, "is missing", hint)
        try:
            return open_key(path)
        except (OSError, ValueError) as error:
            hint = "Put the old file back; it holds 64 hex digits."
            raise KeyFileError(path, f"cannot be read ({error})", hint) from error

    @property
    def has_store(self) -> bool:
        """Tell whether anything was ever taken in."""
        from percapita.store.catalog.place import has_store  # noqa: PLC0415

        return has_store(self.store_root)

    @property
    def catalog(self) -> str:
        """URL of the catalog, empty for a file in the store; the environment's goes first."""
        return os.environ.get(CATALOG) or self.settings.catalog

    def store(self, *, threads: int | None = None, memory: str = "", create: bool = True) -> Store:
        """Open the store; the caller closes it.

        Raises:
            NoStoreError: there is none, and ``create`` is false.
        """
        from percapita.store import Store  # noqa: PLC0415
        from percapita.store.site import NoStoreError  # noqa: PLC0415

        if not create and not self.has_store:
            raise NoStoreError(self.store_root)
        store = Store.open(
            self.store_root, self.key(create=create), labels=self.labels, threads=threads,
            memory=memory, create=create, now=self.now, catalog=self.catalog,
            tag_rules=self._dated_rules(),
        )  # fmt: skip
        store.rates = self.rates if self.settings.rates else None
        return store

    def model(self, path: Path | None = None) -> Model:
        """Load the cost model, or another one.

        Raises:
            ModelError: something is wrong with it.
        """
        from percapita.model.load import load  # noqa: PLC0415

        return load(path or self.model_path)

    def segment_names(self) -> tuple[str, ...]:
        """Return the names of the model's segments: a column so called names subjects.

        A model with problems in other places still names its segments.
        """
        from percapita.model.load import examine, load  # noqa: PLC0415

        if not self.model_path.is_file():
            return ()
        text = self.model_path.read_text(encoding="utf-8-sig")
        model, _ = examine(text, str(self.model_path))
        model = model or load(self.model_path)
        return tuple(segment.name for segment in model.segments)

    def currency(self) -> str:
        """Return the model's currency; empty while the model can't be read."""
        model = self._examined()
        return model.currency if model else ""

    def zone(self) -> str:
        """Return the model's time zone; UTC while the model can't be read."""
        model = self._examined()
        return model.timezone if model else "UTC"

    def _examined(self) -> Model | None:
        from percapita.model.load import examine  # noqa: PLC0415

        if not self.model_path.is_file():
            return None
        text = self.model_path.read_text(encoding="utf-8-sig")
        return examine(text, str(self.model_path))[0]

    def identity(self) -> Mapping[str, tuple[str, ...]]:
        """Return where telemetry says whose it is; nothing while the model can't be read."""
        from percapita.model.load import examine  # noqa: PLC0415

        if not self.model_path.is_file():
            return {}
        model, _ = examine(self.model_path.read_text(encoding="utf-8-sig"), str(self.model_path))
        return model.identity.attributes if model else {}

    def timezone(self) -> ZoneInfo:
        """Return the model's time zone; UTC while the model can't be read."""
        from percapita.model.load import examine  # noqa: PLC0415

        if not self.model_path.is_file():
            return zone("UTC")
        model, _ = examine(self.model_path.read_text(encoding="utf-8-sig"), str(self.model_path))
        return zone(model.timezone if model else "UTC")

    def all_sources(self, store: Store) -> list[Source]:
        """Return what ``percapita.yaml`` names, and what was handed to ``percapita import``.

        A file that was handed over and is gone since stays in the store as it is.
        """
        named = {source.name: source for source in self.sources}
        handed = [s for s in store.remembered() if s.name not in named and self.reaches(s)]
        return [*named.values(), *handed]

    def reaches(self, source: Source) -> bool:
        """Tell whether a source's path leads to a file."""
        path = self.root / Path(source.path).expanduser()
        if is_remote(source.path) or path.exists():
            return True
        pattern = path.relative_to(path.anchor) if path.is_absolute() else path
        base = Path(path.anchor) if path.is_absolute() else Path()
        return any(True for _ in base.glob(str(pattern)))

    def known_source(self, name: str, store: Store) -> None:
        """Make sure that there is a source of that name, or was.

        Raises:
            UnknownSourceError: there never was.
        """
        known = {source.name for source in self.all_sources(store)}
        known |= {record.source for record in store.imports()}
        if name not in known:
            raise UnknownSourceError(name, known)
