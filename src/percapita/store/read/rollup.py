"""The fixed SQL of the reading commands: a run's roll-up and parts, cut as a question asks.

Rows go out as Python values; what they mean is measured elsewhere. Group numbers are unique in one
period, so a group is named by its period and number.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any, Final

from percapita.core.periods import Span
from percapita.core.subjects import REST, SEGMENT, TENANT
from percapita.store.engine import Engine, literal, quote
from percapita.store.kept.in_engine import in_engine
from percapita.store.read.cut import Amount, Cut, Share, Top

# Every row has its slice. An inner join would let the engine begin with groups and slices, which
# have nothing but the period in common.
_JOINED: Final = (
    "FROM {facts} r JOIN groups g ON g.period = r.period AND g.basis = r.basis"
    ' AND g."group" = r."group" LEFT JOIN slices s ON s.period = r.period AND s.slice = r.slice'
)
_MIXED: Final = {"period": "string", "group": "int64"}
_KINDS_OF_PLACE: Final = {"subject": "int64"}
_INSTEAD: Final = {
    "SubAccountName": "coalesce(nullif(l.SubAccountName, ''), l.SubAccountId)",
    "ServiceProviderName": "coalesce(nullif(l.ServiceProviderName, ''), l.InvoiceIssuerName)",
}
"""What stands in for a line column that many bills leave empty."""


class Reader:
    """Questions to the tables of a run, which the caller binds under their own names.

    ``parts groups flows slices`` always, ``ledger`` where subjects are told apart, else ``rollup``,
    and ``lines`` where their columns are asked for. Call ``mixed_periods`` before amounts.
    """

    def __init__(self, engine: Engine, cut: Cut) -> None:
        self.engine = engine
        self.cut = cut
        self._whole = self._single_bucket()
        self._leaders: tuple[int, list[int]] | None = None

    def bill(self) -> Decimal:
        """Return the sum of the line parts that the cut covers."""
        found = self._of_parts("sum(p.amount)")
        return Decimal(0) if found is None else Decimal(found)

    def complete_through(self) -> datetime | None:
        """Return the end of the last day that has a charge."""
        found: datetime | None = self._of_parts('max(p."end")')
        return found

    def _of_parts(self, what: str) -> Any:  # noqa: ANN401
        sql = f"SELECT {what} FROM parts p WHERE p.basis = ? AND {self._inside('p')}"
        return in_engine(self.engine).rows(("parts",), sql, [self.cut.basis])[0][0]

    def periods(self) -> list[str]:
        """Return the billing periods that have anything in the span."""
        rows = in_engine(self.engine).rows(
            ("groups",),
            f"SELECT DISTINCT g.period FROM groups g WHERE g.basis = ? AND {self._overlapping()}"
            " ORDER BY 1",
            [self.cut.basis],
        )
        return [str(row[0]) for row in rows]

    def mixed_periods(self) -> list[str]:
        """Find the groups that hold several of the values asked for; return their periods.

        They are read by ``shares``, ``entered`` and ``handed``, all others by ``amounts``. Groups
        that hand to each other are read the same way.
        """
        key = 'm.period = f.period AND m."group" = f'
        self.engine.create(
            "_mixed",
            f'SELECT g.period, g."group" FROM groups g WHERE g.basis = {literal(self.cut.basis)}'
            f" AND {self._overlapping()} AND NOT ({self._whole})",
            _MIXED,
        )
        steps = (("from_group", "to_group"), ("to_group", "from_group"))
        found = 1 if self.engine.value("SELECT count(*) FROM _mixed") else 0
        while found:
            found = sum(
                self.engine.insert(
                    "_mixed",
                    f'SELECT DISTINCT f.period, f.{there} AS "group" FROM flows f'
                    f" JOIN _mixed m ON {key}.{here} WHERE f.basis = {literal(self.cut.basis)}"
                    f" AND NOT EXISTS (SELECT 1 FROM _mixed m WHERE {key}.{there})",
                    _MIXED,
                )
                for here, there in steps
            )
        rows = self.engine.rows("SELECT DISTINCT period FROM _mixed ORDER BY 1")
        return [str(row[0]) for row in rows]

    def lead(self, top: Top) -> list[int]:
        """Let ``amounts`` tell the dearest subjects apart and no others; return all that have any.

        Where some are skipped, the last of them is told apart too: rows of no subject, which nobody
        ranks here, may stand before it.

        Returns nothing, and changes nothing, where there are no more than asked for, or where some
        that cost nothing would come before the last of them.
        """
        receivers = [_KINDS_OF_PLACE.get(place, "string") for place, _ in self.cut.receivers]
        texts = ["string"] * 5 + receivers + ["string"] * len(self.cut.times)
        schema = {f"c{n}": kind for n, kind in enumerate(texts)} | {"amount": "decimal(38,18)"}
        self.engine.create("_sums", self._sums(list(schema)), schema)
        subject = f"c{5 + top.at}"
        tests = [f"{subject} IS NOT NULL", f"c3 NOT IN ({', '.join(map(literal, top.beside))})"]
        if top.pools is not None:
            tests.append(f"c0 IN ({', '.join(map(literal, top.pools)) or 'NULL'})")
        tests += [f"c{5 + at} IS NOT DISTINCT FROM ?" for at, _ in top.where]
        rows = self.engine.rows(
            f"SELECT {subject}, sum(amount) > 0 FROM _sums WHERE {' AND '.join(tests)} GROUP BY 1"
            f" ORDER BY sum(amount) DESC, CAST({subject} AS VARCHAR)",
            [value for _, value in top.where],
        )
        last = top.skip + top.most
        if len(rows) <= last or not rows[last - 1][1]:
            return []
        found = [int(number) for number, _ in rows]
        self._leaders = top.at, found[max(top.skip - 1, 0) : last]
        return found

    def amounts(self) -> list[Amount]:
        """Return what needs no line parts."""
        receivers, times = len(self.cut.receivers), len(self.cut.times)
        names = [f"c{n}" for n in range(5 + receivers + times)]
        if self._leaders is None:
            rows = self.engine.rows(self._sums([*names, "amount"]))
        else:
            at, leaders = self._leaders
            # A table, as a list in the statement is gone through row by row.
            lead = f"SELECT unnest([{', '.join(map(str, leaders))}]) AS subject"
            self.engine.create("_lead", lead, {"subject": "int64"})
            told = list(names)
            told[5 + at] = (
                f"CASE WHEN {names[5 + at]} IN (SELECT subject FROM _lead)"
                f" OR {names[5 + at]} IS NULL"
                f" THEN CAST({names[5 + at]} AS VARCHAR) ELSE {literal(REST)} END"
            )
            rows = self.engine.rows(
                f"SELECT {', '.join(told)}, sum(amount) FROM _sums GROUP BY ALL"
            )
        tail = 5 + receivers
        return [
            Amount(*_five(row), receivers=row[5:tail], parts=row[tail:-1], amount=row[-1])
            for row in rows
        ]

    def _sums(self, columns: Sequence[str]) -> str:
        """Return the statement of all amounts that need no line parts.

        The many rows are summed by numbers; what is said of their groups is worked out once.
        """
        receivers = self._receivers()
        pool, method, billing, kind, known = self._group_columns()
        said = [pool, method, billing, *self._times("g")]
        names = [f"said_{n}" for n in range(len(said))]
        told = [*(f"g.{n}" for n in names[:3]), kind, known, *receivers,
                *(f"g.{n}" for n in names[3:]), "sum(r.amount)"]  # fmt: skip
        shown = ", ".join(f"{sql} AS {name}" for sql, name in zip(told, columns, strict=True))
        groups = in_engine(self.engine).table(
            ("groups", "flows"), self._alike(said, names), self._whole
        )
        summed, where = self._by_slice(groups)
        one, joined = self._one_slice() if self.cut.only else ("f.slice", "")
        return (
            f"WITH r AS (SELECT f.period, {one} AS slice, alike, {self._kept('f')}"
            f" sum(f.amount) AS amount FROM {summed}{joined}{where} GROUP BY ALL)"
            f" SELECT {shown} FROM r"
            f" JOIN (SELECT DISTINCT alike, {', '.join(names)} FROM {groups}) g"
            " ON g.alike = r.alike"
            " LEFT JOIN slices s ON s.period = r.period AND s.slice = r.slice GROUP BY ALL"
        )

    def _by_slice(self, groups: str) -> tuple[str, str]:
        """Return where amounts ``f`` stand beside what is said of their groups, and which count.

        Where nobody is told apart they are summed once for all questions about their slices.
        """
        facts, basis = self._facts_table(), f" WHERE f.basis = {literal(self.cut.basis)}"
        found = f'{facts} f JOIN {groups} gs ON gs.period = f.period AND gs."group" = f."group"'
        if self.cut.by_subject:
            return found, basis
        table = in_engine(self.engine).table(
            (facts, "groups", "flows"),
            f"SELECT f.period, f.slice, gs.alike, {self._kept('f')} sum(f.amount) AS amount"
            f" FROM {found}{basis} GROUP BY ALL",
            self._whole,
        )
        return f"{table} f", ""

    def _one_slice(self) -> tuple[str, str]:
        """Return the slice that stands for a row's, and the join that finds it.

        One slice of a kind stands for all of its kind that a question leaves out.
        """
        tests = " AND ".join(
            f"coalesce(attributes[{literal(name)}] = {literal(value)}, false)"
            for name, value in self.cut.only
        )
        seen = (
            f"SELECT period, slice, CASE WHEN {tests} THEN slice ELSE"
            f" min(slice) FILTER (NOT ({tests})) OVER (PARTITION BY period, kind) END AS seen"
            " FROM slices"
        )
        joined = f" LEFT JOIN ({seen}) o ON o.period = f.period AND o.slice = f.slice"
        return "coalesce(o.seen, f.slice)", joined

    def weighed(self, pools: str, *, through: bool = False) -> str:
        """Return SQL of the groups that a driver's usage splits, each with what of it is asked for.

        Args:
            pools: table (pool, meter, demand) of the drivers meant. ``at`` is the cell whose usage
                are the weights, ``*`` for all. Groups that lie in several days or months, where
                these are told apart, are left out.
            through: those too that pass through other pools; usage of several drivers splits them.
        """
        inside = "1.0"
        if self.cut.span is not None:
            first, last = (f"TIMESTAMPTZ '{at.isoformat()}'" for at in _ends(self.cut.span))
            within = f'epoch(least(g."end", {last})) - epoch(greatest(g.start, {first}))'
            inside = f'({within}) / (epoch(g."end") - epoch(g.start))'
        times = "".join(f", {sql} AS t{n}" for n, sql in enumerate(self._times("g")))
        alone = self._single_bucket(clipped=False) if self.cut.times else "true"
        direct = "true" if through else "g.method <> 'through' AND g.weight_start IS NOT NULL"
        return (
            f'SELECT g.period, g."group", g.pool, p.demand,'
            " g.weight_start, g.weight_end, CASE WHEN g.level IN ('own', 'month')"
            f" THEN coalesce(g.cell, '') ELSE '*' END AS at, CAST(g.amount AS DOUBLE) * {inside}"
            f" AS amount, {inside} AS inside{times} FROM groups g JOIN {pools} p"
            f" ON p.pool = g.pool AND p.meter = g.driver"
            f" WHERE g.basis = {literal(self.cut.basis)} AND {direct}"
            f" AND {self._overlapping()} AND {alone}"
        )

    def _alike(self, said: Sequence[str], names: Sequence[str]) -> str:
        """Return the groups that are not mixed; a number stands for what is said of them."""
        told = ", ".join(f"{sql} AS {name}" for sql, name in zip(said, names, strict=True))
        return (
            f"SELECT *, dense_rank() OVER (ORDER BY {', '.join(names)}) AS alike FROM"
            f' (SELECT g.period, g."group", {told} FROM groups g'
            f" WHERE g.basis = {literal(self.cut.basis)} AND {self._overlapping()}"
            f" AND NOT {_mixed('g')})"
        )

    def _kept(self, facts: str) -> str:
        """Return the columns that rows of a group and slice are told apart by."""
        kept = [quote(name) for place, name in self.cut.receivers if place == "dimension"]
        kept += ["subject"] if self.cut.by_subject else []
        return "".join(f"{facts}.{name}, " for name in dict.fromkeys(kept))

    def shares(self, period: str) -> list[Share]:
        """Return what each kind of receiver got from each mixed group of a period."""
        receivers = self._receivers()
        columns = ", ".join(['r."group"', *self._group_columns(), *receivers])
        rows = self.engine.rows(
            f"SELECT {columns}, sum(r.w), sum(r.amount) {self._facts()}"
            f" WHERE r.basis = ? AND r.period = ? AND {_mixed('r')} GROUP BY ALL ORDER BY ALL",
            [self.cut.basis, period],
        )
        return [
            Share(row[0], *_five(row[1:]), row[6:-2], int(row[-2] or 0), row[-1]) for row in rows
        ]

    def entered(self, period: str) -> list[tuple[int, tuple[str | None, ...], Decimal]]:
        """Return what entered each mixed group: group, values, amount.

        The first value is ``in`` or ``out`` of the span, then come times and line columns.
        """
        inside = f"CASE WHEN {self._inside('p')} THEN 'in' ELSE 'out' END"
        columns = [inside, *self._times("p"), *map(_line_column, self.cut.lines)]
        join = " LEFT JOIN lines l ON l.LineId = p.LineId" if self.cut.lines else ""
        rows = self.engine.rows(
            f'SELECT p."group", {", ".join(columns)}, sum(p.amount) FROM parts p{join}'
            f" WHERE p.basis = ? AND p.period = ? AND {_mixed('p')} GROUP BY ALL",
            [self.cut.basis, period],
        )
        return [(row[0], row[1:-1], row[-1]) for row in rows]

    def handed(self, period: str) -> list[tuple[int, int, int, int | None, Decimal]]:
        """Return every hand-over of mixed groups: from, to, position, weight, amount."""
        return self.engine.rows(
            "SELECT f.from_group, f.to_group, f.position, f.w, f.amount FROM flows f"
            f" WHERE f.basis = ? AND f.period = ? AND {_mixed('f', 'from_group')}",
            [self.cut.basis, period],
        )

    def _facts(self) -> str:
        return _JOINED.format(facts=self._facts_table())

    def _facts_table(self) -> str:
        return "ledger" if self.cut.by_subject else "rollup"

    def _group_columns(self) -> list[str]:
        keys = "array_to_string(list_sort(map_keys(s.attributes)), ', ')"
        known = (
            f"CASE s.kind WHEN '{SEGMENT}' THEN {keys} WHEN '{TENANT}' THEN '{TENANT}' ELSE '' END"
        )
        alike = "".join(
            f" WHEN {literal(pool)} THEN {literal(other)}"
            for pool, other in self.cut.pools.items()
            if pool != other
        )
        pool = f"CASE g.pool{alike} ELSE g.pool END" if alike else "g.pool"
        modelled = ", ".join(literal(pool) for pool in self.cut.pools)
        method = f"CASE WHEN g.pool IN ({modelled}) THEN '' ELSE g.method END"
        billing = "g.billing_period" if self.cut.billing else "''"
        return [pool, method if modelled else "g.method", billing, "s.kind", known]

    def _receivers(self) -> list[str]:
        return [receiver_column(place, name, "r") for place, name in self.cut.receivers]

    def _times(self, table: str) -> list[str]:
        local = f"({table}.start AT TIME ZONE {literal(self.cut.zone)})"
        shapes = {"day": "%Y-%m-%d", "month": "%Y-%m"}
        return [f"strftime({local}, '{shapes[name]}')" for name in self.cut.times]

    def _inside(self, table: str) -> str:
        """Return whether a part starts in the span; parts lie within one day each."""
        if self.cut.span is None:
            return "true"
        first, last = (f"TIMESTAMPTZ '{at.isoformat()}'" for at in _ends(self.cut.span))
        return f"{table}.start >= {first} AND {table}.start < {last}"

    def _overlapping(self) -> str:
        if self.cut.span is None:
            return "true"
        first, last = (f"TIMESTAMPTZ '{at.isoformat()}'" for at in _ends(self.cut.span))
        return f'g.start < {last} AND g."end" > {first}'

    def _single_bucket(self, *, clipped: bool = True) -> str:
        """Return whether all of a group lies in one value of everything asked for."""
        if self.cut.lines:
            return "false"
        tests = ["true"]
        if clipped and self.cut.span is not None:
            first, last = (f"TIMESTAMPTZ '{at.isoformat()}'" for at in _ends(self.cut.span))
            tests.append(f'g.start >= {first} AND g."end" <= {last}')
        if self.cut.times:
            unit = "day" if "day" in self.cut.times else "month"
            zone = literal(self.cut.zone)
            start = f"date_trunc('{unit}', g.start AT TIME ZONE {zone})"
            end = f"date_trunc('{unit}', (g.\"end\" - INTERVAL 1 MICROSECOND) AT TIME ZONE {zone})"
            tests.append(f"{start} = {end}")
        return " AND ".join(tests)


def _five(row: tuple[Any, ...]) -> tuple[str, str, str, str, str]:
    """Return pool, method, billing period, kind and what is known."""
    return row[0], row[1], row[2], row[3], row[4]


def receiver_column(place: str, name: str, facts: str) -> str:
    """Return the SQL of one thing known of a receiver; slices are ``s``."""
    if place == "attribute":
        return f"nullif(s.attributes[{literal(name)}], '')"
    if place == "dimension":
        return f"{facts}.{quote(name)}"
    return f"CASE WHEN s.kind = {literal(name)} THEN {facts}.subject END"


def _line_column(name: str) -> str:
    if name.startswith("tags."):
        return f"nullif(l.Tags[{literal(name.removeprefix('tags.'))}], '')"
    if name in _INSTEAD:
        return f"nullif({_INSTEAD[name]}, '')"
    return f"nullif(l.{quote(name)}, '')"


def _mixed(table: str, group: str = '"group"') -> str:
    """Return whether a row's group is among the mixed ones."""
    return (
        f"EXISTS (SELECT 1 FROM _mixed m WHERE m.period = {table}.period"
        f' AND m."group" = {table}.{group})'
    )


def _ends(span: Span) -> tuple[datetime, datetime]:
    return span.start, span.end
