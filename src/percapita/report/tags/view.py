"""What is known of tags, written out: pages for the terminal, JSON, or flat rows for CSV."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from percapita.core.money import ZERO, percent, text
from percapita.report.numbers import amount, count, money_places, share
from percapita.report.table import Column
from percapita.report.tags.over_time import Coverage, Drift, Mapped
from percapita.store.read.tags import Cut

if TYPE_CHECKING:
    from percapita.report.table import Page

ALL: Final = "all"
SHOWN: Final = 10
"""Values of a cut, and broken values, that the terminal shows."""
_COVERAGE: Final = (
    "cut", "value", "month", "key", "spend", "tagged_spend", "by_spend", "resources",
    "tagged_resources", "by_resources",
)  # fmt: skip
_MAP: Final = (
    "type", "service", "spend", "resources", "usage_pattern", "tagging_status",
    "tagging_status_in_map", "required_by_spend", "attribution_method", "mapped",
)  # fmt: skip


def coverage_json(found: Coverage) -> dict[str, Any]:
    """Return coverage as JSON carries it, without ``meta``."""
    return {
        "required": list(found.keys),
        "months": [
            {"month": cut.month or ALL, **_cut(cut, found.keys)} for cut in found.months
        ],
        "by": {
            name: [
                {"value": cut.value, "month": cut.month or ALL, **_cut(cut, found.keys)}
                for cut in cuts
            ]
            for name, cuts in found.by.items()
        },
        "values": [
            {
                "key": one.key, "value": one.odd.value, "meant": one.meant,
                "spend": text(one.odd.spend), "resources": one.odd.resources,
                "first": one.odd.first, "last": one.odd.last,
            }
            for one in found.wrong
        ],
        "also_written": {key: list(others) for key, others in found.written.items()},
    }  # fmt: skip


def _cut(cut: Cut, keys: Sequence[str]) -> dict[str, Any]:
    return {
        **_share(cut, cut.tagged, cut.tagged_resources),
        "keys": {
            key: _share(cut, spend, resources)
            for key, (spend, resources) in zip(keys, cut.keys, strict=True)
        },
    }


def _share(cut: Cut, spend: Decimal, resources: int) -> dict[str, Any]:
    return {
        "spend": text(cut.spend),
        "tagged_spend": text(spend),
        "by_spend": text(percent(spend, cut.spend)),
        "resources": cut.resources,
        "tagged_resources": resources,
        "by_resources": text(percent(Decimal(resources), cut.resources)),
    }


def coverage_flat(found: Coverage) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Return header and rows: each month and value, all keys together and then each."""
    rows = []
    cuts: dict[str, tuple[Cut, ...]] = {"": found.months, **found.by}
    for name, own in cuts.items():
        for cut in own:
            head = [name, cut.value if name else "", cut.month or ALL]
            whole = _share(cut, cut.tagged, cut.tagged_resources)
            rows.append([*head, ALL, *whole.values()])
            for key, (spend, resources) in zip(found.keys, cut.keys, strict=True):
                rows.append([*head, key, *_share(cut, spend, resources).values()])
    return _COVERAGE, rows


def coverage_text(page: Page, found: Coverage) -> None:
    """Print coverage by month and cut, then the values that break the taxonomy."""
    page.line(f"Tag coverage, {found.basis} cost in {found.currency}", "bold")
    page.line("Percent of spend, and of resources, that carry the key with a value it may have.")
    page.line()
    _table(page, "month", [cut.month or ALL for cut in found.months], found.months, found.keys)
    for name, cuts in found.by.items():
        whole = sorted((c for c in cuts if c.month is None), key=lambda c: -c.spend)
        shown = whole[:SHOWN]
        page.line()
        names = ["none" if cut.value is None else cut.value for cut in shown]
        _table(page, name, names, shown, found.keys)
        if len(whole) > SHOWN:
            rest = sum((cut.spend for cut in whole[SHOWN:]), ZERO)
            page.line(f"{len(whole) - SHOWN} more: {amount(rest)} (--format csv has all).")
    _wrong(page, found)


def _table(
    page: Page, title: str, names: Sequence[str], cuts: Sequence[Cut], keys: Sequence[str]
) -> None:
    places = money_places(max((cut.spend for cut in cuts), default=ZERO))
    columns = [
        Column(title, names, number=False),
        Column("spend", [amount(c.spend, places) for c in cuts]),
        Column("tagged\n% spend", [share(percent(c.tagged, c.spend)) for c in cuts]),
        Column("resources", [count(c.resources) for c in cuts]),
        Column(
            "tagged\n% resources",
            [share(percent(Decimal(c.tagged_resources), c.resources)) for c in cuts],
        ),
    ]
    for at, key in enumerate(keys):
        values = [share(percent(c.keys[at][0], c.spend)) for c in cuts]
        columns.append(Column(f"{key}\n% spend", values, rank=at + 1))
    if cuts and (left := page.table(columns)):
        page.line(f"Too wide for this terminal: {', '.join(left)}.")


def _wrong(page: Page, found: Coverage) -> None:
    for key, others in found.written.items():
        page.line()
        page.line(f"{key} is also written {', '.join(others)}; a tag rule can bring them together.")
    if not found.wrong:
        return
    page.line()
    page.line("Values that the taxonomy does not list", "bold")
    shown = found.wrong[:SHOWN]
    page.table(
        [
            Column("key", [one.key for one in shown], number=False),
            Column("value", [one.odd.value for one in shown], number=False),
            Column("probably", [one.meant or "" for one in shown], number=False),
            Column("spend", [amount(one.odd.spend) for one in shown]),
            Column("resources", [count(one.odd.resources) for one in shown]),
        ]
    )
    if len(found.wrong) > SHOWN:
        page.line(f"{len(found.wrong) - SHOWN} more: percapita tags --format json has all.")


def map_json(rows: Sequence[Mapped]) -> list[dict[str, Any]]:
    """Return the map of resource types as JSON carries it."""
    return [
        {name: text(value) if isinstance(value, Decimal) else value
         for name, value in zip(_MAP, _map_row(one), strict=True)}
        for one in rows
    ]  # fmt: skip


def map_flat(rows: Sequence[Mapped]) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Return header and rows of the map."""
    return _MAP, [
        ["yes" if value is True else "no" if value is False else value for value in _map_row(one)]
        for one in rows
    ]


def _map_row(one: Mapped) -> tuple[Any, ...]:
    return (
        one.type, one.service, one.spend, one.resources, one.pattern, one.measured, one.said,
        percent(one.tagged, one.spend), one.method, one.known,
    )  # fmt: skip


def map_text(page: Page, currency: str, rows: Sequence[Mapped]) -> None:
    """Print the map: what the bill shows of each type, and how it reaches the users."""
    places = money_places(max((one.spend for one in rows), default=ZERO))
    page.table(
        [
            Column("resource type", [one.type for one in rows], number=False),
            Column(f"spend\n{currency}", [amount(one.spend, places) for one in rows]),
            Column("resources", [count(one.resources) for one in rows], rank=2),
            Column("usage", [one.pattern or "?" for one in rows], number=False),
            Column("tags", [one.measured for one in rows], number=False),
            Column(
                "required\n% spend", [share(percent(one.tagged, one.spend)) for one in rows], rank=1
            ),
            Column("attribution", [_method(one) for one in rows], number=False),
        ]
    )
    if missing := sum(not one.known for one in rows):
        page.line(f"{missing} of {len(rows)} types are not in the resource map.")


def _method(one: Mapped) -> str:
    return one.method or ("not said" if one.known else "not in the map")


def drift_json(found: Drift) -> dict[str, Any]:
    """Return drift as JSON carries it, without ``meta``."""
    return {
        "from": found.before,
        "to": found.after,
        "changes": [
            {**one._asdict(), "change": _change(one.before, one.after), "spend": text(one.spend)}
            for one in found.changes
        ],
        "map": map_json(found.mapped),
    }


def drift_flat(found: Drift) -> tuple[tuple[str, ...], list[list[Any]]]:
    """Return header and rows: the changes, then the types that are not as the map says."""
    header = ("what", "resource", "service", "account", "key", "before", "after", "spend")
    rows: list[list[Any]] = [
        [_change(c.before, c.after), c.resource, c.service, c.account, c.key, c.before, c.after,
         c.spend]
        for c in found.changes
    ]  # fmt: skip
    rows += [
        ["map", one.type, one.service, "", STATUS_KEY, one.said if one.known else None,
         one.measured, one.spend]
        for one in found.mapped
    ]  # fmt: skip
    return header, rows


STATUS_KEY: Final = "tagging status"


def _change(before: str | None, after: str | None) -> str:
    return "added" if before is None else "removed" if after is None else "changed"


def drift_text(page: Page, found: Drift) -> None:
    """Print drift: tags that changed, types that are not as the map says."""
    page.line(f"Tags that changed, {found.before} to {found.after}", "bold")
    if not found.changes:
        page.line("None.")
    else:
        shown = found.changes[: SHOWN * 2]
        page.table(
            [
                Column("resource", [one.resource for one in shown], number=False),
                Column("key", [one.key for one in shown], number=False),
                Column(found.before, [one.before or "none" for one in shown], number=False),
                Column(found.after, [one.after or "none" for one in shown], number=False),
                Column(f"spend\n{found.currency}", [amount(one.spend) for one in shown]),
            ]
        )
        if len(found.changes) > len(shown):
            page.line(f"{len(found.changes) - len(shown)} more: --format csv has all.")
    for line in _off(found.mapped):
        page.line(line)


def _off(rows: Sequence[Mapped]) -> Iterator[str]:
    for one in rows:
        if one.known:
            yield f"{one.type} is {one.measured}; the resource map says {one.said}."
        else:
            yield f"{one.type} is not in the resource map."
