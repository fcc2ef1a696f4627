"""What explain found, as JSON and as CSV, for programs."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from decimal import Decimal
from typing import Any

from percapita.core import money
from percapita.report.explain.found import Cell, Down, Got, LineShare, Share, Step, Up
from percapita.report.explain.words import Units, why
from percapita.report.numbers import instant
from percapita.store.catalog.people import Person
from percapita.store.read.run import GroupRow


@dataclass(frozen=True, slots=True)
class Asked:
    """What a page says about its question."""

    title: str
    """Who or which line, in words."""
    who: Mapping[str, Any]
    meta: Mapping[str, Any]
    """basis, currency, period, pool, status, as_of, model, run."""
    units: Units = field(default_factory=dict)
    """Units that usage is written in, in words; weights are in base units."""
    zone: tzinfo = UTC
    """The zone that days are shown in, in words."""

    @property
    def currency(self) -> str:
        """Currency of every amount."""
        return str(self.meta["currency"])


def down_json(asked: Asked, found: Down) -> dict[str, Any]:
    """Return the whole way down, in values that JSON knows."""
    by_pool: dict[str, list[Share]] = defaultdict(list)
    for share in found.shares:
        by_pool[share.group.pool].append(share)
    pools = [
        {
            "pool": pool,
            "amount": money.text(money.total([s.amount for s in shares])),
            "why": why(shares, asked.units),
            "groups": [_share_json(share) for share in shares],
        }
        for pool, shares in dearest_first(by_pool)
    ]
    rest = money.total([found.total, -found.named])
    return {
        "meta": asked.meta,
        "subject": asked.who,
        "total": money.text(found.total),
        "pools": pools,
        "lines": [_line_json(line) for line in found.lines],
        "other_lines": {"count": found.others, "amount": money.text(rest)},
    }


def dearest_first(by_pool: Mapping[str, list[Share]]) -> list[tuple[str, list[Share]]]:
    """Return the pools in the order they matter."""
    sums = {pool: money.total([s.amount for s in shares]) for pool, shares in by_pool.items()}
    return sorted(by_pool.items(), key=lambda pair: (-abs(sums[pair[0]]), pair[0]))


def _share_json(share: Share) -> dict[str, Any]:
    weight = {"w": share.weight, "total": share.group.total, "shift": share.group.shift}
    return {
        **_group_json(share.group),
        "run": share.run,
        **weight,
        "share": money.text(money.quotient(Decimal(share.weight), share.group.total)),
        "group_amount": money.text(share.group.amount),
        "amount": money.text(share.amount),
        "holds_residual": share.holds,
    }


def _group_json(group: GroupRow) -> dict[str, Any]:
    return {
        "group": group.group,
        "billing_period": group.billing_period,
        "start": instant(group.start),
        "end": instant(group.end),
        "grain": group.grain,
        "cell": None if group.cell is None else json.loads(group.cell, strict=False),
        "level": group.level,
        "method": group.method,
        "driver": group.driver,
        "weight_start": instant(group.weight_start),
        "weight_end": instant(group.weight_end),
    }


def _line_json(line: LineShare) -> dict[str, Any]:
    return {
        **line_facts(line.line),
        "amount": money.text(line.amount),
        "parts": [_cell_json(cell) for cell in line.cells],
    }


def _cell_json(cell: Cell) -> dict[str, Any]:
    return {
        "billing_period": cell.billing_period,
        "group": cell.group,
        "start": instant(cell.start),
        "follows": cell.follows or None,
        "amount": money.text(cell.amount),
    }


def line_facts(line: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is known of a line, with its cost as ``line_amount``."""
    facts = {name: _plain(value) for name, value in line.items() if name != "amount"}
    return {**facts, "line_amount": money.text(line.get("amount"))}


def _plain(value: object) -> object:
    return instant(value) if isinstance(value, datetime) else value


def up_json(asked: Asked, found: Up, people: Mapping[int, Person]) -> dict[str, Any]:
    """Return the whole way up, likewise."""
    return {
        "meta": asked.meta,
        "line": line_facts(found.line),
        "total": money.text(found.total),
        "parts": [{**_cell_json(cell), "pool": group.pool} for group, cell in found.parts],
        "groups": [_step_json(step) for step in found.steps],
        "receivers": [_got_json(one, people) for one in by_receiver(found.got)],
    }


def _step_json(step: Step) -> dict[str, Any]:
    return {
        **_group_json(step.group),
        "run": step.run,
        "pool": step.group.pool,
        "path": list(step.path),
        "total": step.group.total,
        "receivers": step.group.receivers,
        "group_amount": money.text(step.group.amount),
        "amount": money.text(step.amount),
    }


def by_receiver(got: Sequence[Got]) -> list[tuple[Got, Decimal, list[Got]]]:
    """Return each receiver of each pool, its sum and what it is made of, most first."""
    apart: dict[tuple[Any, ...], list[Got]] = defaultdict(list)
    for one in got:
        apart[one.subject, one.pool, tuple(sorted(one.attributes.items()))].append(one)
    summed = [(rows[0], money.total([r.amount for r in rows]), rows) for rows in apart.values()]
    return sorted(summed, key=lambda s: (-abs(s[1]), s[0].subject, s[0].pool))


def _got_json(
    receiver: tuple[Got, Decimal, list[Got]], people: Mapping[int, Person]
) -> dict[str, Any]:
    first, amount, rows = receiver
    return {
        **person_json(people[first.subject], first.kind),
        "attributes": dict(first.attributes),
        "pool": first.pool,
        "amount": money.text(amount),
        "parts": [
            {"billing_period": r.billing_period, "group": r.group, "amount": money.text(r.amount)}
            for r in rows
        ],
    }


def person_json(person: Person, kind: str = "") -> dict[str, Any]:
    """Return who a subject is."""
    return {
        "subject": person.number,
        "subject_kind": kind or person.kind,
        "pseudonym": person.pseudonym,
        "label": person.label,
    }


def written(document: Mapping[str, Any]) -> str:
    """Return a way as text."""
    return json.dumps(document, ensure_ascii=False, indent=2)


def down_csv(found: Down) -> Iterator[Sequence[str | None]]:
    """Yield the lines' parts, group by group; without lines, the groups."""
    groups = {(s.group.billing_period, s.group.group): s for s in found.shares}
    if not found.lines:
        yield ("billing_period", "group", "pool", "start", "driver", "w", "total", "amount")
        for share in found.shares:
            g = share.group
            yield (g.billing_period, str(g.group), g.pool, instant(g.start), g.driver,
                   str(share.weight), str(g.total), money.text(share.amount))  # fmt: skip
        return
    yield ("LineId", "billing_period", "group", "pool", "start", "follows", "w", "total", "amount")
    for line in found.lines:
        for cell in line.cells:
            share = groups[cell.billing_period, cell.group]
            yield (str(line.line["LineId"]), cell.billing_period, str(cell.group),
                   share.group.pool, instant(cell.start), cell.follows, str(share.weight),
                   str(share.group.total), money.text(cell.amount))  # fmt: skip


def up_csv(found: Up, people: Mapping[int, Person]) -> Iterator[Sequence[str | None]]:
    """Yield what each receiver got, group by group."""
    yield ("billing_period", "group", "pool", "subject", "subject_kind", "pseudonym", "label",
           "amount")  # fmt: skip
    for one in found.got:
        person = people[one.subject]
        yield (one.billing_period, str(one.group), one.pool, str(one.subject), one.kind,
               person.pseudonym, person.label, money.text(one.amount))  # fmt: skip
