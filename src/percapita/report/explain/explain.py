"""One figure down to bill lines, one bill line up to its receivers: gathered from the stored run.

``down`` and ``up`` read, ``allocate/explain.py`` computes, ``as_text.py`` prints. Both stop
where a margin does not close.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from percapita.allocate import explain
from percapita.allocate.explain import Act, Flow, Item, Part, Receiver, Side
from percapita.core import money
from percapita.core.periods import Span
from percapita.report.explain.found import Cell, Down, Got, LineShare, Question, Share, Step, Up
from percapita.report.explain.heaviest import heaviest
from percapita.store.engine import Engine
from percapita.store.read import run as read_run
from percapita.store.read.run import GroupRow, Own, Who

Bind = Callable[[str, str], None]
"""Names one billing period of one run as the tables that ``read_run`` asks."""
Choose = Callable[[], Who]
"""Chooses ledger rows of what is bound: slices are numbered anew in each period."""


@dataclass(frozen=True, slots=True)
class _Run:
    """The parts of one run and period that a question needs, in memory."""

    engine: Engine
    basis: str
    period: str
    groups: Mapping[int, GroupRow]
    flows: Sequence[Flow]
    window: Span | None

    def given(self, numbers: Collection[int]) -> dict[int, list[Item]]:
        """Return what these groups were given, line part by line part."""
        needed = explain.upstream(numbers, self.flows)
        parts = [Part._make(row) for row in read_run.parts(self.engine, self.basis, needed)]
        # Siblings too: who holds a cut's residual shows only among all its flows.
        inner = [flow for flow in self.flows if flow.source in needed]
        acts = {n: Act(self.groups[n].total, self.groups[n].holder) for n in needed}
        return explain.items(parts, inner, acts, self.window)

    def flow_weights(self) -> dict[int, list[int]]:
        """Return the weights of each group's flows, in their order."""
        result: dict[int, list[int]] = defaultdict(list)
        for flow in sorted(self.flows, key=lambda f: (f.source, f.position)):
            if flow.weight is not None:
                result[flow.source].append(flow.weight)
        return result


def _open(engine: Engine, question: Question, period: str) -> _Run:
    groups = {row.group: row for row in read_run.groups(engine, question.basis)}
    flows = [Flow._make(row) for row in read_run.flows(engine, question.basis)]
    return _Run(engine, question.basis, period, groups, flows, question.window)


def down(engine: Engine, bind: Bind, question: Question, choose: Choose) -> Down:
    """Explain what the chosen ledger rows got, to the groups and the lines.

    Raises:
        ProofError: the parts of a group do not sum to its ledger amount.
    """
    result = Down()
    for period, run_id in question.runs:
        bind(period, run_id)
        run, who = _open(engine, question, period), choose()
        shares = _shares(run, run_id, question, who)
        if shares and (question.lines != 0 or not all(share.whole for share in shares)):
            shares = _with_lines(run, question, who, shares, result)
        result.shares += shares
    result.lines.sort(key=lambda line: (-abs(line.amount), line.line["LineId"]))
    return _cut_lines(result, question.lines)


def _cut_lines(result: Down, count: int | None) -> Down:
    if count is not None and len(result.lines) > count:
        result.others += len(result.lines) - count
        del result.lines[count:]
    return result


def _inside(group: GroupRow, window: Span | None) -> bool:
    return window is None or (window.start <= group.start and group.end <= window.end)


def _touches(group: GroupRow, window: Span | None) -> bool:
    return window is None or (group.start < window.end and window.start < group.end)


def _shares(run: _Run, run_id: str, question: Question, who: Who) -> list[Share]:
    wanted = {
        number
        for number, group in run.groups.items()
        if _touches(group, question.window) and question.pool in ("", group.pool)
    }
    if not wanted:
        return []
    mine = [row for row in read_run.own(run.engine, run.basis, who) if row.group in wanted]
    held = _held(run, who, mine)
    shares = [
        Share(
            run.groups[row.group],
            run_id,
            row.weight,
            row.amount,
            row.group in held,
            row.rows,
            _inside(run.groups[row.group], question.window),
        )
        for row in mine
    ]
    return sorted(shares, key=lambda s: (s.group.start, s.group.pool, s.group.group))


def _held(run: _Run, who: Who, mine: Sequence[Own]) -> set[int]:
    """Return the groups whose residual is among the chosen rows."""
    alone = {row.group for row in mine if row.rows == run.groups[row.group].receivers}
    cut = {flow.source for flow in run.flows}
    alone = {n for n in alone if n not in cut or run.groups[n].holder is not None}
    if not who.slices:
        return alone | {r.group for r in mine if run.groups[r.group].holder in who.subjects}
    open_groups = {row.group for row in mine if row.group not in alone}
    rows: dict[int, list[Receiver]] = defaultdict(list)
    for row in read_run.held_rows(run.engine, run.basis):
        if row.group in open_groups:
            rows[row.group].append(Receiver(*row[1:]))
    for number, candidates in rows.items():
        group = run.groups[number]
        at = explain.holder(candidates, group.holder, group.total, group.amount)
        if candidates[at].slice in who.slices or candidates[at].subject in who.subjects:
            alone.add(number)
    return alone


def _sides(run: _Run, who: Who, shares: Sequence[Share]) -> dict[int, Side]:
    numbers = [share.group.group for share in shares]
    held = [share.group.group for share in shares if share.holds]
    mine: dict[int, Counter[int]] = defaultdict(Counter)
    others: dict[int, Counter[int]] = defaultdict(Counter)
    for group, weight, rows in read_run.weights(run.engine, run.basis, who, numbers):
        mine[group][weight] += rows
    if held:
        for group, weight, rows in read_run.weights(run.engine, run.basis, who, held, others=True):
            others[group][weight] += rows
        flowing = run.flow_weights()
        for group in held:
            others[group].update(flowing.get(group, ()))
    return {
        share.group.group: explain.side(
            mine[share.group.group], others[share.group.group], share.group.total, holds=share.holds
        )
        for share in shares
    }


def _with_lines(
    run: _Run, question: Question, who: Who, shares: Sequence[Share], result: Down
) -> list[Share]:
    """Add the lines to the result; return the shares, cut to the window."""
    if question.lines and _stand_alone(run, shares):
        _add_heaviest(run, who, shares, question.lines, result)
        return list(shares)
    given = run.given([share.group.group for share in shares])
    sides = _sides(run, who, shares)
    cut = [_in_window(s, given.get(s.group.group, []), sides[s.group.group]) for s in shares]
    if question.lines == 0:
        return cut
    own = [given.get(share.group.group, []) for share in shares]
    known = {item.line for items in own for item in items if not item.outside}
    chosen: Collection[str] | None = None
    if question.lines is not None and len(known) > question.lines:
        weights = {s.group.group: (s.weight or 1, s.group.total or 1) for s in shares}
        chosen = set(explain.heaviest(given, weights, question.lines))
    found: dict[str, list[Cell]] = defaultdict(list)
    for share in shares:
        number = share.group.group
        for _, item, count in explain.line_parts(
            number, given.get(number, []), sides[number], chosen
        ):
            amount = explain.money(count)
            found[item.line].append(Cell(run.period, number, item.start, item.follows, amount))
    result.others += len(known) - len(found)
    _name_lines(run, found, result)
    return cut


def _stand_alone(run: _Run, shares: Sequence[Share]) -> bool:
    """Tell whether the groups lie in the window and hand nothing on, nor are handed anything."""
    tied = {number for flow in run.flows for number in (flow.source, flow.target)}
    return all(share.whole and share.group.group not in tied for share in shares)


def _add_heaviest(run: _Run, who: Who, shares: Sequence[Share], count: int, result: Down) -> None:
    """Add as many lines to the result; prove their groups, and what entered all of them."""
    amounts = {s.group.group: s.group.amount for s in shares}
    weights = {s.group.group: (s.weight or 1, s.group.total or 1) for s in shares}
    chosen, known = heaviest(run.engine, run.basis, amounts, weights, count)
    met = {one.group for one, _ in chosen}
    named = [share for share in shares if share.group.group in met]
    sides = _sides(run, who, named)
    for share in named:
        number = share.group.group
        explain.prove(number, share.amount, sides[number].of(explain.grains(amounts[number])))
    found: dict[str, list[Cell]] = defaultdict(list)
    for one, counted in chosen:
        side, had = sides[one.group], explain.grains(counted)
        part = side.of(had + explain.grains(one.amount)) - side.of(had)
        found[one.line].append(
            Cell(run.period, one.group, one.start, one.follows, explain.money(part))
        )
    result.others += known - len(found)
    _name_lines(run, found, result)


def _in_window(share: Share, given: Sequence[Item], side: Side) -> Share:
    """Prove a share against its lines; cut it to the window."""
    everything = side.of(sum(item.grains for item in given))
    explain.prove(share.group.group, share.amount, everything)
    if share.whole:
        return share
    inside = side.of(sum(item.grains for item in given if not item.outside))
    return share._replace(amount=explain.money(inside))


def _name_lines(run: _Run, found: Mapping[str, list[Cell]], result: Down) -> None:
    known = read_run.heavy_lines(run.engine, run.basis, found.keys())
    others = found.keys() - known.keys()
    if others:
        known |= read_run.lines(run.engine, run.basis, others)
    for line, cells in found.items():
        amount = money.total([cell.amount for cell in cells])
        result.lines.append(LineShare(known.get(line, {"LineId": line}), amount, tuple(cells)))


def up(engine: Engine, bind: Bind, question: Question, line: str) -> Up:
    """Explain where a line went: its parts, the groups they entered, the receivers.

    Raises:
        ProofError: the receivers of a group do not sum to what the line brought.
    """
    result = Up({"LineId": line})
    for period, run_id in question.runs:
        bind(period, run_id)
        known = read_run.lines(engine, question.basis, [line])
        if line in known:
            result.line = {**known[line], **read_run.seen(engine, question.basis, line)}
        entered = read_run.groups_of_line(engine, question.basis, line)
        if entered:
            run = _open(engine, question, period)
            entered = [
                number for number in entered if question.pool in ("", run.groups[number].pool)
            ]
            _follow(run, run_id, line, entered, result)
    return result


def _follow(run: _Run, run_id: str, line: str, entered: Sequence[int], result: Up) -> None:
    for number, start, part_line, follows, amount in sorted(
        read_run.parts(run.engine, run.basis, entered), key=lambda row: (row[1], row[0], row[3])
    ):
        if part_line == line and (run.window is None or run.window.contains(start)):
            cell = Cell(run.period, number, start, follows, amount)
            result.parts.append((run.groups[number], cell))
    reached = explain.downstream(entered, run.flows)
    given = run.given(reached)
    carried = {n for n in reached if any(i.line == line for i in given.get(n, ()))}
    leaves = [n for n in sorted(carried) if run.groups[n].receivers]
    rows: dict[int, list[Receiver]] = defaultdict(list)
    for row in read_run.ledger_rows(run.engine, run.basis, leaves):
        rows[row.group].append(Receiver(*row[1:]))
    slices = read_run.slices(run.engine)
    for number in leaves:
        group = run.groups[number]
        amounts = _taken(run, number, line, given[number], rows[number])
        brought = explain.money(sum(amounts))
        result.steps.append(Step(run_id, group, _path(run, number), brought))
        for taker, count in zip(rows[number], amounts, strict=True):
            if count:
                who = (taker.subject, *slices.get(taker.slice, ("", {})))
                amount = explain.money(count)
                result.got.append(Got(run.period, number, group.pool, *who, amount))


def _taken(
    run: _Run, number: int, line: str, given: Sequence[Item], rows: Sequence[Receiver]
) -> list[int]:
    """Return how many grains of the line each ledger row of a group got."""
    group = run.groups[number]
    flowing = run.flow_weights().get(number, [])
    if flowing and group.holder is None:
        at = flowing.index(max(flowing))
    else:
        at = len(flowing) + explain.holder(rows, group.holder, group.total, group.amount)
    weights = [*flowing, *(row.weight for row in rows)]
    return explain.receivers(line, given, weights, group.total, at)[len(flowing) :]


def _path(run: _Run, number: int) -> tuple[str, ...]:
    path = [run.groups[number].method]
    sources = {flow.target: flow.source for flow in run.flows}
    while number in sources:
        number = sources[number]
        path.insert(0, run.groups[number].method)
    return tuple(path)
