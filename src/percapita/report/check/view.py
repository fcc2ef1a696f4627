"""What check found, written out: pages for the terminal, JSON, or CSV."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from percapita.core.errors import Problem
from percapita.core.money import percent, text
from percapita.measure.practice import Item, Ranked
from percapita.report.check.check import Checked, untagged_rest
from percapita.report.numbers import amount, share

if TYPE_CHECKING:
    from percapita.report.table import Page
    from percapita.store.read.check import Spender

SHOWN = 10
"""Rows of the untagged list that the terminal shows."""
_STYLES = {"passed": "green", "failed": "red", "cannot know": "dim"}
_MARKS = {"passed": "✓", "failed": "✗", "cannot know": "?"}
_SECTIONS = ("readiness", "adviser", "practice")


def check_json(found: Checked, meta: Mapping[str, Any]) -> str:
    """Return all of it as JSON."""
    document = {
        "meta": {**meta, "basis": found.basis, "currency": found.currency, "runs": found.runs},
        **{name: [item._asdict() for item in getattr(found, name)] for name in _SECTIONS},
        "maturity": found.maturity._asdict(),
        "tags": _tags(found),
        "dearest": [_ranked(ranked) for ranked in found.dearest],
        "untagged": [_spender(spender, found) for spender in found.untagged],
        "untagged_rest": text(untagged_rest(found)),
        "quarantine": [
            {"source": q.source, "code": q.code, "rows": q.rows, "example": q.example,
             "hint": q.hint}
            for q in found.quarantine
        ],
        "findings": [{**f, "amount": text(f["amount"])} for f in found.findings],
        "model": [
            *(_problem(problem, "error") for problem in found.errors),
            *(_problem(problem, "warning") for problem in found.warnings),
        ],
    }  # fmt: skip
    return json.dumps(document, ensure_ascii=False, indent=2)


def _tags(found: Checked) -> dict[str, Any] | None:
    bill = found.bill
    if bill is None:
        return None
    return {
        "required": list(found.required),
        "spend": text(bill.spend),
        "tagged_spend": text(bill.tagged),
        "by_spend": text(percent(bill.tagged, bill.spend)),
        "resources": bill.resources,
        "tagged_resources": bill.tagged_resources,
        "by_resources": text(percent(Decimal(bill.tagged_resources), bill.resources)),
        "keys": [
            {
                "key": key.key,
                "spend": text(key.amount),
                "by_spend": text(percent(key.amount, bill.spend)),
                "resources": key.resources,
                "by_resources": text(percent(Decimal(key.resources), bill.resources)),
                "not_listed": text(key.wrong),
                "also_written": list(key.variants),
            }
            for key in bill.keys
        ],
    }


def _ranked(ranked: Ranked) -> dict[str, Any]:
    resource = ranked.resource
    return {
        "resource": resource.resource,
        "service": resource.service,
        "account": resource.account,
        "amount": text(resource.amount),
        "share": text(ranked.share),
        "cumulative": text(ranked.cumulative),
        "missing": list(resource.missing),
    }


def _spender(spender: Spender, found: Checked) -> dict[str, Any]:
    spend = found.bill.spend if found.bill else None
    return {
        "resource": spender.resource or None,
        "service": spender.service,
        "account": spender.account,
        "amount": text(spender.amount),
        "share": text(percent(spender.amount, spend)) if spend else None,
        "missing": list(spender.missing),
    }


def _problem(problem: Problem, severity: str) -> dict[str, Any]:
    return {
        "severity": severity,
        "code": problem.code,
        "where": problem.where,
        "message": problem.message,
        "hint": problem.hint,
    }


def check_csv(found: Checked) -> Iterator[Sequence[str | None]]:
    """Yield one row a fact: section, item, verdict or severity, value, target, evidence, advice."""
    yield ("section", "item", "verdict", "value", "target", "evidence", "advice")
    for name in _SECTIONS:
        for item in getattr(found, name):
            yield (name, *item[:-1])
    level = found.maturity
    yield ("maturity", level.level, None, None, None, level.evidence, level.missing)
    for ranked in found.dearest:
        resource = ranked.resource
        yield ("dearest", resource.resource, None, text(resource.amount), None,
               text(ranked.cumulative), _lacks(resource.missing))  # fmt: skip
    for spender in found.untagged:
        where = spender.resource or spender.service
        yield ("untagged", where, None, text(spender.amount), None, spender.service,
               _lacks(spender.missing))  # fmt: skip
    for q in found.quarantine:
        yield ("quarantine", q.source, q.code, str(q.rows), None, q.example, q.hint)
    for f in found.findings:
        yield ("findings", f"{f['code']} {f['where']}", f["severity"], text(f["amount"]), None,
               f["message"], f["advice"])  # fmt: skip
    for severity, problems in (("error", found.errors), ("warning", found.warnings)):
        for p in problems:
            yield ("model", f"{p.code} {p.where}", severity, None, None, p.message, p.hint)


def _lacks(missing: Sequence[str]) -> str:
    return f"lacks {', '.join(missing)}" if missing else ""


def check_text(found: Checked, page: Page) -> None:
    """Print all of it."""
    _items(page, "Ready?", found.readiness)
    page.line(f"Maturity: {found.maturity.level}. {found.maturity.evidence}", "bold")
    if found.maturity.missing:
        page.line(f"  Next: {found.maturity.missing}", "dim")
    page.line()
    _items(page, "Is the unit right?", found.adviser)
    said = {item.name for item in found.readiness}
    _items(page, "How well it works", [one for one in found.practice if one.name not in said])
    _dearest(page, found)
    _untagged(page, found)
    _quarantine(page, found)
    _model(page, found)
    _findings(page, found)


def _items(page: Page, title: str, items: Sequence[Item]) -> None:
    page.line(title, "bold")
    for item in items:
        page.line(f"{_MARKS[item.verdict]} {item.name}: {item.evidence}", _STYLES[item.verdict])
        if item.advice:
            page.line(f"    {item.advice}", "dim")
    page.line()


def _dearest(page: Page, found: Checked) -> None:
    from percapita.report.table import Column  # noqa: PLC0415

    if not found.dearest:
        return
    page.line(f"The {len(found.dearest)} dearest resources, untagged first", "bold")
    rows = found.dearest
    page.table(
        [
            Column("resource", [r.resource.resource for r in rows], number=False),
            Column("service", [r.resource.service for r in rows], number=False, rank=2),
            Column("lacks", [", ".join(r.resource.missing) for r in rows], number=False, rank=1),
            Column(found.currency, [amount(r.resource.amount) for r in rows]),
            Column("%", [share(r.share) for r in rows], rank=3),
            Column("% so far", [share(r.cumulative) for r in rows]),
        ]
    )
    page.line()


def _untagged(page: Page, found: Checked) -> None:
    from percapita.report.table import Column  # noqa: PLC0415

    if not found.untagged or found.bill is None:
        return
    page.line("Spend without the required tags", "bold")
    rows = found.untagged[:SHOWN]
    page.table(
        [
            Column(
                "resource", [s.resource or f"{s.service}, no resource" for s in rows], number=False
            ),
            Column("service", [s.service for s in rows], number=False, rank=2),
            Column("lacks", [", ".join(s.missing) for s in rows], number=False, rank=1),
            Column(found.currency, [amount(s.amount) for s in rows]),
        ]
    )
    more = len(found.untagged) - len(rows)
    if more > 0:
        page.line(f"  and {more} more: --format csv lists them.", "dim")
    page.line()


def _quarantine(page: Page, found: Checked) -> None:
    if not found.quarantine:
        return
    page.line("Rows left out", "bold")
    for q in found.quarantine:
        rows = "1 row" if q.rows == 1 else f"{q.rows:,} rows"
        page.line(f"! {q.source}: {rows}, {q.code}. {q.example}", "yellow")
        if q.hint:
            page.line(f"    {q.hint}", "dim")
    page.line()


def _model(page: Page, found: Checked) -> None:
    for style, problems in (("red", found.errors), ("yellow", found.warnings)):
        for problem in problems:
            page.line(f"! {problem.where}: {problem.message}", style)
            if problem.hint:
                page.line(f"    {problem.hint}", "dim")
    if found.errors or found.warnings:
        page.line()


def _findings(page: Page, found: Checked) -> None:
    page.line(f"Findings, run {', '.join(found.runs)}" if found.runs else "Findings", "bold")
    alike: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for finding in found.findings:
        if finding["code"] != "quarantine":  # listed above, row by row
            # Without a period it is its message that tells one from another.
            own = "" if finding["period"] else finding["message"]
            alike.setdefault((finding["code"], finding["where"], own), []).append(finding)
    for several in alike.values():
        _alike(page, several, found.currency)
    if not found.runs:
        page.line("  No run is published yet: percapita run.", "dim")
    elif not found.findings:
        page.line("  none", "dim")


WORDS: Final = {
    "F1": "missing attribution", "F2": "sampling bias", "F5": "billing lag", "F7": "price change",
    "F9": "telemetry gap", "F15": "concentration",
}  # fmt: skip
"""What codes that are a letter and a number stand for; the others are words."""


def _alike(page: Page, several: Sequence[dict[str, Any]], currency: str) -> None:
    """Write what is found of one thing: its last period in full, the others by name."""
    last = max(several, key=lambda finding: finding["period"] or "")
    style = {"error": "red", "warning": "yellow"}.get(last["severity"], "")
    period = f" ({last['period']})" if last["period"] else ""
    stake = _stake([last], currency)
    words = f" {WORDS[last['code']]}," if last["code"] in WORDS else ""
    where = f"{last['code']}{words} {last['where']}{period}"
    page.line(f"! {where}: {last['message']}{f' ({stake})' if stake else ''}", style)
    if len(several) > 1:
        others = sorted(finding["period"] for finding in several if finding is not last)
        whole = _stake(several, currency)
        page.line(f"    Likewise in {', '.join(others)}{f'; {whole} in all' if whole else ''}.")
    if last["advice"]:
        page.line(f"    {last['advice']}", "dim")


def _stake(findings: Sequence[dict[str, Any]], currency: str) -> str:
    amounts = [f["amount"] for f in findings if f["amount"] is not None]
    return f"{amount(sum(amounts))} {currency} at stake" if amounts else ""
