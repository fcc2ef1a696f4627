"""Invoices written down in YAML: priced, cut over their months, and checked against their total."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from bills.bill_texts import Read
from percapita import bills
from percapita.bills.written.documents import Days, DocumentError
from percapita.bills.written.invoice.grammar import Item, Tier
from percapita.bills.written.invoice.pricing import Rounding, drawn, intervals, priced
from percapita.bills.written.schedules import EXACT, Charge, months, parts
from percapita.core.sources import Source, Taken
from percapita.core.tables import LINES
from percapita.store import Store

AMOUNTS = st.decimals(Decimal("-1e9"), Decimal("1e9"), places=4)
QUANTITIES = st.decimals(0, Decimal(10) ** 7, places=3)
FIRST = date(2023, 11, 1)
SPANS = st.builds(
    lambda start, days: Days(FIRST + timedelta(start), FIRST + timedelta(start + days)),
    st.integers(0, 900), st.integers(1, 1500),
)  # fmt: skip
HEAD = "issuer: Acme\ncurrency: USD\nperiod: 2025-10\n"


def total(lines: Iterable[Mapping[str, Any]], column: str) -> Decimal:
    """Return the exact sum of a column."""
    result = Decimal(0)
    for line in lines:
        result = EXACT.add(result, line.get(column) or Decimal(0))
    return result


@given(AMOUNTS, SPANS)
def test_parts_sum_to_the_whole(amount: Decimal, span: Days) -> None:
    """The parts of any amount over any time sum to it, and the months cover the time."""
    found = parts(amount, span)
    days = [part for part, _ in found]

    assert total([{"x": part} for _, part in found], "x") == amount
    assert days[0].start == span.start
    assert days[-1].end == span.end
    assert all(a.end == b.start for a, b in pairwise(days))


@given(AMOUNTS, SPANS, st.dates(FIRST, date(2028, 1, 1)), QUANTITIES)
def test_every_basis_of_a_charge_sums(
    amount: Decimal, span: Days, at: date, quantity: Decimal
) -> None:
    """A charge's lines hold its amount once as billed, once as effective, and its quantity once."""
    lines = list(Charge(span, amount, at=at, quantity=quantity, listed=amount).lines())

    assert {total(lines, c) for c in ("BilledCost", "EffectiveCost", "ListCost")} == {amount}
    assert total(lines, "PricingQuantity") == quantity
    billed = [line for line in lines if line["BilledCost"]]
    assert [line["BillingPeriodStart"] for line in billed] == [at.replace(day=1)] * len(billed)


def test_whole_months_weigh_the_same() -> None:
    """February costs what March does; a month that is cut costs its days."""
    found = parts(Decimal(300), Days(date(2025, 1, 1), date(2025, 4, 1)))
    half = parts(Decimal(150), Days(date(2025, 4, 16), date(2025, 6, 1)))

    assert [amount for _, amount in found] == [100, 100, 100]
    assert [amount for _, amount in half] == [50, 100]


@given(SPANS, st.sampled_from(["once", "month", "quarter", "year"]))
def test_times_of_a_recurring_charge_leave_no_gap(span: Days, every: Any) -> None:  # noqa: ANN401
    """The times that are charged follow each other from the first day to the last."""
    found = list(intervals(span, every))

    assert (found[0].start, found[-1].end) == (span.start, span.end)
    assert all(a.end == b.start for a, b in pairwise(found))


@given(QUANTITIES, st.lists(st.integers(1, 10**6), min_size=1, max_size=4, unique=True))
def test_graduated_tiers_hold_the_quantity(quantity: Decimal, ends: list[int]) -> None:
    """The quantities of the tiers sum to what was used; volume has all of it at one price."""
    tiers = (*(Tier(Decimal(end % 7), Decimal(end)) for end in sorted(ends)), Tier(Decimal(1)))
    item = Item("x", tiers=tiers, quantity=quantity)
    (volume,) = priced(Item("x", tiers=tiers, quantity=quantity, pricing="volume"), quantity)

    assert total([{"x": one.quantity} for one in priced(item, quantity)], "x") == quantity
    assert volume.quantity == quantity


@given(st.lists(AMOUNTS, max_size=12))
def test_rounded_amounts_sum_to_their_rounded_sum(amounts: list[Decimal]) -> None:
    """Taxes of the items sum to the tax of the invoice, rounded once."""
    rounding, once = Rounding(2), Rounding(2)
    found = total([{"x": rounding.next("tax", amount)} for amount in amounts], "x")

    assert found == once.next("tax", total([{"x": amount} for amount in amounts], "x"))


@given(QUANTITIES, st.lists(QUANTITIES, max_size=6))
def test_a_pack_is_drawn_down(pack: Decimal, used: list[Decimal]) -> None:
    """What months take from a pack and use beyond it is what they used, the pack at most."""
    found = drawn(pack, [(FIRST, quantity) for quantity in used])

    assert [EXACT.add(one.inside, one.beyond) for one in found] == used
    inside = total([{"x": one.inside} for one in found], "x")
    assert inside == min(pack, total([{"x": quantity} for quantity in used], "x"))


WRONG = {
    "currency": ("issuer: A\nperiod: 2025\nitems: [{item: X, amount: 1}]\n", "needs the key"),
    "a.yaml:4:19": ("items: [{item: X, amout: 1}]\n", "Did you mean amount?"),
    "a.yaml:4:27": ("items: [{item: X, amount: 1O}]\n", "must be an amount, not '1O'"),
    "a.yaml:4:9": ("items: [{item: X, price: 2}]\n", "needs a quantity"),
    "a.yaml:5:8": ("items: [{item: X, amount: 2}]\ntotal: 3\n", "sum to 2.00, not 3.00"),
    "a.yaml:4:39": ("items: [{item: X, price: 1, quantity: {file: none.csv}}]\n", "no file none"),
    "a.yaml:4:40": ("items: [{item: X, price: 12, quantity: {2025-09: 5}}]\n", "5.00 lies outside"),
    "a.yaml:4:26": ("items: [{item: X, tiers: [{to: 5, price: 1}], quantity: 2}]\n", "has an end"),
    "a.yaml:4:51": ("items: [{item: X, amount: 200, pack: 300.5, used: {2025-10: 301}}]\n",
                    "Give the price of a unit beyond the pack"),
}  # fmt: skip


@pytest.mark.parametrize("place", WRONG)
def test_what_is_wrong_is_named(read: Read, place: str) -> None:
    """A flaw stops the import with file, line and column, what is so, and what to do."""
    body, said = WRONG[place]
    with pytest.raises(DocumentError) as error:
        read({"a.yaml": body if body.startswith("issuer") else HEAD + body}, path="bills/*.yaml")

    assert said in str(error.value)
    assert place in str(error.value)


TABLES = {
    "day,n\n2025-10-01,1x\n": "calls.csv, row 1, column n: '1x' is not a number",
    "day,n\nMonday,1\n": "calls.csv, row 1, column day: 'Monday' is no day",
    "date,n\n2025-10-01,1\n": "has no column 'day'. Known: date, n.",
}


@pytest.mark.parametrize("table", TABLES)
def test_what_is_wrong_with_a_table_is_named(read: Read, table: str) -> None:
    """A cell of the table of quantities that can't be read is named with row and column."""
    item = "items: [{item: X, price: 1, quantity: {file: calls.csv, date: day, column: n}}]\n"
    with pytest.raises(DocumentError) as error:
        read({"a.yaml": HEAD + item, "calls.csv": table}, path="bills/*.yaml")

    assert TABLES[table] in str(error.value)


def test_other_yaml_is_no_invoice(read: Read) -> None:
    """A YAML file with other keys is not taken for an invoice."""
    with pytest.raises(Exception, match="not a bill"):
        read({"a.yaml": "name: x\nvalues: [1]\n"}, path="bills/a.yaml")


def imported(store: Store, root: Path, **files: str) -> Taken:
    """Import invoices under one name."""
    for name, text in files.items():
        (root / name.replace("_", ".")).write_text(text, encoding="utf-8")
    return bills.take(store, Source("vendors", path="*.yaml", kind="bill"), root=root)


def test_a_delivery_is_all_there_is(store: Store, tmp_path: Path) -> None:
    """A term made shorter takes the lines of its former months back, and says so."""
    item = "items: [{item: X, amount: 30, period: 2025-10..2025-%s}]\n"
    imported(store, tmp_path, a_yaml=HEAD + item % 12)
    taken = imported(store, tmp_path, a_yaml=HEAD + item % 11)

    lines = store.engine.rows(
        f"SELECT period, EffectiveCost FROM {store.bind(LINES)} ORDER BY 1, 2"
    )
    assert lines == [("2025-10", 0), ("2025-10", 15), ("2025-11", 15)]
    assert taken.notes[-1] == "No longer in the files, and taken back: the lines of 2025-12."


def test_a_changed_table_is_a_changed_invoice(store: Store, tmp_path: Path) -> None:
    """The table of quantities belongs to the delivery: if it changes, so does the bill."""
    item = "items: [{item: X, price: 2, quantity: {file: n.csv}}]\n"
    first = imported(store, tmp_path, a_yaml=HEAD + item, n_csv="date,quantity\n2025-10-01,5\n")
    again = imported(store, tmp_path)
    later = imported(store, tmp_path, n_csv="date,quantity\n2025-10-01,6\n")

    assert [one.unchanged for one in (first, again, later)] == [False, True, False]
    assert [one.sums["USD"]["billed"] for one in (first, later)] == ["10.00", "12.00"]
    assert first.files == 2


def test_months_of_a_time_are_its_own() -> None:
    """A day is one month's part; a leap February is whole."""
    assert list(months(Days(date(2024, 2, 1), date(2024, 3, 2)))) == [
        Days(date(2024, 2, 1), date(2024, 3, 1)), Days(date(2024, 3, 1), date(2024, 3, 2)),
    ]  # fmt: skip
