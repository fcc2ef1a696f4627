"""Who is asked about: a user as the user writes it, a tenant, a pseudonym, a number, a segment."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from percapita.core.errors import InputError, nearest
from percapita.core.subjects import CLASS_OF_KIND, KINDS, PSEUDO, TENANT
from percapita.report.opened import Opened
from percapita.store.catalog.people import by_pseudonym, people, with_aliases
from percapita.store.read import run as read_run
from percapita.store.read.run import Who

_NUMBER = re.compile(r"#(-?\d+)")
_HEX = re.compile(r"[0-9a-f]{6,32}")


class UnknownSubjectError(InputError):
    """Nobody is known by that name."""

    def __init__(self, name: str, labels: list[str]) -> None:
        near = nearest(name, labels) if labels else ""
        super().__init__(
            f"Nobody is known as {name!r}.",
            hint=f"{near} Write a user's id as your systems do, a tenant's name, a pseudonym, or"
            " #NUMBER.".strip(),
        )


class UnknownValueError(InputError):
    """No receiver has that value of a segment."""

    def __init__(self, wanted: Mapping[str, str], known: set[str]) -> None:
        name, value = next(iter(wanted.items()))
        asked = " and ".join(f"{n}={v}" for n, v in wanted.items())
        super().__init__(f"No receiver has {asked}.", hint=nearest(value, known or {name}))


@dataclass(slots=True)
class Sought:
    """Whose figure is explained: certain subjects, or all with certain attributes."""

    title: str
    shown: Mapping[str, Any]
    subjects: tuple[int, ...] = ()
    attributes: Mapping[str, str] = field(default_factory=dict)
    known: dict[str, set[str]] = field(default_factory=dict)
    """Values of the attributes that were seen."""
    met: bool = False

    def choose(self, opened: Opened) -> Who:
        """Return the ledger rows of the period that is bound."""
        if not self.attributes:
            return Who(subjects=self.subjects)
        found = []
        for number, (kind, attributes) in read_run.slices(opened.engine).items():
            if kind in CLASS_OF_KIND:
                continue
            for name in self.attributes:
                if name in attributes:
                    self.known.setdefault(name, set()).add(attributes[name])
            if all(attributes.get(name) == value for name, value in self.attributes.items()):
                found.append(number)
        self.met = self.met or bool(found)
        return Who(slices=tuple(sorted(found)))

    def check(self) -> None:
        """Stop where no slice of any period had the attributes.

        Raises:
            UnknownValueError: none had.
        """
        if self.attributes and not self.met:
            known = {value for values in self.known.values() for value in values}
            raise UnknownValueError(self.attributes, known)


def subject(opened: Opened, name: str) -> Sought:
    """Return who a subject is, however it is written.

    Raises:
        UnknownSubjectError: nobody is known so, or several pseudonyms start so.
    """
    catalog = opened.store.catalog
    number = _number(opened, name)
    if number is None:
        labels = [label for _, _, label in opened.store.door.subjects() if label]
        raise UnknownSubjectError(name, labels)
    numbers = with_aliases(catalog, number)
    person = people(catalog, [number])[number]
    shown = {
        "subject": number,
        "subject_kind": person.kind,
        "pseudonym": person.pseudonym,
        "label": person.label,
        "aliases": list(numbers[1:]),
    }
    title = person.name if number <= 0 or person.label else f"{person.kind} {name}"
    return Sought(title, shown, subjects=numbers)


def _number(opened: Opened, name: str) -> int | None:
    if match := _NUMBER.fullmatch(name):
        return int(match[1])
    for kind in KINDS:
        found = opened.store.door.find(kind, name)
        if found is not None:
            return found
    for number, kind in PSEUDO.items():
        if kind == name:
            return number
    if not _HEX.fullmatch(name):
        return None
    numbers = set(by_pseudonym(opened.store.catalog, name))
    return numbers.pop() if len(numbers) == 1 else None


def segment(opened: Opened, pairs: Mapping[str, str]) -> Sought:
    """Return the receivers with these values of the model's segments.

    Raises:
        InputError: the model has no such segment.
    """
    known = [one.name for one in opened.model.segments]
    for name in pairs:
        if name not in known and name != TENANT:
            raise InputError(f"{name!r} is not a segment of the model.", hint=nearest(name, known))
    title = ", ".join(f"{name} {value}" for name, value in pairs.items())
    return Sought(title, {"segment": dict(pairs)}, attributes=dict(pairs))


def tenant(opened: Opened, name: str) -> Sought:
    """Return a tenant: all its users where the model's segments tell them, else itself."""
    if any(one.name == TENANT for one in opened.model.segments):
        return segment(opened, {TENANT: name})
    return subject(opened, name)
