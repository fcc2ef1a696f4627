"""A delivery arrives: what is new of it is read, and takes the place of what it restates."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from percapita.bills import unread
from percapita.bills.files import months
from percapita.bills.files.found import Found, found
from percapita.bills.files.months import Named
from percapita.bills.files.objects import known_as
from percapita.bills.layouts import NothingError, UnknownFormatError
from percapita.bills.standing import counted, standing
from percapita.bills.taking import Delivery, read, scratch
from percapita.bills.unread import Plan
from percapita.bills.written.whole import gone, metered, with_named
from percapita.core.errors import InputError
from percapita.core.sources import Source, Taken
from percapita.core.tables import LINES
from percapita.store import Store
from percapita.store.delivery import FileStat
from percapita.store.imports.contents import Held, Place, Told
from percapita.store.read.metered import by_day

if TYPE_CHECKING:
    # Slow to import, and only taking in needs it.
    from percapita.store.imports.transaction import ImportTx


class TwinsError(InputError):
    """Two files of a delivery hold the very same lines."""

    def __init__(self, source: str, names: Sequence[str]) -> None:
        listed = f"{', '.join(names[:-1])} and {names[-1]}"
        super().__init__(
            f"{listed} hold the very same lines; {source!r} would count them twice.",
            hint="Remove one, or name the files that count by a pattern. If all of them are to"
            " count, import with --again.",
        )


class Arrival:
    """One import of one source."""

    def __init__(self, store: Store, source: Source, root: Path, *, again: bool) -> None:
        self._store = store
        self._source = dataclasses.replace(source, kind="bill")
        # Where the files say their currency themselves, the model's decides nothing.
        self._plain = dataclasses.replace(self._source, currency="")
        self._root = root
        self._again = again
        self._found: Found = found(source.path, root)
        self._paths = {FileStat.of(path, root): path for path in with_named(self._found.paths)}
        self._files = [*self._paths, *metered(store, self._found.paths)]

    def take(self) -> Taken:
        """Read until no file is missing, and make it live."""
        plan = self._plan()
        if not plan.read:
            return self._unchanged(plan)
        while (taken := self._tried(plan)) is None:
            pass
        return taken

    @cached_property
    def _held(self) -> list[Held]:
        return self._store.contents.held(self._source)

    def _plan(self) -> Plan:
        if self._again or self._source.mode == "upsert":
            known = []
        else:
            ways = {self._store.contents.settings_of(s) for s in (self._plain, self._source)}
            known = [held for held in self._held if held.settings in ways]
        if not known and not self._again and self._is_in():
            return Plan([], kept={})
        plan = unread.planned(self._files, known, beside=self._source.mode != "overwrite")
        if self._source.mode == "overwrite":
            plan.hear(self._bare(plan))
        return plan

    def _bare(self, plan: Plan) -> dict[FileStat, Named]:
        """Return the kept files with a header alone, and the months that they speak for."""
        bare = [file for file, held in plan.kept.items() if not held.places and file in self._paths]
        named = {file: self._month(file.path, self._paths[file]) for file in bare}
        return {file: month for file, month in named.items() if month}

    def _month(self, name: str, path: Path) -> Named | None:
        return months.named(name, self._found.month(path))

    def _is_in(self) -> bool:
        ways = (self._plain, self._source)
        return any(self._store.unchanged(source, self._files) for source in ways)

    def _tried(self, plan: Plan) -> Taken | None:
        """Take in the files that the plan reads; return ``None`` if it needs more of them."""
        store, source = self._store, self._source
        only = {self._paths[file] for file in plan.read if file in self._paths}
        with scratch(store.root / "temp") as folder, store.engine.bounded():
            beside = "" if source.mode == "overwrite" else store.bind(LINES, "live", seen_by="")
            try:
                delivery = read(
                    store.engine, source, self._root, folder, beside, store.key, only,
                    lambda meter, where: by_day(store, meter, where),
                )  # fmt: skip
            except (NothingError, UnknownFormatError):
                if not plan.kept:
                    raise
                plan.read_all()
                return None
            if plan.kept and not self._alike(plan, delivery):
                plan.read_all()
                return None
            if not self._again and (same := delivery.twins(store.engine)):
                raise TwinsError(source.name, same[0])
            return self._committed(plan, delivery)

    def _alike(self, plan: Plan, delivery: Delivery) -> bool:
        """Tell whether the files read now mean what they would mean beside the kept ones."""
        imports = {held.import_id for held in plan.kept.values()}
        kept = self._store.contents.read_as(imports)
        formats = {held.format for held in plan.kept.values()}
        return formats == {delivery.format} and unread.alike(kept, delivery.read_as)

    def _committed(self, plan: Plan, delivery: Delivery) -> Taken | None:
        read_as = self._source if delivery.assumed else self._plain
        again = self._again or plan.heard
        with self._store.begin_import(read_as, plan.read, again=again) as tx:
            _write(tx, delivery)
            places = self._places(tx, plan, delivery)
            touched = {place for several in places.values() for place in several}
            if self._source.mode == "overwrite" and plan.widen(touched):
                return None
            if delivery.whole and self._source.mode == "overwrite":
                tx.replace_all()
                delivery.notes += gone(self._store, self._source.name, delivery)
            elif self._source.mode != "upsert":
                tx.tell(self._told(plan, delivery, places))
            done = tx.commit(
                rows=delivery.rows, sums=delivery.sums, notes=delivery.notes, keys=delivery.keys,
                form=delivery.format,
            )  # fmt: skip
        if not done:
            return self._unchanged(plan)
        return Taken(
            source=self._source.name, import_id=tx.id, kind="bill", format=delivery.format,
            files=len(self._paths), rows=delivery.rows, quarantined=len(delivery.quarantined),
            unchanged=False, sums=delivery.sums, read=_names(plan.read), kept=_names(plan.kept),
            notes=tuple(delivery.notes),
        )  # fmt: skip

    def _places(self, tx: ImportTx, plan: Plan, delivery: Delivery) -> dict[str, set[Place]]:
        """Return where the lines of each file fell that was read."""
        names = {self._paths[file]: file.path for file in plan.read if file in self._paths}
        places: dict[str, set[Place]] = {file.path: set() for file in plan.read}
        for table, found_in in tx.places().items():
            places[names[delivery.files[table]]] |= found_in
        return places

    def _told(self, plan: Plan, delivery: Delivery, places: dict[str, set[Place]]) -> Told:
        """Return what the next import has to know, and what this one restates to nothing."""
        kept = frozenset(held.import_id for held in plan.kept.values())
        if self._source.mode != "overwrite":
            return Told(places, delivery.read_as, kept)
        present = plan.present.union(*places.values())
        nothing = self._nothing(delivery, present)
        delivery.notes += counted(self._store, self._source.name, nothing)
        delivery.notes += self._left(plan, present | {place for _, place in nothing})
        return Told(places, delivery.read_as, kept, tuple(plan.gone), tuple(nothing))

    def _nothing(self, delivery: Delivery, present: set[Place]) -> list[tuple[str, Place]]:
        """Return the live lines that files with a header alone restate to nothing."""
        bare, unknown = [], []
        names = {path: file.path for file, path in self._paths.items()}
        for table in delivery.bare:
            path = delivery.files[table]
            month = self._month(names[path], path)
            if month:
                bare.append(month)
            else:
                unknown.append(table)
        live = [held for held in self._held if held.live]
        if unknown and live:
            delivery.notes.append(
                f"{unread.listed(unknown)} tells no month: lines taken in earlier stay as they are."
            )
        return unread.emptied(bare, live, present)

    def _left(self, plan: Plan, replaced: set[Place]) -> list[str]:
        """Return the note on files that are no longer there and whose lines stay."""
        present = {months.place_of(file.path) for file in self._files}
        lost = [held for held in plan.gone if months.place_of(held.path) not in present]
        stay = {period for held in lost for period, _ in held.live - replaced}
        if not stay:
            return []
        files = unread.listed([known_as(held.path) for held in lost])
        lines = f"The lines of {unread.listed(sorted(stay))} stay as they were taken in."
        return [f"No longer there: {files}. {lines}"]

    def _unchanged(self, plan: Plan) -> Taken:
        last = self._store.imports(self._source.name)[-1]
        rows, quarantined, sums = standing(self._store, self._source.name)
        notes = (*last.notes, *self._left(plan, plan.present))
        return Taken(
            source=self._source.name, import_id=last.id, kind="bill", format=last.format,
            files=len(self._paths), rows=rows, quarantined=quarantined, unchanged=True, sums=sums,
            kept=_names(list(self._paths)), notes=tuple(dict.fromkeys(notes)),
        )  # fmt: skip


def _names(files: Sequence[FileStat] | dict[FileStat, Held]) -> tuple[str, ...]:
    return tuple(sorted(known_as(file.path) for file in files))


def _write(tx: ImportTx, delivery: Delivery) -> None:
    for file in delivery.written:
        tx.adopt(LINES, file.path, file.rows, period=file.period, extra=file.extra)
    tx.quarantine(delivery.quarantined)
