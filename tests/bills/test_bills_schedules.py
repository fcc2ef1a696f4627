"""People and assets written down in YAML: what they cost month by month sums to what they cost."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bills.bill_texts import Read
from percapita import bills
from percapita.bills.written.capex import Asset, Disposal, depreciation
from percapita.bills.written.documents import Days, DocumentError
from percapita.bills.written.people import monthly
from percapita.bills.written.schedules import EXACT, months
from percapita.core.sources import Source
from percapita.store import Store

COSTS = st.decimals(0, Decimal("1e8"), places=2)
DAYS = st.dates(date(2020, 1, 1), date(2026, 12, 31))
FIRST_MONTHS = st.sampled_from(["full", "next", "days"])


def total(amounts: Iterable[Decimal]) -> Decimal:
    """Return the exact sum."""
    result = Decimal(0)
    for amount in amounts:
        result = EXACT.add(result, amount)
    return result


@given(COSTS, COSTS, st.integers(1, 180), DAYS, FIRST_MONTHS)
def test_depreciation_sums_to_cost_less_salvage(
    one: Decimal, other: Decimal, life: int, day: date, first: Any  # noqa: ANN401
) -> None:  # fmt: skip
    """Over the whole life the months sum to cost less salvage value, to the last digit."""
    asset = Asset("a", max(one, other), life, day, min(one, other), first)
    found = depreciation(asset)

    assert total(amount for _, amount in found) == abs(one - other)
    assert len(found) in {life, life + 1}


@given(COSTS, st.integers(1, 60), DAYS, FIRST_MONTHS, st.integers(0, 2500))
def test_disposal_ends_depreciation(
    cost: Decimal, life: int, day: date, first: Any, held: int  # noqa: ANN401
) -> None:  # fmt: skip
    """An asset that is disposed of costs what it would until then, and nothing after."""
    whole = depreciation(Asset("a", cost, life, day, first_month=first))
    on = day + timedelta(held)
    found = depreciation(Asset("a", cost, life, day, first_month=first, disposed=Disposal(on)))

    assert found[:-1] == whole[: max(len(found) - 1, 0)]
    assert all(span.start <= on for span, _ in found)
    assert total(amount for _, amount in found) <= cost


def lines(read: Read, text: str) -> list[Mapping[str, Any]]:
    """Return the lines of a file."""
    return list(read({"a.yaml": text}, path="bills/a.yaml").lines)


@given(COSTS, st.integers(2020, 2030))
def test_a_year_of_months_is_a_year(cost: Decimal, year: int) -> None:
    """The twelve months of a calendar year sum to a cost per year; a month cut in two to itself."""
    spans = list(months(Days(date(year, 1, 1), date(year + 1, 1, 1))))
    parts = [monthly(cost, "year", span) for span in spans]
    half = [monthly(cost, "month", Days(date(year, 2, a), date(year, *b)))
            for a, b in ((1, (2, 11)), (11, (3, 1)))]  # fmt: skip

    assert total(parts) == cost
    assert abs(total(half) - cost) <= Decimal("1e-11")


def test_what_was_made_stays_as_it_was(read: Read) -> None:
    """Moving `through` on adds months and changes none."""
    text = (
        "currency: EUR\nthrough: 2025-{}\n"
        "people: [{{role: dev, cost: 100000, per: year, heads: 3, from: 2024-11}}]\n"
    )
    before, after = lines(read, text.format("05")), lines(read, text.format("09"))

    assert [line["EffectiveCost"] for line in after][: len(before)] == [
        line["EffectiveCost"] for line in before
    ]
    assert len(after) == len(before) + 4


WRONG = {
    "a.yaml:2:10": ("people: [{role: dev, cost: 1, per: month, from: 2025-01}]",
                    "Nothing says when 'dev' ends."),
    "a.yaml:2:36": ("people: [{role: dev, cost: 1, per: week, from: 2025-01}]",
                    "'per' cannot be 'week'"),
    "a.yaml:2:11": ("support: [{support: desk, tickets: {2025-01: 4}}]", "cost per ticket"),
    "a.yaml:2:36 ": ("support: [{support: desk, tickets: {2025: 4}, cost per ticket: 1}]",
                     "longer than a month"),
    "a.yaml:2:10 ": (("people: [{role: dev, cost: 9, per: month, from: 2025,"
                       " shares: [{percent: 60}, {percent: 41}]}]"), "sum to 101 percent"),
    "a.yaml:2:10  ": ("assets: [{asset: x, cost: 1, salvage: 2, life: 2, in service: 2025-01}]",
                      "salvage value is above the cost"),
    "a.yaml:2:37": ("assets: [{asset: x, cost: 12, life: 2.5, in service: 2025-01}]",
                    "must be a whole number"),
    "a.yaml:3:10": (("assets: [{asset: x, cost: 1, life: 2, in service: 2025-01},\n"
                     "         {asset: x, cost: 1, life: 2, in service: 2025-01}]"),
                    "Two assets are named 'x'"),
}  # fmt: skip


@pytest.mark.parametrize("place", WRONG)
def test_what_is_wrong_is_named(read: Read, place: str) -> None:
    """A flaw stops the import with file, line and column."""
    body, said = WRONG[place]
    with pytest.raises(DocumentError) as error:
        lines(read, f"currency: EUR\n{body}\n")

    assert said in str(error.value)
    assert place.strip() + ":" in str(error.value)


def test_a_life_made_shorter_takes_months_back(store: Store, tmp_path: Path) -> None:
    """An asset that is disposed of leaves no depreciation in the months after."""
    said = "currency: EUR\nassets: [{asset: x, cost: 900, life: 9, in service: 2025-01%s}]\n"
    source = Source("assets", path="a.yaml")
    sums = []
    for more in ("", ", disposed: {on: 2025-03, proceeds: 50}"):
        (tmp_path / "a.yaml").write_text(said % more, encoding="utf-8")
        sums.append(bills.take(store, source, root=tmp_path).sums["EUR"]["effective"])

    assert sums == ["900.00", "850.00"]
    assert {record.source for record in store.imports() if record.live} == {"assets"}
    assert len(store.live_imports()) == 1
