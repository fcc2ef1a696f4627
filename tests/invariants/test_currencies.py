"""Several currencies in one bill: original amounts, exact conversion, nothing mixed in silence."""

from __future__ import annotations

from decimal import Decimal
from pathlib import Path

import pytest

from invariants.folder import Inputs, Row, amounts, ask, call, charge, closes, table, usage, write
from percapita.project import Project
from percapita.report.cost import kept
from percapita.report.opened import open_figures

MODEL = """
version: 1
currency: USD
units: {active user: {subject: user}}
segments: {tier: {from: users.plan}}
credits: follow
pools:
  - {pool: db, match: {ServiceName: db}, by: queries, grain: month}
  - {pool: ai, match: {x_OriginalCurrency: Tokens}, by: queries, grain: month}
"""
OCTOBER = ("2025-10-01T00:00:00Z", "2025-11-01T00:00:00Z")
FOURTH = ("2025-10-04T00:00:00Z", "2025-10-05T00:00:00Z")
THIRD = "0.333333333333333333"
LINES = [
    charge("db", "10", *OCTOBER),
    charge("db", "7.77", *OCTOBER, BillingCurrency="EUR", ResourceId="eu-1"),
    charge("ml", "1200", *FOURTH, BillingCurrency="Tokens"),
    *(charge("db", THIRD, *FOURTH, BillingCurrency="EUR", ResourceId=f"r{n}") for n in range(5)),
]
USED = usage(("2025-10", "queries", "ann", 3), ("2025-10", "queries", "bob", 4))
RATES = """\
date,from,to,rate,until
2025-10-03,EUR,USD,1.0842,
2025-10-31,EUR,USD,1.091234567,
2025-01-01,Tokens,USD,0.002,2025-12-31
"""
DUE = (
    Decimal(10) + Decimal("7.77") * Decimal("1.091234567") + Decimal("2.4")
    + Decimal(THIRD) * 5 * Decimal("1.0842")
)  # fmt: skip


def project(folder: Path, lines: list[Row], rates: str = RATES) -> Path:
    """Write a project with a table of rates."""
    write(folder, Inputs(MODEL, lines, USED))
    (folder / "rates.csv").write_text(rates, encoding="utf-8")
    with (folder / "percapita.yaml").open("a", encoding="utf-8") as file:
        file.write("rates: rates.csv\n")
    return folder


def converted(folder: Path) -> dict[str, Row]:
    """Return the lines of October as the last run saw them, by resource or service."""
    run = ask(folder, "runs")[-1]["run"]
    rows = ask(folder, f"lines --period 2025-10 --run {run}")
    return {row["ResourceId"] or row["ServiceName"]: row for row in rows}


@pytest.fixture(scope="module")
def shop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a project that was run over bills in dollars, euros and tokens. Nobody may change it."""
    folder = project(tmp_path_factory.mktemp("currencies"), LINES)
    ask(folder, "run", "--basis", "billed")
    return folder


def test_a_line_keeps_what_it_said_and_gets_the_product(shop: Path) -> None:
    """Amount, currency, rate and its day stand on the line; the cost is their product."""
    lines = converted(shop)

    euro = lines["eu-1"]
    assert euro["EffectiveCost"] == "8.47889258559"
    assert euro["BillingCurrency"] == "USD"
    assert {k: v for k, v in euro.items() if k.startswith(("Original", "Exchange"))} == {
        "OriginalCurrency": "EUR", "ExchangeRate": "1.091234567", "ExchangeRateDay": "2025-10-31",
        **dict.fromkeys(("OriginalBilledCost", "OriginalEffectiveCost", "OriginalContractedCost",
                         "OriginalListCost"), "7.77"),
    }  # fmt: skip
    assert lines["ml"]["EffectiveCost"] == "2.40"
    assert lines["r0"]["EffectiveCost"] == "0.3614"
    assert lines["db"]["OriginalCurrency"] is None


def test_the_day_is_the_last_one_of_the_charge_in_the_models_zone(tmp_path: Path) -> None:
    """A charge that ends at 23:00 UTC on the third ends on the fourth in Berlin."""
    late = charge("db", "1", "2025-10-03T22:00:00Z", "2025-10-03T23:00:00Z", BillingCurrency="EUR")
    rates = "date,from,to,rate\n2025-10-03,EUR,USD,2\n2025-10-04,EUR,USD,3\n"
    for zone, cost in (("UTC", "2.00"), ("Europe/Berlin", "3.00")):
        folder = project(tmp_path / zone.replace("/", "-"), [late], rates)
        model = MODEL.replace("currency: USD", f"currency: USD\ntimezone: {zone}")
        (folder / "model.yaml").write_text(model, encoding="utf-8")
        ask(folder, "run")

        assert converted(folder)["db"]["EffectiveCost"] == cost


def test_the_bill_is_the_rounded_sum_of_exact_products(shop: Path) -> None:
    """What rounding took from the lines of a currency is a line of its own, and the sum closes."""
    for basis in ("effective", "billed"):
        statement = ask(shop, f"reconcile --basis {basis}")

        assert Decimal(statement["bill_total"]) == DUE.quantize(Decimal("1e-18"))
        assert statement["difference"] == "0.00"
        assert Decimal(statement["rounding"]) == DUE.quantize(Decimal("1e-18")) - sum(
            (Decimal(c["converted"]) for c in statement["conversions"] if c["rate"]), Decimal(10)
        )
        assert Decimal(statement["rounding"]) < 0


def test_reconcile_shows_original_times_rate(shop: Path) -> None:
    """Each month, currency and rate is a row: its sums multiply out but for the rounding."""
    rows = ask(shop, "reconcile")["conversions"]

    rated = [row for row in rows if row["rate"]]
    assert [(row["currency"], row["rate"], row["original"]) for row in rated] == [
        ("EUR", "1.0842", "1.666666666666666665"), ("EUR", "1.091234567", "7.77"),
        ("Tokens", "0.002", "1200.00"),
    ]  # fmt: skip
    for row in rated:
        product = Decimal(row["original"]) * Decimal(row["rate"])
        assert product + Decimal(row["rounding"]) == Decimal(row["converted"])
    (rounding,) = [row for row in rows if row["rate"] is None]
    assert rounding["currency"] == "EUR"
    assert "1.0842 to 1.091234567" in call("reconcile", "--project", shop).out


def test_cost_is_in_one_currency_and_a_model_can_match_the_original(shop: Path) -> None:
    """Users get converted cost, and a pool can be of one currency's lines."""
    by_pool = ask(shop, "cost --by pool")

    assert closes(by_pool)
    assert amounts(by_pool["rows"], "pool")["ai"] == Decimal("2.4")
    assert by_pool["meta"]["currency"] == "USD"


def test_sources_shows_what_the_files_say(shop: Path) -> None:
    """Original sums stay apart, one a currency."""
    (bill,) = [one for one in ask(shop, "sources") if one["kind"] == "bill"]

    assert {name: sums["effective"] for name, sums in bill["sums"].items()} == {
        "EUR": "9.436666666666666665", "Tokens": "1200.00", "USD": "10.00",
    }  # fmt: skip


def test_explain_says_where_an_amount_comes_from(shop: Path) -> None:
    """A line explained upward names its own amount, the rate and the rate's day."""
    line = converted(shop)["eu-1"]["LineId"]

    found = ask(shop, f"explain --line {line}")
    assert found["line"]["original"] == {
        "currency": "EUR", "amount": "7.77", "rate": "1.091234567", "rate_day": "2025-10-31",
    }  # fmt: skip
    text = call("explain", "--line", line, "--project", shop).out
    assert "converted from 7.77 EUR at 1.091234567" in text


def test_the_rounding_line_can_be_explained(shop: Path) -> None:
    """The line that no file holds goes to the pool of its name."""
    (line,) = [one for one in converted(shop).values() if one["source"] == "percapita"]

    found = ask(shop, f"explain --line {line['LineId']}")
    assert {part["pool"] for part in found["parts"]} == {"rounding"}
    assert found["total"] == line["EffectiveCost"]


def test_missing_rates_stop_the_run_and_are_all_named(tmp_path: Path) -> None:
    """Every currency and day without a rate is listed with its lines; nothing is published."""
    folder = project(tmp_path, LINES, "date,from,to,rate\n2025-10-31,USD,EUR,0.9\n")

    said = call("run", "--project", folder)
    assert said.code == 2
    assert "7 lines are in EUR, Tokens, the model is in USD" in said.err
    assert "USD to EUR, which is never turned round" in said.err
    assert "EUR on 2025-10-04: 5 lines of bill" in said.err
    assert "EUR on 2025-10-31: 1 line of bill" in said.err
    assert "Tokens on 2025-10-04: 1 line of bill" in said.err
    assert ask(folder, "runs") == []


def test_a_changed_rate_moves_its_lines_alone(tmp_path: Path) -> None:
    """Without a new import, lines of that rate are converted anew and no other one moves."""
    folder = project(tmp_path, LINES)
    ask(folder, "run")
    before = converted(folder)
    (folder / "rates.csv").write_text(RATES.replace("1.0842", "1.2"), encoding="utf-8")
    ask(folder, "run", "--no-import")

    after = converted(folder)
    moved = {name for name in before if name != "" and before[name] != after.get(name)}
    assert moved == {"r0", "r1", "r2", "r3", "r4"}
    assert after["r0"]["EffectiveCost"] == "0.40"
    assert ask(folder, "reconcile")["difference"] == "0.00"
    (move,) = ask(folder, "history 2025-10")["moves"]
    assert {one["cause"] for one in move["causes"]} == {"currency"}
    first = ask(folder, "reconcile --run r000001")
    assert Decimal(first["bill_total"]) == DUE.quantize(Decimal("1e-18"))


def test_a_credit_in_another_currency_follows_its_charge(tmp_path: Path) -> None:
    """Amounts are converted before credits are cut: 6 dollars go over 10 and 30 dollars."""
    rows = [
        charge("db", "10", *FOURTH, ResourceId="a", SkuId="s"),
        charge("web", "10", *FOURTH, ResourceId="b", BillingCurrency="EUR"),
        charge("web", "-2", *FOURTH, ChargeCategory="Credit", BillingCurrency="EUR"),
    ]
    folder = project(tmp_path, rows, "date,from,to,rate\n2025-10-04,EUR,USD,3\n")
    ask(folder, "run")

    pools = {row["pool"]: Decimal(row["bill_total"]) for row in ask(folder, "reconcile")["pools"]}
    assert pools == {"db": Decimal("8.5"), "unallocated": Decimal("25.5")}


def test_one_currency_pays_nothing(tmp_path: Path) -> None:
    """Where every line is in the model's currency no rate is read and nothing is written."""
    folder = project(tmp_path, [charge("db", "10", *OCTOBER)], "no table of rates at all")
    ask(folder, "run")

    assert ask(folder, "reconcile")["conversions"] == []
    assert not list((folder / ".percapita").rglob("*conversions*/*/*/*.parquet"))


EARNED = [
    {"user": "ann", "period": "2025-10", "amount": "100", "currency": "USD"},
    {"user": "bob", "period": "2025-10", "amount": "30.03", "currency": "EUR"},
    {"user": "bob", "start": "2025-10-01", "end": "2026-10-01", "amount": "365", "currency": "EUR"},
]


def test_revenue_is_converted_at_the_same_rates(tmp_path: Path) -> None:
    """A month's is worth what the rate of its last day says, a year's that of its first month."""
    folder = project(tmp_path / "p", LINES)
    (folder / "revenue.csv").write_text(table(EARNED), encoding="utf-8")
    settings = (folder / "percapita.yaml").read_text("utf-8")
    source = "  revenue: {kind: revenue, path: revenue.csv}\nrates:"
    (folder / "percapita.yaml").write_text(settings.replace("rates:", source), "utf-8")
    ask(folder, "run")
    rate = Decimal("1.091234567")
    totals = ask(folder, "cost --period 2025-10")["totals"]

    assert Decimal(totals["revenue"]) == Decimal(100) + (Decimal("30.03") + Decimal(31)) * rate


def test_a_kept_answer_follows_the_rates(tmp_path: Path) -> None:
    """A statement that pages keep is worked out anew once a rate of its revenue is another."""
    folder = project(tmp_path / "p", LINES)
    (folder / "revenue.csv").write_text(table(EARNED), encoding="utf-8")
    settings = (folder / "percapita.yaml").read_text("utf-8")
    source = "  revenue: {kind: revenue, path: revenue.csv}\nrates:"
    (folder / "percapita.yaml").write_text(settings.replace("rates:", source), "utf-8")
    ask(folder, "run")

    def revenue() -> str:
        opened = Project.open(folder)
        with opened.store(create=False, threads=1) as store:
            figures = open_figures(store, now=opened.now)
            return str(kept.statement(figures, ["tier"], "2025-10")["totals"]["revenue"])

    before = revenue()
    assert revenue() == before
    (folder / "rates.csv").write_text(RATES.replace("1.091234567", "2.182469134"), encoding="utf-8")
    assert Decimal(revenue()) > Decimal(before)


def test_revenue_without_a_rate_is_an_error(tmp_path: Path) -> None:
    """Where rates are named, a missing one is told by currency and day; nothing is left out."""
    folder = project(tmp_path / "p", [charge("db", "10", *OCTOBER)])
    (folder / "revenue.csv").write_text(table(EARNED[:2]), encoding="utf-8")
    (folder / "rates.csv").write_text("date,from,to,rate\n2025-09-01,EUR,USD,1\n", "utf-8")
    settings = (folder / "percapita.yaml").read_text("utf-8")
    source = "  revenue: {kind: revenue, path: revenue.csv}\nrates:"
    (folder / "percapita.yaml").write_text(settings.replace("rates:", source), "utf-8")
    ask(folder, "run")
    said = call("cost", "--project", folder, "--period", "2025-10")

    assert said.code == 2
    assert "1 payments are in EUR, the model is in USD" in said.err
    assert "EUR on 2025-10-31" in said.err


def test_a_changed_rate_restates_a_closed_month(tmp_path: Path) -> None:
    """The rate alone moved: the difference is booked in the next month, once, as currency."""
    november = charge("db", "1", "2025-11-01T00:00:00Z", "2025-12-01T00:00:00Z")
    folder = project(tmp_path / "p", [*LINES, november])
    ask(folder, "run")
    ask(folder, "close 2025-10")
    (folder / "rates.csv").write_text(RATES.replace("1.091234567", "1.2"), "utf-8")
    ask(folder, "run")
    moved = Decimal("7.77") * (Decimal("1.2") - Decimal("1.091234567"))
    booked = [r for r in ask(folder, "ledger --period 2025-11") if r["status"] == "adjustment"]

    assert sum((Decimal(row["amount"]) for row in booked), Decimal(0)) == moved
    (move,) = ask(folder, "history 2025-10")["moves"]
    assert [cause["cause"] for cause in move["causes"]] == ["currency"]
    assert call("reconcile", "--project", folder).code == 0
    runs = len(ask(folder, "runs"))
    ask(folder, "run")
    assert len(ask(folder, "runs")) == runs + 1


def test_a_rate_that_is_gone_restates_nothing(tmp_path: Path) -> None:
    """A closed month stands where its rate was dropped from the table since."""
    folder = project(tmp_path / "p", LINES)
    ask(folder, "run")
    ask(folder, "close 2025-10")
    (folder / "rates.csv").write_text("date,from,to,rate\n", "utf-8")
    said = call("run", "--project", folder)

    assert said.code == 2
    assert "neither its inputs nor its exchange rates changed since" in said.err
