"""The statement of commitments, written out: tables for the terminal, JSON, or flat rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from percapita.core.money import ZERO, text
from percapita.measure.commitments import Commitment
from percapita.report.commitments.commitments import Statement
from percapita.report.numbers import UNKNOWN, amount, money_places, share
from percapita.report.table import Column

if TYPE_CHECKING:
    from percapita.report.table import Page

_MONEY: Final = (
    "purchased", "committed", "used", "unused", "used_list", "open_cost", "open_list", "on_demand",
    "actual", "savings",
)  # fmt: skip
_PERCENT: Final = ("utilisation", "coverage", "effective_savings_rate", "break_even")
_OF_ALL: Final = {"open_cost", "open_list", "coverage"}
"""Of months and of all together, not of one commitment."""


def to_json(found: Statement) -> dict[str, Any]:
    """Return the statement as JSON carries it, without ``meta``."""
    return {
        "commitments": [
            {
                "id": one.id, "name": one.name, "category": one.category, "type": one.type,
                "provider": one.provider,
                "expires": None if one.expires is None else one.expires.isoformat(),
                "unused_owners": list(one.owners), **_figures(one.sums, single=True),
            }
            for one in found.commitments
        ],
        "months": [{"month": month, **_figures(sums)} for month, sums in found.months.items()],
        "totals": _figures(found.whole),
        "unused": [
            {"pool": one.pool, "owner": one.owner, "amount": text(one.amount)}
            for one in found.unused
        ],
    }  # fmt: skip


def _figures(sums: Commitment, *, single: bool = False) -> dict[str, str | None]:
    names = [name for name in (*_MONEY, *_PERCENT) if not (single and name in _OF_ALL)]
    return {name: text(getattr(sums, name)) for name in names}


def flat(found: Statement) -> tuple[list[str], list[list[Any]]]:
    """Return header and rows: each commitment, each month, and all."""
    header = ["what", "id", "name", "category", "type", "provider", "expires", "owner",
              *_MONEY, *_PERCENT]  # fmt: skip
    rows = [
        ["commitment", one.id, one.name, one.category, one.type, one.provider,
         one.expires and one.expires.isoformat(), "; ".join(o or "nobody" for o in one.owners),
         *_row(one.sums, single=True)]
        for one in found.commitments
    ]  # fmt: skip
    blank = [None] * 6
    rows += [["month", month, *blank, *_row(sums)] for month, sums in found.months.items()]
    rows.append(["all", "", *blank, *_row(found.whole)])
    return header, rows


def _row(sums: Commitment, *, single: bool = False) -> list[Decimal | None]:
    return [
        None if single and name in _OF_ALL else getattr(sums, name) for name in (*_MONEY, *_PERCENT)
    ]


def show(page: Page, found: Statement) -> None:
    """Print commitments with their total, the months, the unused part's owners, what expires."""
    if not found.commitments:
        page.line("The bill has no commitments: no line names a CommitmentDiscountId.")
        return
    page.line(f"Commitments, amortised cost in {found.currency}", "bold")
    page.line()
    named = [_short(one.id) for one in found.commitments]
    rows = [*(one.sums for one in found.commitments), found.whole]
    expires = [one.expires.isoformat() if one.expires else UNKNOWN for one in found.commitments]
    _table(page, "commitment", [*named, "all"], rows, [*expires, ""])
    page.line()
    whole = found.whole
    for line in _formula(whole):
        page.line(line)
    if len(found.months) > 1:
        page.line()
        _table(page, "month", list(found.months), list(found.months.values()), ())
    if found.unused:
        page.line()
        page.table(
            [
                Column("unused, in pool", [one.pool for one in found.unused], number=False),
                Column("owner", [one.owner or "nobody" for one in found.unused], number=False),
                Column(found.currency, [amount(one.amount) for one in found.unused]),
            ]
        )
    for note in found.notes:
        page.line(f"Note: {note}")


def _formula(whole: Commitment) -> Iterator[str]:
    if whole.on_demand is None:
        yield "Coverage and effective savings rate are not known."
        return
    yield f"Coverage: {share(whole.coverage)} % of eligible usage at list price."
    yield (
        f"Effective savings rate: {share(whole.effective_savings_rate)} % ="
        f" 1 - {amount(whole.actual)} actual / {amount(whole.on_demand)} on demand."
    )


def _short(name: str) -> str:
    return name.rpartition("/")[2] or name


def _table(
    page: Page, title: str, names: Sequence[str], rows: Sequence[Commitment], expires: Sequence[str]
) -> None:
    places = money_places(max((one.committed or ZERO for one in rows), default=ZERO))
    columns = [
        Column(title, names, number=False),
        Column("committed", [amount(one.committed, places) for one in rows]),
        Column("used\n%", [share(one.utilisation) for one in rows]),
        Column("unused", [amount(one.unused, places) for one in rows]),
        Column("savings", [amount(one.savings, places) for one in rows], rank=2),
        Column("savings\nrate %", [share(one.effective_savings_rate) for one in rows]),
        Column("break-even\nat used %", [share(one.break_even) for one in rows], rank=3),
    ]
    if expires:
        columns.append(Column("expires", expires, number=False, rank=1))
    page.table(columns, totals=bool(expires))
