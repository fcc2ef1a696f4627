"""The explorer: cost by anything, filtered by anything, compared with another period."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final
from urllib.parse import urlencode

from percapita.attribute.sampling import CONFIDENCE
from percapita.core.money import percent, text
from percapita.core.roles import EVERYTHING, Sight
from percapita.measure.question import SCOPES, Question, ask
from percapita.report.charts import Bar, Part, bars
from percapita.report.cost import as_json as cost_json
from percapita.report.cost import sighted
from percapita.report.cost.answer import Answer
from percapita.report.cost.facets import facets
from percapita.report.numbers import amount, places
from percapita.report.opened import Opened
from percapita.web.desk import Bench
from percapita.web.desk.addresses import address, facet_links, facet_names, filters
from percapita.web.desk.view import (
    Asked,
    View,
    answered_page,
    asked_page,
    noted,
    opened,
    period_of,
    periods,
)

_TOP: Final = 50
_DRAWN: Final = 12
_HALF: Final = 14
_BASES: Final = ("billed", "effective", "contracted", "list")
_PARTS: Final = {"direct": "c1", "shared": "c2", "overhead": "c3"}
_PEOPLE: Final = ("user", "session", "tenant")


def view(bench: Bench, asked: Asked) -> View:
    """Answer what the address asks; without a cut, by the model's first segment."""
    found = opened(bench, asked)
    by = asked.all("by") or [cuts(found, asked.sight)[0]]
    period = period_of(found, asked)
    question = _question(found, asked, by, period)
    now = sighted.answer(found, asked_page(bench, asked, question), asked.sight)
    now, following = answered_page(bench, asked, now)
    data = cost_json.statement(now) | following
    header, rows = cost_json.flat(now)
    compared = asked.one("compare")
    if compared:
        before = sighted.answer(found, _question(found, asked, by, compared), asked.sight)
        data["compare"] = _comparison(now, before, compared)
    if narrow := asked.all("facet"):
        data["facets"] = facets(found, question, narrow, asked.sight)
    shown = {
        "facet_names": facet_names(asked, by, cuts(found, asked.sight)),
        "facet_links": [facet_links(one, asked, by) for one in data.get("facets", ())],
        "by": by, "period": period, "compare": compared, "periods": periods(found),
        "cuts": cuts(found, asked.sight), "open": asked.sight.people,
        "scopes": list(SCOPES), "bases": _BASES,
        "units": [unit.name for unit in found.model.units],
        "filters": filters(asked, by),
        "links": [_links(row, asked, by, found) for row in data["rows"]],
        "chart": _chart(data, asked, by, found), "places": _places(data),
        "changes": _changes(data, by), "sampled": bool(now.sure.rows), "confidence": CONFIDENCE,
        "widths": [_width(row) for row in data["rows"]],
    }  # fmt: skip
    people = [f"every {name}" for name in dict.fromkeys((*by, *narrow)) if name in _PEOPLE]
    people += [
        noted(bench, where) for where in asked.all("where") if where.partition("=")[0] in _PEOPLE
    ]
    return View("cost.html", f"Cost by {' and '.join(by)}", data, header, rows, shown, people)


def cuts(found: Opened, sight: Sight = EVERYTHING) -> list[str]:
    """Return what cost can be cut by, the model's segments first."""
    model = found.model
    if not sight.people:
        return sighted.cuts(model, sight)
    return [
        *(segment.name for segment in model.segments), *model.dimensions, "pool", "layer", "scope",
        "class", "owner", "service", "category", "account", "provider", "user", "tenant", "month",
        "day",
    ]  # fmt: skip


def _question(found: Opened, asked: Asked, by: Sequence[str], period: str) -> Question:
    return ask(
        found.model, by=by, where=asked.all("where"), scope=asked.one("scope", "fully loaded"),
        unit=asked.one("unit"), period=found.period(period), basis=found.basis,
        top=asked.number("top", _TOP),
    )  # fmt: skip


def _links(
    row: Mapping[str, Any], asked: Asked, by: Sequence[str], found: Opened
) -> dict[str, dict[str, str]]:
    """Return where each value of a row leads: to what it consists of, and to its explanation."""
    links = {}
    for name in by:
        value = row.get(name)
        if value is None or "other_rows" in row or not asked.sight.people:
            continue
        narrower = [*asked.all("where"), f"{name}={value}"]
        to = {"narrow": address(asked, [_next(name, by, found)], where=narrower)}
        why = _explain(name, str(value), found, period_of(found, asked))
        links[name] = {**to, "explain": why} if why else to
    return links


def _next(name: str, by: Sequence[str], found: Opened) -> str:
    rest = [cut for cut in by if cut != name]
    if rest:
        return rest[0]
    return "pool" if name != "pool" else cuts(found)[0]


def _explain(name: str, value: str, found: Opened, period: str) -> str:
    asked = {"period": period, "basis": found.basis}
    if name in _PEOPLE:
        return f"/explain?{urlencode({'subject': value, **asked})}"
    if any(segment.name == name for segment in found.model.segments):
        return f"/explain?{urlencode({'segment': f'{name}={value}', **asked})}"
    return ""


def _width(row: Mapping[str, Any]) -> str | None:
    """Return half of a row's interval; ``None`` where it is exact, or not known."""
    found = row.get("interval")
    if found is None or not found["enough"]:
        return None
    return text((Decimal(found["high"]) - Decimal(found["low"])) / 2)


def _places(data: Mapping[str, Any]) -> int:
    return places([number(row["cost_per_unit"]) for row in data["rows"]])


def number(value: str | None) -> Decimal | None:
    """Return a figure of a statement as the amount it is."""
    return None if value is None else Decimal(value)


def name_of(row: Mapping[str, Any], by: Sequence[str]) -> str:
    """Return what a row is called."""
    if "other_rows" in row:
        return f"{row['other_rows']} more"
    return ", ".join("not known" if row[name] is None else str(row[name]) for name in by)


def _short(row: Mapping[str, Any], by: Sequence[str]) -> str:
    """Return what a bar is called: of two names each keeps its beginning."""
    if len(by) < 2 or "other_rows" in row:  # noqa: PLR2004 two names share the room of one
        return name_of(row, by)
    names = ["not known" if row[name] is None else str(row[name]) for name in by]
    return ", ".join(n if len(n) <= _HALF else f"{n[: _HALF - 1]}…" for n in names)


def _chart(data: Mapping[str, Any], asked: Asked, by: Sequence[str], found: Opened) -> str:
    drawn = []
    for row in data["rows"][:_DRAWN]:
        parts = [
            Part(kind, Decimal(row[kind]), amount(number(row[kind])), paint)
            for kind, paint in _PARTS.items()
        ]
        links = _links(row, asked, by, found)
        href = links[by[0]]["narrow"] if by[0] in links else ""
        drawn.append(Bar(_short(row, by), parts, amount(number(row["total"])), href))
    return (
        bars(drawn, label=f"Cost by {' and '.join(by)}: direct, shared, overhead") if drawn else ""
    )


def _comparison(now: Answer, before: Answer, period: str) -> dict[str, Any]:
    """Return each row's total and cost per unit before, and what they changed by."""
    then = {figure.key: figure for figure in before.figures.rows}
    here = {figure.key: figure for figure in now.figures.rows}
    rows = []
    for key in dict.fromkeys((*here, *then)):
        new, old = here.get(key), then.get(key)
        a = new.cost.total if new else Decimal(0)
        b = old.cost.total if old else Decimal(0)
        known = new or old
        assert known is not None  # noqa: S101 the key came from one of them
        source = now if new else before
        rows.append(
            {
                **cost_json.keys(source, known),
                "total_before": text(b),
                "total_change": text(a - b),
                "total_change_percent": text(percent(a - b, b)),
                "cost_per_unit_before": text(old.cost_per_unit if old else None),
            }
        )
    return {
        "period": period,
        "bill_total_before": text(before.figures.bill_total),
        "total_before": text(before.figures.totals.cost.total),
        "total_change": text(now.figures.totals.cost.total - before.figures.totals.cost.total),
        "cost_per_unit_before": text(before.figures.totals.cost_per_unit),
        "rows": rows,
    }


def _changes(data: Mapping[str, Any], by: Sequence[str]) -> list[Mapping[str, Any] | None]:
    """Return for each row of the explorer what the comparison says of it."""
    if "compare" not in data:
        return []
    known = {tuple(row[name] for name in by): row for row in data["compare"]["rows"]}
    return [known.get(tuple(row.get(name) for name in by)) for row in data["rows"]]
