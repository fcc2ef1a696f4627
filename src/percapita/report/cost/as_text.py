"""A cost statement for the terminal."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final

from percapita.attribute.sampling import CONFIDENCE
from percapita.measure.figures import Figure
from percapita.measure.goals import Benchmark
from percapita.measure.question import FULL
from percapita.report import numbers
from percapita.report.adjustments import status
from percapita.report.cost.answer import Answer, Spread
from percapita.report.cost.as_json import shown
from percapita.report.named import NAMED
from percapita.report.table import Column, Page

_LIGHTS: Final = {"green": ("on target", "green"), "amber": ("near", ""), "red": ("over", "red")}


def show(
    page: Page,
    answer: Answer,
    spread: Spread | None = None,
    facets: Sequence[Mapping[str, Any]] = (),
) -> None:
    """Print a statement: rows, named lines, what to know."""
    _head(page, answer)
    hidden = page.table(_columns(answer), totals=True)
    _named_lines(page, answer)
    if answer.figures.benchmark is not None:
        _benchmark(page, answer.figures.benchmark, answer.opened.model.currency)
    if spread is not None:
        _distribution(page, spread)
    for facet in facets:
        _facet(page, facet, answer.opened.model.currency)
    notes = list(answer.notes)
    if hidden:
        notes.append(f"Too narrow for: {', '.join(hidden)}. Use a wider window or --format csv.")
    overlap = answer.figures.overlap or 0
    if overlap > 0:
        more = "unit" if overlap == 1 else "units"
        notes.append(f"Rows count {overlap:,} more {more} than there are: some stand in several.")
    elif overlap < 0:
        notes.append(f"Rows count {-overlap:,} fewer units than there are.")
    if "units" in answer.missing:
        notes.append("Cost per unit is not known: no activity and no head count in the period.")
    for note in notes:
        page.line(f"Note: {note}")


def _head(page: Page, answer: Answer) -> None:
    opened, question = answer.opened, answer.question
    unit = question.unit
    title = f"{opened.basis.capitalize()} cost, {opened.label(question.period)}"
    scope = "" if question.scope == FULL else f", scope {question.scope}"
    page.line(f"{title}, {opened.model.currency}{scope}", "bold")
    page.line(f"Per {unit.name}: {answer.figures.numerator} / units")
    if answer.complete_through is not None:
        day = answer.complete_through.astimezone(opened.zone)
        page.line(f"Bill up to {day:%Y-%m-%d %H:%M}, {status(opened, question.period)}")
    page.line()


def _columns(answer: Answer) -> list[Column]:
    figures = answer.figures
    rows = [*figures.rows, figures.totals]
    currency = answer.opened.model.currency
    # Revenue knows no pool or service: rows cut by these have none.
    revenue = any(row.revenue is not None for row in figures.rows or rows)
    each, bill = f"{currency}/unit", figures.bill_total
    columns = [
        Column(at.name, [*_labels(answer, place), "" if place else "total"], number=False)
        for place, at in enumerate(answer.question.by)
    ] or [Column("", ["all"] * len(figures.rows) + ["total"], number=False)]
    columns.append(Column("units", [_count(row) for row in rows], rank=2))
    for rank, name in ((5, "direct"), (5, "shared"), (6, "overhead")):
        if getattr(figures.totals.cost, name):
            values = [getattr(row.cost, name) for row in rows]
            columns.append(_money(f"{name}\n{currency}", values, bill, rank=rank))
    columns.append(_money(f"total\n{currency}", [row.cost.total for row in rows], bill))
    if answer.sure.rows:
        columns.append(_widths(answer, rows))
    columns.append(_each(f"cost\n{each}", rows, lambda row: row.cost_per_unit))
    if answer.sure.rows:
        columns[-1] = _where_enough(columns[-1], answer, rows)
    if revenue:
        columns.append(_each(f"revenue\n{each}", rows, lambda row: row.revenue_per_unit, rank=4))
        columns.append(
            _each(f"margin\n{each}", rows, lambda row: row.margin_per_unit, rank=3, judged=True)
        )
        values = [row.margin_percent for row in rows]
        shares = [
            numbers.share(value, missing=numbers.UNKNOWN if row.revenue is None else "n/a")
            for row, value in zip(rows, values, strict=True)
        ]
        columns.append(Column("margin\n%", shares, _judged(values), rank=1))
    if any(row.verdict for row in rows):
        columns.append(_targets(rows))
    return columns


def _labels(answer: Answer, place: int) -> list[str]:
    at = answer.question.by[place]
    labels = []
    for row in answer.figures.rows:
        value = shown(answer, at, row.key[place])
        if value is not None:
            labels.append(numbers.brief(value) if at.place == "subject" else value)
        elif row.others:
            labels.append(f"{row.others:,} others" if place == 0 else "")
        else:
            below = row.coarser if at.place in ("attribute", "subject") else ""
            labels.append(f"not known below {below}" if below else "not known")
    return labels


def _count(row: Figure) -> str:
    return numbers.count(row.units)


def _money(title: str, values: Sequence[Decimal], whole: Decimal, *, rank: int = 0) -> Column:
    """Return a column of amounts, with the digits that a bill of this size deserves."""
    places = numbers.money_places(whole)
    return Column(title, [numbers.amount(value, places) for value in values], rank=rank)


def _each(
    title: str,
    rows: Sequence[Figure],
    figure: Callable[[Figure], Decimal | None],
    *,
    rank: int = 0,
    judged: bool = False,
) -> Column:
    """Return a column of figures per unit, all with as many digits as the smallest needs."""
    values = [figure(row) for row in rows]
    places = numbers.places(values)
    shown_values = [
        numbers.amount(value, places, missing=numbers.UNDEFINED if row.units == 0 else "—")
        for row, value in zip(rows, values, strict=True)
    ]
    return Column(title, shown_values, _judged(values) if judged else (), rank=rank)


def _widths(answer: Answer, rows: Sequence[Figure]) -> Column:
    """Return half of each row's interval; nothing where a row is exact."""
    places = numbers.money_places(answer.figures.bill_total)
    texts = []
    for row in rows:
        found = None if row.others else answer.sure.rows.get(row.key)
        texts.append(numbers.amount((found.high - found.low) / 2, places) if found else "")
    currency = answer.opened.model.currency
    return Column(f"±{CONFIDENCE} %\n{currency}", texts, rank=1)


def _where_enough(column: Column, answer: Answer, rows: Sequence[Figure]) -> Column:
    """Say so where too few traces were kept to tell what a unit costs."""
    vague = {key for key, found in answer.sure.rows.items() if found is None}
    texts = [
        "not enough data" if row.key in vague and not row.others else text
        for row, text in zip(rows, column.values, strict=True)
    ]
    return replace(column, values=texts)


def _judged(values: Sequence[Decimal | None]) -> list[str]:
    """Colour losses; the minus says the same without colour."""
    return ["red" if value is not None and value < 0 else "" for value in values]


def _targets(rows: Sequence[Figure]) -> Column:
    texts, styles = [], []
    for row in rows:
        if row.verdict is None:
            texts.append("")
            styles.append("")
            continue
        word, style = _LIGHTS[row.verdict.light]
        over = row.verdict.over
        sign = "+" if over is not None and over > 0 else ""
        texts.append(f"{word} {sign}{numbers.share(over)} %")
        styles.append(style)
    return Column("target", texts, styles, rank=1)


def _named_lines(page: Page, answer: Answer) -> None:
    figures = answer.figures
    lines = [("allocated, as above", figures.totals.cost.total)]
    lines += [
        (NAMED.get(name, name), amount)
        for name, amount in figures.named.items()
        if amount or name == "unallocated"
    ]
    lines.append(("bill total", figures.bill_total))
    if answer.booked:
        lines += [(f"booked for {one.step.period}", one.amount) for one in answer.booked]
        lines.append(("bill total and booked", answer.booked_total))
    page.line()
    names = Column("beside the rows", [name for name, _ in lines], number=False)
    currency, bill = answer.opened.model.currency, figures.bill_total
    amounts = _money(currency, [amount for _, amount in lines], bill)
    page.table([names, amounts], totals=True)


def _benchmark(page: Page, found: Benchmark, currency: str) -> None:
    band = found.band
    cost = numbers.amount(found.cost_per_unit, numbers.places([found.cost_per_unit]))
    verdict = {
        "below": "below the band",
        "typical": "in the band",
        "above": "above the band",
        "warning": f"over {band.warn:f}: look at the dearest pools",
    }[found.place]
    page.line(
        f"Infrastructure {cost} {currency}/unit and month; typical is {band.low:f} to"
        f" {band.high:f}: {verdict}.",
        "red" if found.place == "warning" else "",
    )


def _facet(page: Page, facet: Mapping[str, Any], currency: str) -> None:
    values = facet["values"]
    names = ["not known" if one["value"] is None else numbers.brief(one["value"]) for one in values]
    counts = [numbers.count(one["units"]) for one in values]
    amounts = [Decimal(one["total"]) for one in values]
    shares = [
        "n/a" if one["share_percent"] is None else numbers.share(Decimal(one["share_percent"]))
        for one in values
    ]
    if facet["others"]:
        names.append(f"{facet['others']['values']:,} others")
        counts.append("")
        amounts.append(Decimal(facet["others"]["total"]))
        shares.append("")
    page.line()
    page.table(
        [
            Column(facet["facet"], names, number=False),
            Column("units", counts),
            Column(currency, [numbers.amount(amount) for amount in amounts]),
            Column("%", shares),
        ]
    )


def _distribution(page: Page, spread: Spread) -> None:
    found, currency = spread.distribution, spread.opened.model.currency
    figures: list[tuple[str, Decimal | None]] = [
        ("mean", found.mean),
        ("mean, weighted by active days", found.usage_weighted_mean),
        ("least", found.least),
        *((f"{percent} % have at most", amount) for percent, amount in found.percentiles.items()),
        ("most", found.most),
    ]
    places = numbers.places([value for _, value in figures])
    page.line()
    page.line(f"Cost over {found.subjects:,} {spread.kind}s", "bold")
    page.table(
        [
            Column("", [name for name, _ in figures], number=False),
            Column(currency, [numbers.amount(value, places) for _, value in figures]),
        ]
    )
    shares = ", ".join(
        f"top {percent} % hold {numbers.share(share)} %"
        for percent, share in found.top_shares.items()
    )
    page.line(f"Concentration: {shares}; Gini {numbers.share(found.gini)}.")
    if found.dormant:
        cost = numbers.amount(found.dormant_cost)
        page.line(f"{found.dormant:,} have cost but no activity: {cost} {currency}.")
    if found.active_without_cost:
        page.line(f"{found.active_without_cost:,} were active without any cost.")
    page.line()
    names = [numbers.brief(spread.names[str(item.subject)]) for item in found.top]
    page.table(
        [
            Column(f"dearest {spread.kind}s", names, number=False),
            _money(currency, [item.amount for item in found.top], found.total),
            Column("active days", [numbers.count(item.active) for item in found.top]),
        ]
    )
