"""``percapita budget``: planned against billed against what the month will come to, and why."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from invariants.folder import Inputs, Row, ask, bill, call, charge, write

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
credits: own pool
pools:
  - {pool: fees, match: {ServiceName: fee}, overhead: active}
  - {pool: compute, match: {ServiceName: compute}, overhead: active}
"""
BUDGETS = """
currency: USD
budgets:
  - budget: all
    amounts: {2025-Q3: 1200, 2025-10: 330}
    units: 4
    expects: {tax: 25, credits: -10}
    rates: {EUR: 1.05}
    owner: cfo
  - {budget: fees, pools: fees, amounts: {2025-10: 50}}
  - {budget: taxes, match: {ChargeCategory: Tax}, amounts: {2025-09: 20}}
  - budget: to serve
    by: tier
    period: 2025-09
    plan: {Free: {units: 3, cost: 20}, Pro: {units: {2025-09: 1}, cost: 340}}
"""
HEADS = [
    {"unit": "active user", "period": "2025-09", "tier": tier, "count": count}
    for tier, count in (("Free", 3), ("Pro", 2))
]


def day(at: date) -> Row:
    """Return the charge of a day: 10, at weekends 4."""
    amount = "4" if at.weekday() > 4 else "10"
    return charge("compute", amount, f"{at}T00:00:00Z", f"{at + timedelta(days=1)}T00:00:00Z")


def month(service: str, amount: str, number: int, **columns: str) -> Row:
    """Return a charge for a month."""
    start, end = (f"2025-{m:02d}-01T00:00:00Z" for m in (number, number + 1))
    return charge(service, amount, start, end, **columns)


LINES = [
    *(day(date(2025, 7, 1) + timedelta(days=at)) for at in range(104)),
    *(month("fee", "60", number) for number in (7, 8, 9)),
    month("tax", "20", 9, ChargeCategory="Tax"),
    month("promotion", "-15", 9, ChargeCategory="Credit"),
    charge("compute", "100", "2025-09-05T00:00:00Z", "2025-09-06T00:00:00Z", BillingCurrency="EUR"),
]
"""Daily charges go to the twelfth of October; the fee of October is not billed yet."""


@pytest.fixture(scope="module", autouse=True)
def clock() -> Any:  # noqa: ANN401
    """Let it be the thirteenth of October 2025."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERCAPITA_NOW", "2025-10-13T06:00:00Z")
        yield


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory, clock: None) -> Path:  # noqa: ARG001
    """Give a project with budgets, run."""
    folder = write(tmp_path_factory.mktemp("budgets"), Inputs(MODEL, LINES, counts=HEADS))
    (folder / "budgets.yaml").write_text(BUDGETS, encoding="utf-8")
    (folder / "rates.csv").write_text("date,from,to,rate\n2025-09-05,EUR,USD,1.10\n", "utf-8")
    settings = folder / "percapita.yaml"
    settings.write_text(f"{settings.read_text('utf-8')}rates: rates.csv\n", "utf-8")
    ask(folder, "run")
    return folder


def budget(shop: Path, name: str, period: str = "2025-09") -> dict[str, Any]:
    """Return one budget in one month as JSON carries it."""
    found: list[dict[str, Any]] = ask(shop, f"budget --period {period}")["budgets"]
    return next(one for one in found if one["budget"] == name)


def test_what_is_not_billed_yet_is_forecast(shop: Path) -> None:
    """Open days cost what their weekday did, a fee comes again; so the month is known ahead."""
    october = budget(shop, "all", "2025-10")

    assert (october["actual"], october["through"]) == ("96.00", "2025-10-13")
    assert (october["to_come"], october["forecast"]) == ("226.00", "322.00")
    assert (october["variance"], october["status"]) == ("-8.00", "within")
    assert (october["complete"], october["causes"]) == (False, {})


def test_a_forecast_tells_how_good_it_was_before(shop: Path) -> None:
    """From the same day of September the dear Friday would have come twice more: 55 of 362."""
    october = budget(shop, "all", "2025-10")

    assert (october["tested_months"], october["missed_percent"]) == (3, "15.193370165746")
    assert (Decimal(october["low"]), october["high"]) == (
        Decimal("259.537688442211055276"),
        "322.00",
    )


def test_the_current_month_is_told_unless_said(shop: Path) -> None:
    """Without a period it is the month of the clock, each budget that has an amount for it."""
    found = ask(shop, "budget")["budgets"]

    assert [(one["budget"], one["month"], one["status"]) for one in found] == [
        ("all", "2025-10", "within"), ("fees", "2025-10", "will be over"),
    ]  # fmt: skip


def test_causes_sum_to_the_variance(shop: Path) -> None:
    """Rates, kinds of charge, more units and what each cost: all of it, to the last digit."""
    september = budget(shop, "all")

    assert (september["planned"], september["actual"]) == ("400.00", "427.00")
    assert september["causes"] == {
        "currency": "5.00", "credits": "-5.00", "tax": "-5.00", "volume": "96.25", "rate": "-64.25",
    }  # fmt: skip
    assert sum(map(Decimal, september["causes"].values())) == Decimal(september["variance"])
    assert (september["planned_units"], september["units"]) == (4, 5)


def test_a_plan_by_segment_tells_volume_from_mix(shop: Path) -> None:
    """One more unit is volume; that it is a dear one is mix; what is left is rate."""
    september = budget(shop, "to serve")

    assert september["planned"] == "400.00"
    assert september["causes"] == {"volume": "100.00", "mix": "240.00", "rate": "-313.00"}


def test_lines_are_told_by_match(shop: Path) -> None:
    """A budget may be for any lines of the bill; one that is kept has no causes."""
    taxes = budget(shop, "taxes")

    assert (taxes["actual"], taxes["status"], taxes["causes"]) == ("20.00", "within", {})


def test_a_restated_closed_month_is_a_cause(tmp_path: Path, shop: Path) -> None:
    """What came late for a closed month counts in the month it is booked in, as its own cause."""
    lines = [*LINES, charge("compute", "7", "2025-08-05T00:00:00Z", "2025-08-06T00:00:00Z")]
    folder = write(tmp_path / "p", Inputs(MODEL, LINES, counts=HEADS))
    for name in ("budgets.yaml", "rates.csv", "percapita.yaml"):
        (folder / name).write_text((shop / name).read_text("utf-8"), "utf-8")
    ask(folder, "run")
    ask(folder, "close 2025-08")
    (folder / "bill.csv").write_text(bill(lines), "utf-8")
    ask(folder, "run")

    assert budget(folder, "all", "2025-08")["actual"] == "310.00"
    september = budget(folder, "all")
    assert (september["actual"], september["causes"]["restatements"]) == ("434.00", "7.00")
    assert sum(map(Decimal, september["causes"].values())) == Decimal(september["variance"])


def test_the_terminal_shows_the_same(shop: Path) -> None:
    """Planned, actual and forecast stand side by side, then how far the bill goes, then causes."""
    said = call("budget", "--project", shop, "--period", "2025-09..2025-10")

    assert said.code == 0
    assert "fees, 2025-10: not billed yet; 60.00 to come." in said.out
    assert "all, 2025-10: billed before 2025-10-13; 226.00 to come." in said.out
    assert "volume: 5 units, 4 planned" in said.out
    assert "currency" in said.out


def test_csv_has_a_column_for_each_cause(shop: Path) -> None:
    """A row per budget and month, for a spreadsheet."""
    said = call("budget", "--project", shop, "--period", "2025-09", "--format", "csv")
    header, first = (line.split(",") for line in said.out.splitlines()[:2])

    row = dict(zip(header, first, strict=True))
    assert (row["budget"], row["volume"], row["mix"]) == ("all", "96.25", "")


def test_a_budget_that_breaks_can_stop_a_pipeline(shop: Path) -> None:
    """``--fail-on-over`` leaves with 1 where a budget is exceeded, or will be."""
    assert call("budget", "--project", shop, "--fail-on-over").code == 1
    kept = call("budget", "--project", shop, "--period", "2025-07", "--fail-on-over")
    assert kept.code == 0


def test_check_tells_what_breaks(shop: Path) -> None:
    """A budget that will not hold is a finding, with what it will be over by."""
    found = {one["code"]: one for one in ask(shop, "check")["findings"]}

    assert (found["budget-forecast"]["where"], found["budget-forecast"]["amount"]) == (
        "fees", "10.00",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("[{budget: a, amounts: {2025: 12, 2025-10: 1}}]", "2025-10 has two amounts"),
        ("[{budget: a, amounts: {2025-10-05: 12}}]", "'2025-10-05' is not whole months"),
        ("[{budget: a}]", "A budget needs amounts or plan, one of them"),
        ("[{budget: a, plan: {P: {units: 1, cost: 2}}}]", "A plan needs the keys by and period"),
        ("[{budget: a, amounts: {2025: 12}, by: tier}]", "by and period are for a plan"),
        ("[{budget: a, amounts: {2025: 12}, expects: {rent: 2}}]", "Known: corrections, credits"),
        ("[{budget: a, amounts: {2025: 12}, pools: [fee]}]", "no pool 'fee'"),
        ("[{budget: a, period: 2025, by: teir, plan: {P: {units: 1, cost: 2}}}]", "'teir'"),
        ("[{budget: a, amounts: {2025: 12}}]\ncurrency: EUR", "is in EUR, the model counts in USD"),
        ("[{budget: a, amounts: {2031: 12}}]", "No budget has an amount for"),
    ],
)
def test_a_wrong_file_is_an_error_that_says_why(
    shop: Path, tmp_path: Path, text: str, message: str
) -> None:
    """What cannot be meant is refused, with what to write instead."""
    path = tmp_path / "wrong.yaml"
    path.write_text(f"budgets: {text}\n", "utf-8")
    settings = shop / "percapita.yaml"
    before = settings.read_text("utf-8")
    settings.write_text(f"{before}budgets: {path}\n", "utf-8")
    try:
        said = call("budget", "--project", shop)
    finally:
        settings.write_text(before, "utf-8")

    assert said.code == 2
    assert message in said.err


def test_without_a_file_there_is_a_hint(tmp_path: Path) -> None:
    """The error says what to write."""
    folder = write(tmp_path / "p", Inputs(MODEL, LINES[:3]))
    ask(folder, "run")
    said = call("budget", "--project", folder)

    assert said.code == 2
    assert "budgets: [{budget: Platform" in said.err
