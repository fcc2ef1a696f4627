"""Cuts of a run with users: every one of them sums to the same bill."""

from __future__ import annotations

from decimal import Decimal
from itertools import combinations
from pathlib import Path

import pytest

from figures.asking import Asking, asking
from figures.shop import ANN, BEN, MODEL, TENANT, day, october
from figures.world import NOW, Part, To, World, open_store
from percapita.core.errors import InputError, ProofError
from percapita.core.subjects import UNALLOCATED
from percapita.measure.question import ask
from percapita.report.cost import as_json as cost_json
from percapita.report.cost.answer import Answer, spread
from percapita.report.opened import NoPeriodError, open_figures
from percapita.store import Store

CUTS = ("tier", "user", "tenant", "pool", "feature", "service", "account", "day", "month",
        "owner", "class", "billing_period", "tags.team", "source")  # fmt: skip
PAIRED = ("tier", "user", "feature", "service", "day", "pool")
TAX = Decimal("30.000000000000000001")


def costs(found: Answer) -> dict[tuple[str | None, ...], Decimal]:
    """Return the total of each row."""
    return {row.key: row.cost.total for row in found.figures.rows}


@pytest.mark.parametrize("by", [*((cut,) for cut in CUTS), *combinations(PAIRED, 2)])
def test_no_cut_changes_the_total(shop: Asking, by: tuple[str, ...]) -> None:
    """Whatever the rows, they and the named lines are the bill, and the named lines stay."""
    found = shop(*by, period="2025-10").figures

    assert found.bill_total == Decimal(427) + TAX
    assert found.totals.cost.total == Decimal(284) + TAX
    assert {name: int(amount) for name, amount in found.named.items() if amount} == {
        "idle": 32, "anonymous": 32, "bots": 32, "excluded": 40, "unallocated": 7,
    }  # fmt: skip


def test_a_day_of_a_month_that_was_split_once_is_exact(shop: Asking) -> None:
    """Lines of a day are crossed with the month's receivers; both months' days sum up."""
    days = costs(shop("day", "tier", period="2025-10"))

    assert days["2025-10-04", "Free"] == Decimal(22)
    assert days["2025-10-04", "Pro"] == Decimal(45)
    assert days["2025-10-05", "Pro"] == Decimal(10)
    # The running total cannot be cut finer than an atom: one day takes what is left.
    by_day = sum(amount for (when, _), amount in days.items() if when != "2025-10-31")
    assert by_day + days["2025-10-31", "Pro"] + days["2025-10-31", "Free"] == 284 + TAX


def test_a_period_cuts_groups_by_the_days_of_their_lines(shop: Asking) -> None:
    """Two days hold their own lines' parts of the month, and the bill is of these days."""
    found = shop("tier", period="2025-10-04..2025-10-05").figures

    assert found.bill_total == Decimal(137)
    assert {row.key[0]: row.cost.total for row in found.rows} == {
        "Pro": Decimal(55), "Free": Decimal(26),
    }  # fmt: skip


def test_days_are_those_of_the_models_zone(shop: Asking) -> None:
    """A charge of the evening in New York is not the next day's."""
    assert ("2025-10-31",) in costs(shop("day"))
    assert ("2025-11-01",) not in costs(shop("day"))


def test_a_user_who_upgrades_is_in_both_tiers(shop: Asking) -> None:
    """The total counts each user once; the overlap is its own number."""
    found = shop("tier", period="2025-10").figures

    assert {row.key[0]: row.units for row in found.rows} == {"Pro": 2, "Free": 1}
    assert (found.totals.units, found.overlap) == (2, 1)


def test_each_window_counts_anew(shop: Asking) -> None:
    """A month's cost per daily user is divided by user-days; a quarter has user-months."""
    assert shop(period="2025-10", unit="daily user").figures.totals.units == 4
    assert shop(period="2025-Q4").figures.totals.units == 4
    assert shop(period="2025-10").figures.totals.units == 2


def test_metered_units_sum(shop: Asking) -> None:
    """Requests are added, not counted."""
    found = shop("tier", period="2025-10", unit="request").figures

    assert {row.key[0]: row.units for row in found.rows} == {"Pro": 70, "Free": 30}
    assert found.totals.units == 100


def test_method_decides_direct_shared_overhead(shop: Asking) -> None:
    """Tax is overhead; what drivers split is shared."""
    totals = shop(period="2025-10").figures.totals.cost

    assert (totals.direct, totals.shared, totals.overhead) == (Decimal(0), Decimal(284), TAX)


def test_a_tenant_is_not_known_below_itself(shop: Asking) -> None:
    """A tenant's cost stands under its name, and has no user."""
    by_tenant = cost_json.statement(shop("tenant", period="2025-10"))
    by_user = cost_json.statement(shop("user", period="2025-10"))

    assert [row["tenant"] for row in by_tenant["rows"]] == [None, "acme"]
    (row,) = (row for row in by_user["rows"] if row["user"] is None)
    assert (row["total"], row["not_known_below"]) == ("20.00", "tenant")


def test_users_are_shown_by_pseudonym_and_found_by_name(shop: Asking) -> None:
    """Rows never show a user's id; a filter takes it as the user writes it."""
    rows = cost_json.statement(shop("user", period="2025-10"))["rows"]
    (ann,) = cost_json.statement(shop("user", period="2025-10", where=["user=ann"]))["rows"]

    assert ann["user"] in [row["user"] for row in rows]
    assert len(ann["user"]) == 32
    assert ann["total"] == "126.00"
    with pytest.raises(InputError, match="Nobody is known as 'nobody'"):
        shop("tier", where=["user=nobody"])


def test_a_feature_has_its_own_cost(shop: Asking) -> None:
    """Dimensions kept in the ledger cut it."""
    assert costs(shop("feature", period="2025-10"))["letters",] == Decimal(20)


def test_a_line_column_that_is_empty_is_stood_in_for(shop: Asking) -> None:
    """An account without a name goes by its id."""
    found = costs(shop("account", period="2025-10"))

    assert {key[0] for key in found} == {"a1", "Two", None}
    assert found["Two",] == Decimal(7)


def test_rows_that_are_cut_off_stay_in_sight(shop: Asking) -> None:
    """The dearest row, and one for all others: still the whole."""
    found = cost_json.statement(shop("user", period="2025-10", top=1))
    first, rest = found["rows"]

    assert (rest["other_rows"], rest["units"]) == (3, None)
    assert first["total"] == "136.000000000000000001"
    assert rest["total"] == "178.00"


def test_targets_light_up(shop: Asking) -> None:
    """A target of a segment is set beside its row, one of everyone beside the total."""
    found = cost_json.statement(shop("tier", period="2025-10"))
    pro = next(row for row in found["rows"] if row["tier"] == "Pro")

    assert pro["target"] == {
        "cost_per_unit": "20.00", "due": "2025-12-31", "status": "red", "over_percent": "475.00",
    }  # fmt: skip
    assert found["totals"]["target"]["status"] == "red"
    assert "target" not in cost_json.statement(shop("pool", period="2025-10"))["rows"][0]


def test_a_run_can_be_asked_by_name(shop_store: Store) -> None:
    """Figures of one run are its periods alone."""
    opened = open_figures(shop_store, now=NOW, run="r000002")

    assert opened.runs == {"2025-11": "r000002"}
    assert opened.label(None) == "2025-11"


def test_what_is_not_there_is_said(shop: Asking, shop_store: Store, tmp_path: Path) -> None:
    """A period, a basis or a store without figures stops with what there is."""
    with pytest.raises(NoPeriodError, match="Known: 2025-10, 2025-11"):
        shop(period="2026-01")
    with pytest.raises(InputError, match="percapita run --basis billed"):
        open_figures(shop_store, now=NOW, basis="billed")
    with open_store(tmp_path) as empty, pytest.raises(InputError, match="Type percapita run"):
        open_figures(empty, now=NOW)


def test_an_edited_model_is_noticed(shop_store: Store) -> None:
    """Figures that follow an older model say so."""
    (note,) = open_figures(shop_store, now=NOW, model_text=MODEL + "# more\n").notes

    assert "was edited since" in note


def test_the_spread_over_users(shop_store: Store) -> None:
    """Three users have cost, one of them without any activity; Acme is no user."""
    opened = open_figures(shop_store, now=NOW)
    question = ask(opened.model, period=opened.period("2025-10"), basis=opened.basis, top=2)
    found = cost_json.distribution(spread(opened, question))

    assert (found["subjects"], found["total"]) == (3, "294.000000000000000001")
    assert (found["min"], found["max"]) == ("32.00", "136.000000000000000001")
    assert found["dormant"] == {"subjects": 1, "total": "32.00"}
    assert [item["active_days"] for item in found["top"]] == [1, 3]


def test_a_metered_unit_has_no_spread(shop_store: Store) -> None:
    """Nobody is behind a request."""
    opened = open_figures(shop_store, now=NOW)

    with pytest.raises(InputError, match="metered"):
        spread(opened, ask(opened.model, unit="request"))


def test_a_damaged_run_is_refused(tmp_path: Path) -> None:
    """Rows and named lines that miss the bill's parts stop the statement."""
    world = october()
    world.rows["parts"][-1]["amount"] = "8"
    with open_store(tmp_path) as store:
        world.write(store)

        with pytest.raises(ProofError, match=r"the bill's parts to 458\.00"):
            asking(store)("tier")
        with pytest.raises(ProofError, match=r"Group 6 got 8\.00 and gave 7\.00"):
            asking(store)("service")


def test_the_free_tier_as_acquisition_is_outside_unit_cost(tmp_path: Path) -> None:
    """Its cost is a line of its own, its users are no units."""
    model = MODEL + "free tier: {treat: acquisition, segment: {tier: Free}}\n"
    with open_store(tmp_path) as store:
        october(model).write(store)

        found = asking(store)("tier", period="2025-10").figures

    assert {row.key[0]: (row.units, row.cost.total) for row in found.rows} == {
        "Pro": (2, Decimal(200) + TAX),
    }  # fmt: skip
    assert found.named["acquisition"] == Decimal(84)
    assert found.totals.units == 2


def test_a_bill_and_a_head_count_give_a_baseline(tmp_path: Path) -> None:
    """With nothing allocated, the whole bill is divided, and the numerator says so."""
    world = World(MODEL)
    world.line("all", "500", ServiceName="anything")
    to = [To(UNALLOCATED, 1)]
    world.group("unallocated", [Part("all", day(1), "500")], to, method="none")
    world.count(0, 40)
    with open_store(tmp_path) as store:
        world.write(store)

        found = cost_json.statement(asking(store)("tier"))

    assert found["meta"]["numerator"] == "unallocated baseline"
    assert found["totals"]["cost_per_unit"] == "12.50"
    assert found["totals"]["total"] == "0.00"
    assert found["rows"] == []


def test_revenue_follows_the_payer_through_an_upgrade(tmp_path: Path) -> None:
    """A month of 31 paid by a user who upgraded on the 11th is 10 Free and 21 Pro."""
    world = october()
    world.plan(ANN, "Free", None, day(11))
    world.plan(ANN, "Pro", day(11), None)
    world.plan(BEN, "Pro", None, None)
    world.pays(ANN, "31", day(1), day(1, 11))
    world.pays(BEN, "365", day(1, 1), day(1, 1).replace(year=2026))
    world.pays(TENANT - 1, "7", day(2), day(3))
    world.pays(BEN, "9", day(2), day(3), currency="EUR")
    with open_store(tmp_path) as store:
        world.write(store)

        found = asking(store)("tier", period="2025-10")
        daily = asking(store)("day", period="2025-10-10..2025-10-11")

    assert {row.key[0]: row.revenue for row in found.figures.rows} == {
        "Free": Decimal(10), "Pro": Decimal(21) + Decimal(31), None: Decimal(7),
    }  # fmt: skip
    assert found.figures.totals.revenue == Decimal(69)
    note = "Revenue in EUR is left out: the model counts in USD, and percapita.yaml names no rates."
    assert note in found.notes
    assert [row.revenue for row in daily.figures.rows] == [Decimal(2), Decimal(2)]
