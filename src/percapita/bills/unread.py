"""Which files of a delivery must be read, and which are in as they are.

A file is read alone where its billing periods and accounts (places) are nobody else's. Files that
share a place are read together, as a place is replaced as a whole: what one of them writes anew,
or no longer writes, can't be told from the lines of the others.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from percapita.bills.files.months import Named, place_of
from percapita.store.delivery import FileStat
from percapita.store.imports.contents import Held, Place


@dataclass(slots=True)
class Plan:
    """What becomes of each file of a delivery."""

    read: list[FileStat]
    kept: dict[FileStat, Held] = field(default_factory=dict)
    """Not read again: their lines are live."""
    gone: list[Held] = field(default_factory=list)
    """Taken in earlier, and no longer delivered as they were."""
    heard: bool = False
    """Files that are in say more now than when they came, see ``hear``."""

    def widen(self, places: Iterable[Place]) -> bool:
        """Read the kept files, too, that share one of the places; tell whether there were any."""
        touched, moved = set(places), False
        while shared := [file for file, held in self.kept.items() if held.places & touched]:
            moved = True
            for file in shared:
                touched |= self.kept.pop(file).places
                self.read.append(file)
        return moved

    def hear(self, bare: Mapping[FileStat, Named]) -> None:
        """Read the months without lines again where they now say more than when they came.

        Such a month speaks for lines of files that are gone, once no file beside it has any.

        Args:
            bare: kept files with a header alone -> the month that each speaks for.
        """
        self.heard = bool(emptied(bare.values(), self.gone, self.present))
        if self.heard:
            for file in bare:
                del self.kept[file]
                self.read.append(file)

    def read_all(self) -> None:
        """Keep nothing."""
        self.read += self.kept
        self.kept.clear()

    @property
    def present(self) -> set[Place]:
        """Return the places of the kept files."""
        return {place for held in self.kept.values() for place in held.places}


def planned(files: Sequence[FileStat], held: Iterable[Held], *, beside: bool) -> Plan:
    """Decide which files of a delivery are read.

    Args:
        files: all of the delivery.
        held: what earlier ones left live, read as this one would be.
        beside: the delivery replaces nothing.
    """
    known: dict[str, list[Held]] = defaultdict(list)
    for one in held:
        known[one.digest].append(one)
    now: dict[str, list[FileStat]] = defaultdict(list)
    for file in files:
        now[file.digest].append(file)
    plan = Plan([])
    for digest, same in now.items():
        kept = _matched(same, known.get(digest, []))
        if kept:
            del known[digest]
        plan.kept |= kept
        plan.read += [file for file in same if file not in kept]
    plan.gone = [one for several in known.values() for one in several]
    if not beside:
        plan.widen(place for one in plan.gone for place in one.live)
    return plan


def _matched(files: Sequence[FileStat], held: Sequence[Held]) -> dict[FileStat, Held]:
    """Return what is known of files of one content, nothing where it is not all that they hold."""
    if not held or any(one.live != one.places for one in held):
        return {}
    if not any(one.places for one in held):
        # Months without lines are alike: each speaks for the place that it is in.
        there = {one.path: one for one in held}
        return {file: there[file.path] for file in files if file.path in there}
    # A copy beside a file that is in counts as well, or is refused.
    return dict(zip(files, held, strict=True)) if len(files) == len(held) else {}


def emptied(
    bare: Iterable[Named], held: Iterable[Held], present: Collection[Place]
) -> list[tuple[str, Place]]:
    """Return import and place of the live lines that files with a header alone restate to nothing.

    A file speaks for its own place; where nothing else delivers a line of its month, for the month.

    Args:
        bare: the months of such files.
        held: what earlier deliveries left live.
        present: places that the delivery has lines of.
    """
    months = {month for month, _ in present}
    spoken = list(bare)
    found = set()
    for one in held:
        for place in one.live - set(present):
            for file in spoken:
                its = place_of(one.path) == file.place
                if place[0] == file.month and (its or (file.sure and file.month not in months)):
                    found.add((one.import_id, place))
    return sorted(found)


def alike(kept: Mapping[str, set[tuple[str, str]]], read: Mapping[str, tuple[str, str]]) -> bool:
    """Tell whether files read apart mean what they would mean together.

    Args:
        kept: layout -> how dates and amounts of files that are in were read.
        read: likewise of those read now.
    """
    for layout, (dates, amounts) in read.items():
        for others_dates, others_amounts in kept.get(layout, ()):
            if "" not in (dates, others_dates) and dates != others_dates:
                return False
            if amounts != others_amounts or amounts == "unclear":
                return False
    return True


def listed(names: Sequence[str], most: int = 3) -> str:
    """Return names as a message says them; of many the first ones."""
    if len(names) > most:
        return f"{', '.join(names[:most])} and {len(names) - most} more"
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))
