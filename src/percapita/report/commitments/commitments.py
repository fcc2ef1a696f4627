"""The statement of commitments: each one, each month and all; whose the unused part is; expiry."""

from __future__ import annotations

import csv
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Final

from percapita.bills.focus import COMMITMENT_TERM
from percapita.core.errors import InputError
from percapita.core.money import total
from percapita.core.rates import Rates
from percapita.measure.commitments import Commitment, added, summed
from percapita.model.spec import Model
from percapita.report.lines import bind_lines, currency_of, none
from percapita.store import Store
from percapita.store.read import commitments as read_commitments
from percapita.store.read.commitments import Held, Open, Unused

UNALLOCATED: Final = "unallocated"
_ID, _END = COMMITMENT_TERM


class NotContractsError(InputError):
    """A file that is no list of contract commitments."""

    def __init__(self, path: Path, why: str) -> None:
        super().__init__(
            f"{path} is no list of commitments: {why}.",
            hint=f"Give the CSV of FOCUS' dataset of contract commitments; {_ID} and {_END} are"
            " read.",
        )


@dataclass(frozen=True, slots=True)
class One:
    """A commitment: what it is, its sums, its months."""

    id: str
    name: str | None
    category: str | None
    type: str | None
    provider: str | None
    sums: Commitment
    expires: date | None
    owners: tuple[str | None, ...]
    """Who owns its unused part."""


@dataclass(frozen=True, slots=True)
class Owned:
    """Unused commitment in one pool; ``owner`` is the pool's."""

    pool: str
    owner: str | None
    amount: Decimal


@dataclass(frozen=True, slots=True)
class Statement:
    """Everything that ``percapita commitments`` says."""

    currency: str
    commitments: tuple[One, ...]
    """Most committed cost first."""
    months: Mapping[str, Commitment]
    whole: Commitment
    unused: tuple[Owned, ...]
    """Most first; they sum to the unused cost."""
    notes: tuple[str, ...]


def commitments(
    store: Store,
    model: Model | None,
    *,
    rates: Callable[[], Rates] = none,
    months: Collection[str] | None = None,
    contracts: Sequence[Path] = (),
) -> Statement:
    """Return the statement of the lines as imported; it needs no run.

    Args:
        store: where the lines are.
        model: says whose the unused part is, and the currency.
        rates: reads what other currencies are worth.
        months: billing months to look at; ``None`` is all.
        contracts: files of FOCUS' dataset of contract commitments, for the ends of terms.
    """
    bind_lines(store, model, rates, months)
    currency = currency_of(store, model)
    held = read_commitments.held(store.engine, currency)
    free = read_commitments.on_demand(store.engine, currency)
    pools = [(pool.name, pool.match.columns) for pool in model.pools] if model else []
    lost = read_commitments.unused(store.engine, currency, pools, UNALLOCATED)
    owner = {pool.name: pool.owner or None for pool in model.pools} if model else {}
    owners: dict[str, dict[str | None, None]] = {}
    for part in lost:
        owners.setdefault(part.id, {})[owner.get(part.pool)] = None
    ends = _ends(contracts)
    found = [_one(own, ends, tuple(owners.get(name, ()))) for name, own in _by_id(held).items()]
    by_month = _months(held, free)
    unused = _owned(lost, owner)
    return Statement(
        currency,
        tuple(sorted(found, key=lambda one: (-(one.sums.committed or Decimal(0)), one.id))),
        by_month,
        summed(by_month.values()),
        tuple(unused),
        tuple(_notes(held, free, unused)),
    )


def _owned(lost: Sequence[Unused], owner: Mapping[str, str | None]) -> list[Owned]:
    by_pool: dict[str, list[Decimal]] = {}
    for part in lost:
        by_pool.setdefault(part.pool, []).append(part.amount)
    found = [Owned(pool, owner.get(pool), total(amounts)) for pool, amounts in by_pool.items()]
    return sorted(found, key=lambda one: (-one.amount, one.pool))


def _by_id(held: Sequence[Held]) -> dict[str, list[Held]]:
    found: dict[str, list[Held]] = {}
    for part in held:
        found.setdefault(part.id, []).append(part)
    return found


def _sums(part: Held) -> Commitment:
    return Commitment(part.purchased, part.used, part.unused, part.used_list)


def _one(parts: Sequence[Held], ends: Mapping[str, date], owners: tuple[str | None, ...]) -> One:
    last = parts[-1]
    paid = [part.ends for part in parts if part.ends]
    expires = ends.get(last.id) or (max(paid).date() if paid else None)
    name, category, kind, provider = (
        next((value for part in reversed(parts) if (value := part[at])), None) for at in range(2, 6)
    )
    return One(
        last.id, _text(name), _text(category), _text(kind), _text(provider),
        summed(map(_sums, parts)), expires, owners,
    )  # fmt: skip


def _text(value: object) -> str | None:
    return None if value is None else str(value)


def _months(held: Sequence[Held], free: Sequence[Open]) -> dict[str, Commitment]:
    parts: dict[str, list[Commitment]] = {}
    for part in held:
        parts.setdefault(part.month, []).append(_sums(part))
    for rest in free:
        more = Commitment(open_cost=rest.effective, open_list=rest.list)
        parts.setdefault(rest.month, []).append(more)
    return {month: summed(own) for month, own in sorted(parts.items())}


def _notes(held: Sequence[Held], free: Sequence[Open], unused: Sequence[Owned]) -> list[str]:
    notes = []
    if any(part.used and part.used_list is None for part in held) or any(
        part.effective and part.list is None for part in free
    ):
        notes.append("Usage without a list cost: what depends on it is not known.")
    orphans = added(one.amount for one in unused if one.owner is None)
    if orphans:
        notes.append(
            "Unused cost without an owner: give the model a pool such as {pool: unused commitments,"
            " match: {CommitmentDiscountStatus: Unused}, owner: cloud team}."
        )
    return notes


def _ends(contracts: Sequence[Path]) -> dict[str, date]:
    """Return the last moment's day of each commitment in files of contract commitments."""
    found: dict[str, date] = {}
    for path in contracts:
        try:
            with path.open(encoding="utf-8-sig", newline="") as file:
                reader = csv.DictReader(file)
                if not {_ID, _END} <= set(reader.fieldnames or ()):
                    raise NotContractsError(path, f"it has no columns {_ID} and {_END}")
                rows = [(row[_ID], row[_END]) for row in reader if row[_ID] and row[_END]]
        except (OSError, UnicodeDecodeError, csv.Error) as error:
            raise NotContractsError(path, str(error)) from error
        for name, text in rows:
            try:
                end = datetime.fromisoformat(text)
            except ValueError as error:
                raise NotContractsError(path, f"{_END} {text!r} is no time") from error
            end = end if end.tzinfo else end.replace(tzinfo=UTC)
            day = end.astimezone(UTC).date()
            found[name] = max(day, found.get(name, day))
    return found
