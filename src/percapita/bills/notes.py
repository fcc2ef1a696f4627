"""What the user should know of a delivery that was taken in."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from decimal import Decimal

from percapita.bills.bound import AMOUNTS
from percapita.bills.checks import sound
from percapita.bills.proof import Cell, Proof
from percapita.bills.typed import Sheet
from percapita.core import money
from percapita.core.tables import COSTS, LINE_NUMBERS
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine

_ALLOCATED = "AllocatedMethodId"
_INSTANT = (
    "taken with a charge period of no length; it lasts as long as its start names: a month,"
    " a day or an hour"
)


def notes_of(
    engine: Engine, sheets: Sequence[Sheet], proof: Proof, refused: Sequence[Quarantined]
) -> list[str]:
    """Return the notes, each a sentence."""
    found: list[str] = []
    for sheet in sheets:
        found += _missing(sheet)
        found += _counts(engine, sheet)
        found += _quantities(engine, sheet)
        found += _split(engine, sheet)
        found += _remarks(engine, sheet)
    found += _quarantine(proof, refused)
    found += [
        f"The digits beyond the {money.PLACES}th sum to {money.text(amount)} {currency} ({basis});"
        " that is a rounding line."
        for (_, currency, basis), amount in sorted(proof.rounding.items())
    ]
    return list(dict.fromkeys(found))


def _missing(sheet: Sheet) -> list[str]:
    absent = [target for target in AMOUNTS if sheet.text(target) is None]
    bases = [basis for basis, target in COSTS.items() if target in absent]
    if not bases:
        return []
    return [f"{_list(absent)} not in the file: {_list(bases)} cost is unknown for its lines."]


def _counts(engine: Engine, sheet: Sheet) -> list[str]:
    """Say what is odd in rows that are taken all the same."""
    mandatory = [target for target in sheet.binding.mandatory if sheet.text(target)]
    start, end = (
        sheet.native(target) or f"t_{target}" for target in ("ChargePeriodStart", "ChargePeriodEnd")
    )
    asked = "".join(f", count(*) FILTER ({sheet.blank(target)})" for target in mandatory)
    total, short, tags, instant, *nulls = engine.rows(
        "SELECT count(*), count(*) FILTER (flaw = 'short'),"
        " count(*) FILTER (t_Tags IS NOT NULL AND tagged_text IS NULL),"
        f" count(*) FILTER ({end} = {start}){asked}"
        f" FROM ({sound(sheet, sheet.noted)}) WHERE {sheet.own}"
    )[0]
    notes = [
        f"{_rows(count)} {said}."
        for count, said in (
            (short, "shorter than the header; the missing cells are empty"),
            (tags, "taken without tags, which are not JSON"),
            (instant, _INSTANT),
        )
        if count
    ]  # fmt: skip
    holes = [f"{t} ({n})" for t, n in zip(mandatory, nulls, strict=True) if n]
    if holes:
        notes.append(f"Empty where the format says it never is: {', '.join(holes)}.")
    left = [t for t in sheet.binding.mandatory if t not in (*mandatory, *AMOUNTS)]
    if left and total:
        notes.append(f"Not in the file though the format asks for it: {', '.join(left)}.")
    if sheet.comma:
        notes.append("Amounts were read with a comma before the decimals.")
    if sheet.day_first:
        notes.append("Dates such as 4/1/25 were read with the day first.")
    return notes


def _quantities(engine: Engine, sheet: Sheet) -> list[str]:
    notes = []
    for target in LINE_NUMBERS:
        if target in sheet.unread:
            count = engine.value(
                f"SELECT count(*) FROM ({sheet.cells}) JOIN {sheet.numbers} n"
                f" ON n.text = t_{target} WHERE n.value IS NULL AND {sheet.own}"
            )
            if count:
                notes.append(f"{_rows(count)} taken without {target}, which is no number there.")
    return notes


def _split(engine: Engine, sheet: Sheet) -> list[str]:
    """Say where shared charges come split, and where the unsplit ones may stand beside them."""
    if _ALLOCATED not in sheet.layout.names:
        return []
    method = f"c{sheet.layout.names.index(_ALLOCATED)}"
    kinds = f"count(*) FILTER ({method} IS NOT NULL), count(*) FILTER ({method} IS NULL)"
    rows = engine.rows(
        f"SELECT sum(parts), count(*) FILTER (parts > 0 AND origins > 0) FROM (SELECT {kinds}"
        f" FROM ({sheet.cells}) WHERE {sheet.own} GROUP BY t_ResourceId, t_SkuPriceId,"
        " t_ChargePeriodStart, t_ChargeCategory) AS charges(parts, origins)"
    )
    parts, doubled = rows[0]
    notes = [f"{_rows(parts)} parts of split charges ({_ALLOCATED}); each counts as it stands."]
    if doubled:
        notes.append(f"{doubled} split charges have an unsplit row of the same resource, price and"
                     " hour beside their parts: check that none counts twice.")  # fmt: skip
    return notes if parts else []


def _remarks(engine: Engine, sheet: Sheet) -> list[str]:
    filled = f"SELECT 1 FROM ({sheet.cells}) WHERE"
    return [
        remark
        for target, remark in sheet.binding.remarks.items()
        if engine.rows(f"{filled} NOT ({sheet.blank(target)}) LIMIT 1")
    ]


def _quarantine(proof: Proof, refused: Sequence[Quarantined]) -> list[str]:
    if not refused:
        return []
    codes = Counter(item.code for item in refused)
    listed = ", ".join(f"{code} ({count})" for code, count in sorted(codes.items()))
    notes = [f"{_rows(len(refused))} in quarantine: {listed}."]
    sums = _by_currency(proof.quarantined)
    if sums:
        amounts = ", ".join(
            f"{money.text(amount)} {currency or 'without currency'} ({basis})"
            for (currency, basis), amount in sorted(sums.items())
        )
        notes.append(f"Rows in quarantine hold {amounts}.")
    return notes


def _by_currency(sums: Mapping[Cell, Decimal]) -> dict[tuple[str, str], Decimal]:
    found: dict[tuple[str, str], list[Decimal]] = {}
    for (_, currency, basis), amount in sums.items():
        found.setdefault((currency, basis), []).append(amount)
    return {key: money.total(amounts) for key, amounts in found.items()}


def _rows(count: int) -> str:
    return "1 row is" if count == 1 else f"{count} rows are"


def _list(names: Sequence[str]) -> str:
    return " and ".join(filter(None, [", ".join(names[:-1]), names[-1]]))
