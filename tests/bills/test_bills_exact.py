"""Whatever a bill writes is what the lines hold."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from decimal import Context, Decimal
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from bills.bill_texts import Read, text
from percapita.bills import preview
from percapita.core.sources import Source

EXACT = Context(prec=200)


def _written(draw: st.DrawFn) -> str:
    digits = draw(st.integers(0, 10**27 - 1))
    exponent = draw(st.integers(-30, 0))
    amount = Decimal(digits).scaleb(exponent, EXACT)
    while amount >= 10**12:
        amount = amount.scaleb(-1, EXACT)
    sign = draw(st.sampled_from(["", "-"]))
    form = draw(st.sampled_from(["f", "E", "e", "$", "()", "-$"]))
    if form in "Ee":
        return f"{sign}{amount:{form}}"
    plain = f"{amount:f}"
    return {"f": sign + plain, "$": f"{sign}${plain} ", "()": f"({plain})",
            "-$": f"-${plain}"}[form]  # fmt: skip


def _worth(written: str) -> Decimal:
    negative = written.startswith(("(", "-"))
    amount = EXACT.create_decimal(written.strip("-$() "))
    return -amount if negative else amount


amounts = st.composite(_written)()
rows = st.lists(
    st.tuples(amounts, st.one_of(st.just("NULL"), amounts), st.sampled_from(["USD", "EUR"])),
    min_size=1,
    max_size=12,
)


@settings(max_examples=15, deadline=None)
@given(rows)
def test_lines_hold_the_exact_sum(bill: list[tuple[str, str, str]]) -> None:
    """Any decimal text imports to its exact sum per currency and basis, rounded once."""
    exact: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for billed, effective, currency in bill:
        exact[currency, "billed"] = EXACT.add(exact[currency, "billed"], _worth(billed))
        if effective != "NULL":
            key = currency, "effective"
            exact[key] = EXACT.add(exact[key], _worth(effective))
    content = text(
        [{"BilledCost": b, "EffectiveCost": e, "BillingCurrency": c} for b, e, c in bill]
    )

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / "bill.csv").write_text(content)
        read = preview(Source("bill", "bill.csv"), root=Path(folder))

    for (currency, basis), amount in exact.items():
        column = {"billed": "BilledCost", "effective": "EffectiveCost"}[basis]
        held = Decimal(0)
        for line in read.lines:
            if line["BillingCurrency"] == currency and line[column] is not None:
                held = EXACT.add(held, line[column])
        assert held == amount.quantize(Decimal("1e-18"), context=EXACT)
        assert Decimal(read.sums[currency][basis]) == held


def test_days_hold_the_texts_sum(read: Read) -> None:
    """Amounts of up to 18 digits sum exactly per currency, basis and day."""
    bill = [
        {
            "BilledCost": f"{n}.{n:017d}1",
            "EffectiveCost": f"{n}E-18",
            "ChargePeriodStart": f"2025-10-{1 + n % 5:02d}T00:00:00Z",
            "ChargePeriodEnd": "2025-10-09",
        }
        for n in range(1, 200)
    ]
    expected: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for row in bill:
        expected[row["ChargePeriodStart"][:10]][0] += Decimal(row["BilledCost"])
        expected[row["ChargePeriodStart"][:10]][1] += Decimal(row["EffectiveCost"])

    held: dict[str, list[Decimal]] = defaultdict(lambda: [Decimal(0), Decimal(0)])
    for line in read(text(bill)).lines:
        held[f"{line['ChargePeriodStart']:%Y-%m-%d}"][0] += line["BilledCost"]
        held[f"{line['ChargePeriodStart']:%Y-%m-%d}"][1] += line["EffectiveCost"]

    assert held == expected
