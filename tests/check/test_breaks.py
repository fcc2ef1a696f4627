"""What broke from one time to the next is found, with evidence and money; the usual is not."""

from __future__ import annotations

import json
from datetime import date, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.measure import breaks
from percapita.measure.breaks import Estimated, Rate, Silence

FIRST = date(2025, 9, 1)


def rate(period: str, quantity: int, amount: str, price: str = "SKU-1") -> Rate:
    """Return a month of an object store's price."""
    return Rate(period, "Objects", price, "GB-Mo", Decimal(quantity), Decimal(amount))


def test_a_price_that_rose_at_constant_usage() -> None:
    """10 % more for a gigabyte, at 2 % more usage: what the rise cost is at stake."""
    (found,) = breaks.rate_jumps([rate("2025-09", 1000, "23.00"), rate("2025-10", 1020, "25.806")])

    assert (found.code, found.severity, found.where) == ("F7", "warning", "Objects")
    assert found.amount == Decimal("2.35")
    assert found.message == (
        "SKU-1 is 0.02530 per GB-Mo in 2025-10, 0.02300 in 2025-09: +10.0 %, at +2.0 % usage."
    )


@pytest.mark.parametrize(
    "months",
    [
        [rate("2025-09", 1000, "23"), rate("2025-10", 1000, "24")],
        [rate("2025-09", 1000, "23"), rate("2025-10", 2000, "60")],
        [rate("2025-09", 1000, "23"), rate("2025-10", 1000, "20")],
        [rate("2025-10", 1000, "23")],
        [rate("2025-08", 1000, "23"), rate("2025-09", 1000, "40"),
         rate("2025-10", 5, "5", "other")],
    ],
)  # fmt: skip
def test_no_jump(months: list[Rate]) -> None:
    """A small rise, moved usage, a fall, no month before, a jump of long ago: no finding."""
    assert breaks.rate_jumps(months) == []


def used(*, days: int = 30, **silent: int) -> dict[date, int]:
    """Return daily usage, a tenth of it at weekends; ``dN`` overrides a day."""
    found = {}
    for at in range(days):
        day = FIRST + timedelta(days=at)
        found[day] = silent.get(f"d{at}", 100 if day.weekday() > 4 else 1000)
    return {day: quantity for day, quantity in found.items() if quantity}


def test_silent_days_are_one_finding_with_their_cost() -> None:
    """Two days without a reading: named together, beside what their pools cost."""
    found = breaks.silences({("requests", ""): used(d21=0, d22=3)}, FIRST + timedelta(days=29))
    assert found == [Silence("requests", "", date(2025, 9, 22), date(2025, 9, 23), 1000)]

    (gap,) = breaks.gaps(found, {"requests": {date(2025, 9, 22): Decimal(30)}})
    assert (gap.code, gap.amount) == ("F9", Decimal(30))
    assert breaks.gaps(found, {}) == []


def test_weekends_and_new_meters_are_no_gap() -> None:
    """What is usual on that weekday is not silence, nor are the days before a meter began."""
    last = FIRST + timedelta(days=29)
    assert breaks.silences({("requests", ""): used()}, last) == []
    assert breaks.silences({("requests", ""): used(days=3)}, last) == []


def test_a_meter_that_stopped_is_silent_until_today() -> None:
    """Nothing at all since day 20: the gap goes on to the last day that has a bill."""
    found = breaks.silences({("requests", ""): used(days=20)}, FIRST + timedelta(days=24))
    assert [(one.first, one.last) for one in found] == [(date(2025, 9, 21), date(2025, 9, 25))]


def test_one_service_of_many_and_the_whole_are_said_once() -> None:
    """A service alone is named; where the whole meter is silent, its services are not."""
    last = FIRST + timedelta(days=29)
    whole, part = used(d22=0), used(d22=0)
    assert [s.service for s in breaks.silences({("r", ""): whole, ("r", "a"): part}, last)] == [""]
    assert [s.service for s in breaks.silences({("r", ""): used(), ("r", "a"): part}, last)] == [
        "a"
    ]


def test_a_sample_beside_the_total() -> None:
    """More than chance explains, and more than a twentieth: then it is a finding."""

    def found(estimate: int, half: int) -> list[str]:
        one = Estimated("requests", "api", Decimal(estimate), Decimal(half), Decimal(1000), "edge")
        return [each.message for each in breaks.astray([one])]

    assert found(1040, 5) == []
    assert found(1200, 150) == []
    (said,) = found(1200, 50)
    assert said == (
        "The sample adds up to 1,200 ± 50, edge counted 1,000: +20.0 %, more than chance explains."
    )


BILL = (
    "BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,BillingPeriodStart,"
    "BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId,SkuId,PricingQuantity,PricingUnit"
)


def company(folder: Path, *silent: int) -> None:
    """Make a project of two months, with bill and usage; some days have no usage."""
    assert run(["init", str(folder)]) == 0
    (folder / "model.yaml").write_text(
        "currency: USD\npools:\n  - {pool: web, match: {ServiceName: Web}, by: requests}\n"
    )
    lines, rows = [BILL], ["hour,subject,subject_kind,meter,quantity"]
    for at in range(61):
        day = FIRST + timedelta(days=at)
        month, after = f"{day:%Y-%m}-01", "2025-11-01" if day.month == 10 else "2025-10-01"
        cost = 10 if day.month == 9 else 12
        starts, ends = f"{day}T00:00:00Z", f"{day + timedelta(days=1)}T00:00:00Z"
        span = f"{starts},{ends},{month}T00:00:00Z,{after}T00:00:00Z"
        lines.append(f"USD,{cost},{cost},{span},Usage,Web,a,SKU-1,100,h")
        if at not in silent:
            rows.append(f"{day}T08:00Z,ann,user,requests,50")
    for name, text in (("bill", lines), ("usage", rows)):
        (folder / f"{name}.csv").write_text("\n".join(text) + "\n")
        assert run(["import", str(folder / f"{name}.csv"), "--project", str(folder)]) == 0
    assert run(["run", "--project", str(folder)]) == 0


def test_check_finds_them(tmp_path: Path, capsys: pytest.CaptureFixture[str],
                          monkeypatch: pytest.MonkeyPatch) -> None:  # fmt: skip
    """From a bill and usage to the findings of ``check``: a gap of a day, and a dearer SKU."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T00:00:00Z")
    company(tmp_path, 40)
    capsys.readouterr()
    run(["check", "--format", "json", "--project", str(tmp_path)])
    data: Any = json.loads(capsys.readouterr().out)
    found = {one["code"]: one for one in data["findings"]}

    assert (found["F9"]["where"], found["F9"]["amount"]) == ("requests", "12.00")
    assert "on 2025-10-11;" in found["F9"]["message"]
    assert found["F7"]["amount"] == "62.00"


def test_findings_without_a_period_are_told_one_by_one(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A meter with two gaps: each stands in the text of ``check`` with its days and its money."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T00:00:00Z")
    company(tmp_path, 40, 50)
    capsys.readouterr()

    assert run(["check", "--project", str(tmp_path)]) == 0
    told = " ".join(capsys.readouterr().out.split())
    assert "on 2025-10-11;" in told
    assert "on 2025-10-21;" in told
