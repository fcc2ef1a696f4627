"""Credits follow the charges they correct: cut over gross charges, they go where those go."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Final

import ibis
import ibis.expr.types as ir

from percapita.allocate.kernel import split
from percapita.allocate.pools import CREDITS, POOLED, lines_of, pooled
from percapita.allocate.spread import FOLLOWED
from percapita.allocate.weights import LEAST, fitted, nano
from percapita.core.tables import MONEY, WIDE
from percapita.model.spec import Model
from percapita.plugins import Engine, named

LEVELS: Final = (
    ("source", "file", "row"),
    ("commitment",),
    ("resource", "sku"),
    ("subaccount", "service"),
    ("account",),
)
"""What a credit and the charges it corrects have in common, closest first.

A row of a file that carries a charge and its credits is the closest: they are lines of their own,
and the row says what belongs together."""

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
_KEYS: Final = tuple(dict.fromkeys(key for keys in LEVELS for key in keys))
_GIVEN: Final = {
    "LineId": "string",
    "first": "timestamp",
    "last": "timestamp",
    "day": "timestamp",
    **{key: POOLED[key] for key in _KEYS},
}
"""A credit on each UTC day that it covers: charges are looked for day by day."""


def follow(engine: Engine, model: Model, source: str, target: str) -> None:
    """Make ``target`` (``FOLLOWED``) from ``source`` (``POOLED``): credits become their parts."""
    rows = named(source, POOLED)
    # A credit of nothing corrects nothing: it stays where its pool puts it.
    follows = rows.credit & (rows.amount != 0)
    engine.create(target, _unfollowed(rows.filter(~follows)), FOLLOWED)
    if not engine.rows(rows.filter(follows).limit(1)):
        return
    if model.credits == "follow":
        _find_charges(engine, model, rows.filter(follows))
        _pair(engine)
        engine.insert(target, _parts(source), FOLLOWED)
        followed = named("credit_pairs_fit", _FIT).select("LineId").distinct()
        rest = rows.filter(follows).anti_join(followed, "LineId")
    else:
        rest = rows.filter(follows)
    alone = rest.mutate(pool=ibis.literal(CREDITS), cell=ibis.literal(""))
    engine.insert(target, _unfollowed(alone), FOLLOWED)
    for name in ("credits_given", "credit_pairs", "credit_pairs_fit"):
        engine.drop(name)


def _unfollowed(rows: ir.Table) -> ir.Table:
    return rows.mutate(follows=ibis.null("string"), follow_level=ibis.null("int32"))


def _find_charges(engine: Engine, model: Model, credited: ir.Table) -> None:
    """Make ``credits_given`` (``_GIVEN``), and the view ``charges`` of what they can follow.

    Charges are gross, and of whatever billing period: a correction of last month's charge stands in
    this month's bill.
    """
    ((first, last),) = engine.rows(
        credited.agg(first=credited.start.min(), last=credited.end.max())
    )
    lines = lines_of(model, "all_lines")
    inside = (lines.ChargePeriodStart >= first) & (lines.ChargePeriodStart < (last or first))
    engine.view("charge_lines", lines.filter(inside))
    found = pooled(model, [model.basis], "charge_lines")
    engine.view("charges", found.filter(found.charge).select(*POOLED))
    engine.load("credit_days", _DAY, _utc_days(first, last or first))
    # Each line once, whatever bases it stands in: weights are of the model's basis.
    once = credited.select("LineId", *_KEYS, first="start", last="end").distinct()
    days = named("credit_days", _DAY)
    given = once.join(days, [once["first"] < days.next_day, once["last"] > days.day])
    engine.create("credits_given", given.select(*_GIVEN), _GIVEN)
    engine.drop("credit_days")


_DAY: Final = {"day": "timestamp", "next_day": "timestamp"}


def _utc_days(first: datetime, last: datetime) -> Iterator[tuple[datetime, datetime]]:
    day = first.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day < last:
        yield day, day + timedelta(days=1)
        day += timedelta(days=1)


def _pair(engine: Engine) -> None:
    """Pair each credit with its charges at the first level that has any."""
    engine.create("credit_pairs", _level(0, left=None), _PAIRS)
    for level in range(1, len(LEVELS)):
        paired = named("credit_pairs", _PAIRS).select("LineId").distinct()
        given = named("credits_given", _GIVEN).anti_join(paired, "LineId")
        named_all = [given[key].notnull() for key in LEVELS[level]]
        if engine.rows(given.filter(*named_all).limit(1)):
            engine.insert("credit_pairs", _level(level, left=paired), _PAIRS)
    fitted(engine, "credit_pairs", "credit_pairs_fit", _FIT, ["LineId"])


def _level(level: int, left: ir.Table | None) -> ir.Table:
    keys = LEVELS[level]
    given, charges = named("credits_given", _GIVEN), named("charges", POOLED)
    if left is not None:
        given = given.anti_join(left, "LineId")
    given = given.select("LineId", "first", "last", "day", *keys)
    # What is less weighs nothing.
    charges = charges.filter(charges.measure >= ibis.literal(LEAST, type=MONEY))
    charges = charges.select(
        *(charges[key].name(f"its_{key}") for key in keys), "pool", "cell", "start", "end",
        "measure", charge=charges.LineId, its_day=charges.start.truncate("D"),
    )  # fmt: skip
    same = [given[key] == charges[f"its_{key}"] for key in keys]
    pairs = given.join(
        charges,
        [
            *same,
            given.day == charges.its_day,
            charges.start >= given["first"],
            charges.start < given["last"],
        ],
    )
    pairs = pairs.mutate(w=nano(pairs.measure), follow_level=ibis.literal(level, type="int32"))
    return pairs.select(*_PAIRS)


def _parts(source: str) -> ir.Table:
    rows, pairs = named(source, POOLED), named("credit_pairs_fit", _FIT)
    given = rows.filter(rows.credit & (rows.amount != 0)).drop("pool", "cell", "start", "end")
    joined = given.join(pairs, "LineId").mutate(follows=pairs.charge)
    joined = joined.drop("charge_right") if "charge_right" in joined.columns else joined
    parts = split(joined, ["LineId", "basis"], "amount", ["follows"])
    cut = parts.mutate(amount=parts.part).filter(parts.part != 0)
    return cut.select(*FOLLOWED)
