"""What explain found, for the terminal: a tree of reasons, and tables of lines and receivers."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from percapita.core import money
from percapita.report.explain.as_json import Asked, by_receiver, dearest_first
from percapita.report.explain.found import Down, Got, Share, Step, Up
from percapita.report.explain.words import WIDENED, shown, why
from percapita.store.catalog.people import Person

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.tree import Tree

FEW = 3
"""Groups of a pool that are shown one by one without being asked for."""


def down_text(asked: Asked, found: Down) -> list[RenderableType]:
    """Return the tree of pools and groups, and the dearest lines."""
    from rich.tree import Tree  # noqa: PLC0415

    tree = Tree(f"[bold]{_safe(asked.title)}[/]  {shown(found.total)} {asked.currency}")
    by_pool: dict[str, list[Share]] = defaultdict(list)
    for share in found.shares:
        by_pool[share.group.pool].append(share)
    for _, shares in dearest_first(by_pool):
        _pool_branch(tree, asked, shares, found.total)
    shown_parts: list[RenderableType] = [_heading(asked), tree]
    if unsure := asked.meta.get("interval"):
        shown_parts.append(_safe(unsure["why"]))
    if found.lines:
        shown_parts += ["", _lines_table(found, asked)]
    return shown_parts


def _heading(asked: Asked) -> str:
    meta = asked.meta
    return (
        f"[dim]{meta['period']}, {meta['basis']} cost in {meta['currency']}, run {meta['run']}[/]"
    )


def _pool_branch(tree: Tree, asked: Asked, shares: Sequence[Share], total: Decimal) -> None:
    pool = shares[0].group.pool
    percent = money.percent(money.total([share.amount for share in shares]), total)
    part = "" if percent is None else f" [dim]{percent:.1f} %[/]"
    branch = tree.add(f"[bold]{_safe(pool)}[/]{part}: {_safe(why(shares, asked.units))}")
    every = bool(asked.meta.get("pool"))
    if len(shares) == 1 or not (every or len(shares) <= FEW):
        return
    for share in shares:
        group = share.group
        cell = "" if group.cell is None else f" {' / '.join(_cell(group.cell))}"
        said = why([share], asked.units)
        branch.add(f"{_day(asked, group.start)}{_safe(cell)}: {_safe(said)}")


def _cell(text: str) -> list[str]:
    return ["(none)" if value is None else str(value) for value in json.loads(text, strict=False)]


def _lines_table(found: Down, asked: Asked) -> RenderableType:
    table = _table(f"Bill lines, {asked.currency}", "line", "what was charged")
    for line in found.lines:
        table.add_row(_short(line.line), _what(asked, line.line), shown(line.amount))
    if found.others:
        rest = money.total([found.total, -found.named])
        table.add_row(
            "",
            f"{found.others:,} other {'line' if found.others == 1 else 'lines'} (--lines all)",
            shown(rest),
        )
    table.add_section()
    table.add_row("", "sum", shown(found.total))
    return table


def up_text(
    asked: Asked, found: Up, people: Mapping[int, Person], count: int | None
) -> list[RenderableType]:
    """Return the line, the groups it went to, and its receivers."""
    from rich.tree import Tree  # noqa: PLC0415

    tree = Tree(f"[bold]{_safe(asked.title)}[/]  {shown(found.total)} {asked.currency}")
    for said in _seen(found.line):
        tree.add(_safe(said))
    steps: dict[tuple[str, ...], list[Step]] = defaultdict(list)
    for step in found.steps:
        steps[step.group.pool, " > ".join(step.path), step.group.driver, step.group.level].append(
            step
        )
    for (pool, path, driver, level), members in steps.items():
        amount = money.total([step.amount for step in members])
        number = len(members)
        more = f" and {number - 1} more" if number > 1 else ""
        days = f"{_day(asked, members[0].group.start)}{more}"
        widened = f"; {WIDENED[level]}" if level in WIDENED else ""
        by = f" by {driver}" if driver else ""
        tree.add(_safe(f"{pool} {shown(amount)}: {path}{by}, {days}{widened}"))
    return [_heading(asked), tree, "", _receivers_table(asked, found, people, count)]


def _seen(line: Mapping[str, Any]) -> Iterator[str]:
    """Yield what the line said before it was converted, and which rules supplied its tags."""
    if original := line.get("original"):
        amount = shown(Decimal(original["amount"])) if original["amount"] else "nothing"
        yield (
            f"converted from {amount} {original['currency']} at {original['rate']},"
            f" the rate of {original['rate_day']}"
        )
    for key, tag in line.get("virtual_tags", {}).items():
        instead = f" instead of {tag['original']}" if tag["original"] else ""
        yield f"tags.{key} is {tag['value']}{instead}, by {tag['rule']}"


def _receivers_table(
    asked: Asked, found: Up, people: Mapping[int, Person], count: int | None
) -> RenderableType:
    table = _table(f"Receivers, {asked.currency}", "who", "pool")
    receivers = by_receiver(found.got)
    named = receivers if count is None else receivers[:count]
    apart = _apart([first for first, _, _ in receivers])
    for first, amount, _ in named:
        said = [first.attributes[name] for name in apart.get((first.subject, first.pool), ())
                if name in first.attributes]  # fmt: skip
        who = ", ".join([people[first.subject].name, *said])
        table.add_row(_safe(who), _safe(first.pool), shown(amount))
    if len(receivers) > len(named):
        rest = money.total([amount for _, amount, _ in receivers[len(named) :]])
        more = f"{len(receivers) - len(named):,} others (--lines all)"
        table.add_row(more, "", shown(rest))
    table.add_section()
    table.add_row("sum", "", shown(money.total([one.amount for one in found.got])))
    return table


def _apart(receivers: Sequence[Got]) -> dict[tuple[int, str], list[str]]:
    """Return the attributes that tell the rows of one subject and pool apart."""
    rows: dict[tuple[int, str], list[Mapping[str, str]]] = defaultdict(list)
    for one in receivers:
        rows[one.subject, one.pool].append(one.attributes)
    return {
        key: sorted(
            name
            for name in set().union(*held)
            if len({attributes.get(name) for attributes in held}) > 1
        )
        for key, held in rows.items()
        if len(held) > 1
    }


def _table(title: str, *columns: str) -> Table:
    from rich import box  # noqa: PLC0415
    from rich.table import Table  # noqa: PLC0415

    table = Table(title=title, title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    table.add_column("amount", justify="right", no_wrap=True)
    return table


def _day(asked: Asked, start: datetime) -> str:
    return f"{start.astimezone(asked.zone):%Y-%m-%d}"


def _short(line: Mapping[str, Any]) -> str:
    return str(line["LineId"])[:12]


def _what(asked: Asked, line: Mapping[str, Any]) -> str:
    said = [line.get(name) for name in ("ServiceName", "ResourceName", "ChargeDescription")]
    if not said[1]:
        said[1] = line.get("ResourceId")
    start = line.get("ChargePeriodStart")
    day = [_day(asked, start)] if isinstance(start, datetime) else []
    return _safe(", ".join([*day, *dict.fromkeys(str(text) for text in said if text)]))


def _safe(text: str) -> str:
    from rich.markup import escape  # noqa: PLC0415

    return escape(text)
