"""One figure down to bill lines: pools, why each gave what it gave, the lines behind it."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from percapita.core.errors import InputError
from percapita.project import checking
from percapita.report.charts import Node, icicle
from percapita.report.explain import as_json as explain_json
from percapita.report.explain import asked as explain_asked
from percapita.report.explain import bound
from percapita.report.explain.certain import interval
from percapita.report.explain.explain import down
from percapita.report.numbers import amount
from percapita.report.opened import Opened
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View, opened, period_of, periods

_LINES: Final = 25
_BOXES: Final = 12


def view(bench: Bench, asked: Asked) -> View:
    """Explain whom the address names; where it names nobody, ask for a name."""
    found = opened(bench, asked)
    period = period_of(found, asked)
    shown: dict[str, Any] = {
        "period": period, "periods": periods(found), "subject": asked.one("subject"),
        "pairs": asked.all("segment"), "segments": [s.name for s in found.model.segments],
    }  # fmt: skip
    if not (shown["subject"] or shown["pairs"]):
        return View("explain.html", "Explain", {"meta": explain_asked.meta(found, period, "")},
                    shown=shown)  # fmt: skip
    return _explained(bench, found, asked, period, shown)


def _explained(
    bench: Bench, found: Opened, asked: Asked, period: str, shown: dict[str, Any]
) -> View:
    pool = asked.one("pool")
    lines = asked.number("lines", _LINES)
    question = explain_asked.question(found, period, pool, lines)
    sought = explain_asked.sought(found, asked.one("subject"), _pairs(asked.all("segment")), None)
    result = down(
        found.engine, lambda month, run: bound.bind(found, month, run), question,
        lambda: sought.choose(found),
    )  # fmt: skip
    sought.check()
    meta = explain_asked.meta(found, period, pool)
    meta |= interval(found, sought, period, pool, result)
    units = checking.units(bench.project, bench.store)
    page = explain_json.Asked(sought.title, sought.shown, meta, units, found.zone)
    data = explain_json.down_json(page, result)
    header, *rows = explain_json.down_csv(result)
    shown |= {
        "who": sought.title, "pool": pool, "chart": _chart(sought.title, data, asked, period),
        "line": lambda line: f"/line?{urlencode({'id': line, 'basis': found.basis})}",
        "narrow": lambda name: _address(asked, period, name),
    }  # fmt: skip
    who = data["subject"]
    named = who.get("label") or who.get("pseudonym") if asked.one("subject") else ""
    return View(
        "explain.html", f"Why {sought.title} costs this", data, list(header),
        [list(row) for row in rows], shown, [str(named)] if named else [],
    )  # fmt: skip


def _pairs(segments: Sequence[str]) -> dict[str, str]:
    pairs = {}
    for written in segments:
        name, equals, value = written.partition("=")
        if not equals or not name:
            raise InputError(f"{written!r} is not NAME=VALUE.", hint="Write tier=Pro.")
        pairs[name.strip()] = value.strip()
    return pairs


def _address(asked: Asked, period: str, pool: str) -> str:
    kept = [("subject", v) for v in asked.all("subject")]
    kept += [("segment", v) for v in asked.all("segment")]
    kept += [("basis", v) for v in asked.all("basis")]
    return f"/explain?{urlencode([*kept, ('period', period), *([('pool', pool)] if pool else [])])}"


def _chart(title: str, data: dict[str, Any], asked: Asked, period: str) -> str:
    """Draw the pools that cost, the dearest first; the small ones are one box."""
    costing = [one for one in data["pools"] if Decimal(one["amount"]) > 0]
    boxes = [
        Node(one["pool"], Decimal(one["amount"]), _shown(one["amount"]),
             _address(asked, period, one["pool"]), _lines(data, one))
        for one in costing[:_BOXES]
    ]  # fmt: skip
    rest = sum((Decimal(one["amount"]) for one in costing[_BOXES:]), Decimal(0))
    if rest:
        boxes.append(Node(f"{len(costing) - _BOXES} more", rest, amount(rest)))
    whole = sum((box.value for box in boxes), Decimal(0))
    if not whole:
        return ""
    root = Node(title, whole, amount(whole), children=boxes)
    return icicle(root, label=f"What the cost of {title} consists of: pools, then bill lines")


def _lines(data: dict[str, Any], pool: dict[str, Any]) -> list[Node]:
    """Return the named lines of a pool, as far as they are above zero; the rest is a gap."""
    groups = {(group["billing_period"], group["group"]) for group in pool["groups"]}
    nodes = []
    for line in data["lines"]:
        part = sum(
            (
                Decimal(cell["amount"])
                for cell in line["parts"]
                if (cell["billing_period"], cell["group"]) in groups
            ),
            Decimal(0),
        )
        if part > 0:
            name = (
                line["ResourceName"] or line["ChargeDescription"] or line["ServiceName"] or "line"
            )
            nodes.append(
                Node(name, part, amount(part), f"/line?{urlencode({'id': line['LineId']})}")
            )
    whole = sum((node.value for node in nodes), Decimal(0))
    # Credits among the lines make the others more than the pool: then the row says too much.
    return nodes if whole <= Decimal(pool["amount"]) else []


def _shown(value: str) -> str:
    return amount(Decimal(value))
