"""Credits follow the charges they correct: cut over gross charges, they go where those go."""

from __future__ import annotations

from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.kernel import split
from percapita.allocate.pools import CREDITS, POOLED, pooled
from percapita.allocate.spread import FOLLOWED
from percapita.allocate.weights import fitted, nano
from percapita.core.tables import LINES, WIDE
from percapita.model.spec import Model
from percapita.plugins import Engine, named, stored

LEVELS: Final = (
    ("commitment",),
    ("resource", "sku"),
    ("subaccount", "service"),
    ("account",),
)
"""What a credit and the charges it corrects have in common, closest first."""

_PAIRS: Final = {
    "LineId": "string",
    "charge": "string",
    "follow_level": "int32",
    "pool": "string",
    "cell": "string",
    "start": "timestamp",
    "end": "timestamp",
    "w": WIDE,
}
_FIT: Final = {**_PAIRS, "w": "int64"}


def follow(engine: Engine, model: Model, source: str, target: str) -> None:
    """Make ``target`` (``FOLLOWED``) from ``source`` (``POOLED``): credits become their parts."""
    rows = named(source, POOLED)
    # A credit of nothing corrects nothing: it stays where its pool puts it.
    follows = rows.credit & (rows.amount != 0)
    engine.create(target, _unfollowed(rows.filter(~follows)), FOLLOWED)
    if not engine.rows(rows.filter(follows).limit(1)):
        return
    if model.credits == "follow":
        engine.create("charges", _charges(engine, model, rows.filter(follows)), POOLED)
        _pair(engine, source)
        engine.insert(target, _parts(source), FOLLOWED)
        followed = named("credit_pairs_fit", _FIT).select("LineId").distinct()
        rest = rows.filter(follows).anti_join(followed, "LineId")
    else:
        rest = rows.filter(follows)
    alone = rest.mutate(pool=ibis.literal(CREDITS), cell=ibis.literal(""))
    engine.insert(target, _unfollowed(alone), FOLLOWED)
    for name in ("charges", "credit_pairs", "credit_pairs_fit"):
        engine.drop(name)


def _unfollowed(rows: ir.Table) -> ir.Table:
    return rows.mutate(follows=ibis.null("string"), follow_level=ibis.null("int32"))


def _charges(engine: Engine, model: Model, credited: ir.Table) -> ir.Table:
    """Return the gross charges that the credits can follow, of whatever billing period.

    A correction of last month's charge stands in this month's bill.
    """
    ((first, last),) = engine.rows(
        credited.agg(first=credited.start.min(), last=credited.end.max())
    )
    lines = stored(LINES, "all_lines")
    inside = (lines.ChargePeriodStart >= first) & (lines.ChargePeriodStart < (last or first))
    engine.view("charge_lines", lines.filter(inside))
    found = pooled(model, [model.basis], "charge_lines")
    return found.filter(found.charge)


def _pair(engine: Engine, source: str) -> None:
    """Pair each credit with its charges at the first level that has any."""
    engine.create("credit_pairs", _level(source, 0, left=None), _PAIRS)
    for level in range(1, len(LEVELS)):
        paired = named("credit_pairs", _PAIRS).select("LineId").distinct()
        engine.insert("credit_pairs", _level(source, level, left=paired), _PAIRS)
    fitted(engine, "credit_pairs", "credit_pairs_fit", _FIT, ["LineId"])


def _once(source: str) -> ir.Table:
    """Return each line once, whatever bases it stands in: weights are of the model's basis."""
    rows = named(source, POOLED)
    return rows.drop("basis", "amount").distinct()


def _level(source: str, level: int, left: ir.Table | None) -> ir.Table:
    keys = LEVELS[level]
    lines, charges = _once(source), named("charges", POOLED)
    given = lines.filter(lines.credit)
    if left is not None:
        given = given.anti_join(left, "LineId")
    given = given.select("LineId", *keys, first=given.start, last=given.end)
    charges = charges.select(
        *(charges[key].name(f"its_{key}") for key in keys), "pool", "cell", "start", "end",
        charge=charges.LineId,
        w=nano(charges.measure),
    )  # fmt: skip
    charges = charges.filter(charges.w > 0)
    same = [given[key] == charges[f"its_{key}"] for key in keys]
    pairs = given.join(
        charges, [*same, charges.start >= given["first"], charges.start < given["last"]]
    )
    return pairs.select(*(n for n in _PAIRS if n != "follow_level"),
                        follow_level=ibis.literal(level + 1, type="int32"))  # fmt: skip


def _parts(source: str) -> ir.Table:
    rows, pairs = named(source, POOLED), named("credit_pairs_fit", _FIT)
    given = rows.filter(rows.credit & (rows.amount != 0)).drop("pool", "cell", "start", "end")
    joined = given.join(pairs, "LineId").mutate(follows=pairs.charge)
    joined = joined.drop("charge_right") if "charge_right" in joined.columns else joined
    parts = split(joined, ["LineId", "basis"], "amount", ["follows"])
    cut = parts.mutate(amount=parts.part).filter(parts.part != 0)
    return cut.select(*FOLLOWED)
