"""The proof that a run calls before it publishes: nothing is lost, nothing counted twice.

It starts from the lines as imported and follows the stored amounts to the ledger. Nothing here is
shared with the run but the tables: plain SQL over sums, no weights, no kernel.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Final

from percapita.core.errors import ProofError
from percapita.core.money import ZERO, text
from percapita.core.tables import COSTS, MONEY, WIDE
from percapita.plugins import Engine

_SHOWN: Final = 3
"""Broken places that a message names."""

_CUT: Final = '"group", slice, feature, operation, region'
_SUMS: Final = {
    "group": "int64",
    "slice": "int64",
    "feature": "string",
    "operation": "string",
    "region": "string",
    "amount": "decimal(38,18)",
    "w": WIDE,
    "receivers": "int64",
}
_ENTERED: Final = {"group": "int64", "amount": "decimal(38,18)"}
_MADE: Final = ("_proof_ledger", "_proof_parts", "_proof_groups")


@dataclass(frozen=True, slots=True)
class Names:
    """The tables or views a proof reads. ``lines`` are of one billing period and currency."""

    lines: str
    parts: str
    groups: str
    flows: str
    ledger: str
    rollup: str


class BrokenSumError(ProofError):
    """Some amounts do not close."""

    def __init__(self, fact: str, basis: str, currency: str, found: Sequence[str]) -> None:
        more = f"\n  … and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        listed = "".join(f"\n  {item}" for item in found[:_SHOWN])
        super().__init__(
            f"The {basis} figures in {currency} do not close: {fact}.{listed}{more}",
            hint="Nothing was published. This is a fault of percapita: please report it.",
        )


def prove(
    engine: Engine,
    *,
    currency: str,
    bases: Sequence[str],
    lines: str,
    parts: str,
    groups: str,
    flows: str,
    ledger: str,
    rollup: str,
) -> None:
    """Prove one billing period of a run; return where every sum closes.

    Raises:
        BrokenSumError: a line, group or total does not close; the message names it.
    """
    names = Names(lines, parts, groups, flows, ledger, rollup)
    for basis in bases:
        try:
            _Proof(engine, basis, currency, names).run()
        finally:
            for name in _MADE:
                engine.drop(name)


class _Proof:
    """The checks of one basis, cheapest tables first; the ledger is read once."""

    def __init__(self, engine: Engine, basis: str, currency: str, names: Names) -> None:
        self.engine = engine
        self.basis = basis
        self.currency = currency
        self.names = names
        self.of_basis = "basis = '" + basis.replace("'", "''") + "'"

    def run(self) -> None:
        self._sum_up()
        self._lines()
        self._groups()
        self._rollup()
        self._totals()

    def _sum_up(self) -> None:
        """Sum the large tables once: a row of the roll-up each, and a row a group."""
        self.engine.create(
            "_proof_ledger",
            f"SELECT {_CUT}, sum(amount) AS amount, sum(w) AS w, count(*) AS receivers"
            f" FROM {self.names.ledger} WHERE {self.of_basis} GROUP BY ALL",
            _SUMS,
        )
        self.engine.create(
            "_proof_parts",
            'SELECT "group", sum(amount) AS amount'
            f" FROM {self.names.parts} WHERE {self.of_basis} GROUP BY ALL",
            _ENTERED,
        )
        self.engine.create(
            "_proof_groups",
            f'SELECT "group", pool, amount FROM {self.names.groups} WHERE {self.of_basis}',
            {"group": "int64", "pool": "string", "amount": MONEY},
        )

    def _lines(self) -> None:
        """Each line's parts sum to it, each line with an amount has parts, none is unknown."""
        both = f"""
            SELECT LineId, "{COSTS[self.basis]}" AS bill, true AS billed, NULL AS split
            FROM {self.names.lines}
            UNION ALL
            SELECT LineId, NULL, false, amount FROM {self.names.parts} WHERE {self.of_basis}
        """
        # Each line is summed once, as bill less parts; only what is left over is looked at closer.
        left = f"""
            SELECT LineId FROM ({both}) GROUP BY LineId
            HAVING count(*) FILTER (billed) <> 1 OR sum(coalesce(bill, -split, 0)) <> 0
        """
        found = self.engine.rows(f"""
            SELECT LineId, nullif(count(*) FILTER (billed), 0), coalesce(sum(bill), 0),
                   coalesce(sum(split), 0)
            FROM ({both}) WHERE LineId IN ({left}) GROUP BY LineId ORDER BY LineId
        """)
        self._none("a line and its parts differ", [_line(*row) for row in found])

    def _groups(self) -> None:
        """What enters a group is its amount, and so is what leaves it or stays in the ledger."""
        found = self.engine.rows(f"""
            WITH moves AS (
                SELECT "group", amount AS entered, 0 AS gone FROM _proof_parts
                UNION ALL
                SELECT "group", 0, amount FROM _proof_ledger
                UNION ALL
                SELECT to_group, amount, 0 FROM {self.names.flows} WHERE {self.of_basis}
                UNION ALL
                SELECT from_group, 0, amount FROM {self.names.flows} WHERE {self.of_basis}
            ), sums AS (
                SELECT "group", sum(entered) AS entered, sum(gone) AS gone FROM moves GROUP BY ALL
            ), known AS (
                SELECT "group", min(pool) AS pool, sum(amount) AS amount, count(*) AS times
                FROM _proof_groups GROUP BY ALL
            )
            SELECT coalesce(k."group", s."group"), k.pool, k.times, coalesce(k.amount, 0),
                   coalesce(s.entered, 0), coalesce(s.gone, 0)
            FROM known k FULL JOIN sums s ON k."group" = s."group"
            WHERE k."group" IS NULL OR k.times > 1 OR coalesce(s.entered, 0) <> k.amount
               OR coalesce(s.gone, 0) <> k.amount
            ORDER BY 1
        """)  # fmt: skip
        self._none("a group does not pass on what it got", [_group(*row) for row in found])

    def _rollup(self) -> None:
        """The roll-up sums the ledger: same amounts, weights and receivers in every cut."""
        found = self.engine.rows(f"""
            WITH summed AS (
                SELECT {_CUT}, sum(amount) AS amount, sum(w) AS w, sum(receivers) AS receivers
                FROM {self.names.rollup} WHERE {self.of_basis} GROUP BY ALL
            )
            SELECT coalesce(l."group", r."group"), k.pool, coalesce(l.slice, r.slice),
                   coalesce(l.amount, 0), coalesce(r.amount, 0)
            FROM _proof_ledger l
            FULL JOIN summed r ON l."group" = r."group" AND l.slice = r.slice
             AND l.feature IS NOT DISTINCT FROM r.feature
             AND l.operation IS NOT DISTINCT FROM r.operation
             AND l.region IS NOT DISTINCT FROM r.region
            LEFT JOIN _proof_groups k ON k."group" = coalesce(l."group", r."group")
            WHERE l."group" IS NULL OR r."group" IS NULL OR l.amount <> r.amount OR l.w <> r.w
               OR l.receivers <> r.receivers
            ORDER BY 1, 3
        """)  # fmt: skip
        self._none("the roll-up is not the sum of the ledger", [_slice(*row) for row in found])

    def _totals(self) -> None:
        """The bill, its parts, the ledger and the roll-up have one total."""
        bill = self._sum(f'"{COSTS[self.basis]}"', self.names.lines)
        found = [
            f"{name} sums to {text(amount)}, the bill to {text(bill)}"
            for name, amount in (
                ("parts", self._sum("amount", "_proof_parts")),
                ("ledger", self._sum("amount", "_proof_ledger")),
                ("rollup", self._sum("amount", f"{self.names.rollup} WHERE {self.of_basis}")),
            )
            if amount != bill
        ]
        self._none("the totals differ", found)

    def _sum(self, column: str, table: str) -> Decimal:
        found = self.engine.rows(f"SELECT sum({column}) FROM {table}")[0][0]
        return ZERO if found is None else Decimal(found)

    def _none(self, fact: str, found: Sequence[str]) -> None:
        if found:
            raise BrokenSumError(fact, self.basis, self.currency, found)


def _line(line: str, times: int | None, bill: Decimal, split: Decimal) -> str:
    if times is None:
        return f"line {line} is not in the bill, its parts sum to {text(split)}"
    if times > 1:
        return f"line {line} is in the bill {times} times"
    return f"line {line} is {text(bill)}, its parts sum to {text(split)}"


def _group(number: int, pool: str | None, times: int | None, *amounts: Any) -> str:  # noqa: ANN401
    amount, entered, gone = (text(Decimal(value)) for value in amounts)
    if times is None:
        return f"group {number} is not in groups: {entered} entered it, {gone} left it"
    if times > 1:
        return f"pool {pool}, group {number} is in groups {times} times"
    return f"pool {pool}, group {number} is {amount}: {entered} entered it, {gone} left it"


def _slice(number: int, pool: str | None, part: int, ledger: Decimal, rollup: Decimal) -> str:
    return (
        f"pool {pool}, group {number}, slice {part}: ledger {text(ledger)}, roll-up {text(rollup)}"
    )
