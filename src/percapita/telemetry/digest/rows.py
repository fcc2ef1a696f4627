"""Signals that some meter counts, as columns of numbers: what is deduplicated, joined, summed."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any, Final, Self

import numpy as np

from percapita.core.subjects import SESSION, TENANT, USER
from percapita.telemetry.digest.decode.wire import Flags, Ints, Words
from percapita.telemetry.digest.decode.words import ABSENT
from percapita.telemetry.digest.meters.plan import UNCOUNTED, Called

LEVELS: Final = ("", TENANT, SESSION, USER)
"""Kinds of subject by their code; the empty one is nobody."""
_NESTED: Final = ("joins", "quantities", "called")


@dataclass(slots=True)
class Rows:
    """One row a signal. Texts stand as codes of a lexicon; 0 is no subject and no join."""

    position: Ints
    """Entry of the spool it came in."""
    received: Ints
    """When, in microseconds since 1970."""
    at: Ints
    """When it ended, in nanoseconds since 1970: the hour it is counted in."""
    key: Words
    """With ``check``, what it is known again by; begins with its time: ``store/live/dedup.py``."""
    check: Words
    cell: Ints
    operation: Ints
    feature: Ints
    threshold: Ints
    trace: Words
    """Hash of its trace; 0 where it has none."""
    joins: tuple[Words, ...]
    """Each a hash of what it may share with a signal that names a user."""
    user: Ints
    session: Ints
    tenant: Ints
    quantities: Mapping[str, Ints]
    """By meter; a meter that is not named counts none of them."""
    called: Mapping[Called, Ints] = field(default_factory=dict)
    """Codes of the operation for meters that call it by attributes of their own."""

    def __len__(self) -> int:
        """Return how many rows there are."""
        return len(self.at)

    def take(self, which: Ints | Flags) -> Self:
        """Return some of the rows."""
        columns: dict[str, Any] = {
            field.name: getattr(self, field.name)[which]
            for field in fields(self)
            if field.name not in _NESTED
        }
        return type(self)(
            **columns,
            joins=tuple(hashes[which] for hashes in self.joins),
            quantities={meter: values[which] for meter, values in self.quantities.items()},
            called={by: codes[which] for by, codes in self.called.items()},
        )

    def subject(self) -> tuple[Ints, Ints]:
        """Return who used it, the closest that is known, and the code of that level."""
        level = np.where(self.tenant > 0, 1, 0)
        subject = self.tenant.copy()
        for code, column in ((2, self.session), (3, self.user)):
            known = column > 0
            subject[known], level[known] = column[known], code
        return subject, level

    @classmethod
    def concatenated(cls, parts: Sequence[Self]) -> Self:
        """Return the rows of all parts, one after the other."""
        if len(parts) == 1:
            return parts[0]
        meters = sorted({meter for part in parts for meter in part.quantities})
        columns: dict[str, Any] = {
            field.name: np.concatenate([getattr(part, field.name) for part in parts])
            for field in fields(cls)
            if field.name not in _NESTED
        }
        joins = max(len(part.joins) for part in parts)
        return cls(
            **columns,
            joins=tuple(np.concatenate([part.join(at) for part in parts]) for at in range(joins)),
            quantities={
                meter: np.concatenate([part.quantity(meter) for part in parts]) for meter in meters
            },
            called={
                by: np.concatenate([part.operations(by) for part in parts])
                for by in sorted({by for part in parts for by in part.called})
            },
        )

    def operations(self, by: Called) -> Ints:
        """Return the operation of each row as meters call it that have attributes for it."""
        found = self.called.get(by)
        return np.full(len(self), ABSENT) if found is None else found

    def of(self, meters: Collection[str], by: Called) -> Self:
        """Return the rows that some meters count, as they call the operation."""
        rows = replace(self, quantities={m: self.quantities[m] for m in meters}, called={})
        if not by:
            return rows
        rows.operation = self.operations(by)
        counted = np.logical_or.reduce([values >= 0 for values in rows.quantities.values()])
        return rows.take(counted)

    def join(self, at: int) -> Words:
        """Return one of the hashes to join by."""
        return self.joins[at] if at < len(self.joins) else np.zeros(len(self), np.uint64)

    def quantity(self, meter: str) -> Ints:
        """Return what each row adds to a meter."""
        found = self.quantities.get(meter)
        return np.full(len(self), UNCOUNTED) if found is None else found
