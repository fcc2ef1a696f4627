"""Lint: a sound model is held against the data there is."""

from __future__ import annotations

from pathlib import Path

import pytest

from percapita.model.codes import WARNINGS
from percapita.model.lint import lint
from percapita.model.load import loads
from percapita.model.spec import Model

SHOP = loads((Path(__file__).parent / "shop.yaml").read_text())
METERS = {
    "requests", "storage.bytes", "db.queries", "db.capacity", "db.used", "db.hours", "cpu",
    "tickets",
}  # fmt: skip
TAGS = {"Environment", "CustomerID", "k8s-cluster"}


def model_of(pools: str, head: str = "") -> Model:
    """Load a model of these pools."""
    return loads(f"currency: USD\n{head}pools:\n{pools}")


def warnings(model: Model, **seen: object) -> list[str]:
    """Return lint's warnings as code and text."""
    found = lint(model, **seen)  # type: ignore[arg-type]
    return [f"{problem.code} {problem}" for problem in found]


def test_model_that_fits_its_data_has_no_warning() -> None:
    """Where every name is answered to, there is nothing to say."""
    found = lint(
        SHOP,
        meters=METERS,
        tags=TAGS,
        columns={"x_component"},
        sources={"users", "desk"},
        attributes={"users": {"plan", "signup"}},
    )

    assert found == []


def test_unknown_data_is_not_judged() -> None:
    """What is not known about the data is not looked at."""
    assert lint(SHOP) == []


@pytest.mark.parametrize(
    ("missing", "places"),
    [
        ("requests", ["7:26"]),
        ("storage.bytes", ["18:50"]),
        ("db.queries", ["23:17"]),
        ("db.capacity", ["27:22", "28:34"]),
        ("db.used", ["27:41"]),
        ("db.hours", ["29:19"]),
        ("cpu", ["36:33", "39:9"]),
        ("tickets", ["42:16"]),
    ],
)
def test_meters_nobody_reports(missing: str, places: list[str]) -> None:
    """A meter without readings is named wherever the model uses it; active never is."""
    found = lint(SHOP, meters=METERS - {missing})

    assert {"unknown-meter"} == {problem.code for problem in found}
    assert {f"No reading of the meter {missing!r} was imported."} == {p.message for p in found}
    assert len(places) == len(found)
    assert sorted(places) == sorted(p.where.removeprefix("model.yaml:") for p in found)


def test_nearest_meter_is_named() -> None:
    """The hint names the meter that was probably meant."""
    model = model_of("  - {pool: db, by: db.querys}\n")

    assert warnings(model, meters={"db.queries", "cpu"}) == [
        (
            "unknown-meter model.yaml:3:20: No reading of the meter 'db.querys' was imported."
            " Did you mean db.queries?"
        )
    ]


def test_built_in_meter_says_what_brings_it() -> None:
    """A known meter without readings says where they come from; a wrong name, which was meant."""
    model = model_of(
        "  - {pool: db, match: {ServiceName: db}, by: db.queries}\n"
        "  - {pool: web, by: request.secs}\n"
    )

    assert warnings(model, meters=set()) == [
        (
            "unknown-meter model.yaml:3:46: No reading of the meter 'db.queries' was imported."
            " percapita serve takes it from spans; none that fit have come."
        ),
        (
            "unknown-meter model.yaml:4:21: No reading of the meter 'request.secs' was imported."
            " Did you mean requests or request.time?"
        ),
    ]


def test_tags_nobody_carries() -> None:
    """A tag that no line carries is named in match, direct and within."""
    assert warnings(SHOP, tags={"environment"}) == [
        (
            "unknown-tag model.yaml:14:13: No bill line carries the tag 'Environment'."
            " Did you mean environment?"
        ),
        (
            "unknown-tag model.yaml:17:13: No bill line carries the tag 'CustomerID'."
            " Known: environment."
        ),
        (
            "unknown-tag model.yaml:18:22: No bill line carries the tag 'CustomerID'."
            " Known: environment."
        ),
        (
            "unknown-tag model.yaml:25:45: No bill line carries the tag 'k8s-cluster'."
            " Known: environment."
        ),
    ]


@pytest.mark.parametrize("columns", [{"x_part"}, {"part"}])
def test_columns_no_line_has(columns: set[str]) -> None:
    """A column of the bill's own is known by its name with x_ or without."""
    model = model_of("  - {pool: a, match: {x_part: b}}\n  - {pool: c, match: {x_prt: b}}\n")

    assert warnings(model, columns=columns) == [
        "unknown-column model.yaml:4:23: No bill line has a column 'x_prt'. Did you mean x_part?"
    ]


def test_sources_that_do_not_exist() -> None:
    """Sources of segments and of match are held against the project's; patterns are not."""
    model = model_of(
        "  - {pool: a, match: {source: [dsk, 'des*']}}\n",
        head="segments:\n  tier: {from: user.plan}\n  plan: {}\n",
    )

    assert warnings(model, sources={"desk", "users"}) == [
        (
            "unknown-source model.yaml:3:16: There is no source 'user' in the project."
            " Did you mean users?"
        ),
        (
            "unknown-source model.yaml:6:31: There is no source 'dsk' in the project."
            " Did you mean desk?"
        ),
    ]


def test_attributes_a_source_does_not_have() -> None:
    """A column is missing only if its source was imported."""
    text = "currency: USD\nsegments:\n  a: {from: users.plam}\n  b: {from: crm.x}\n"
    model = loads(text)

    assert warnings(model, attributes={"users": {"plan"}}) == [
        (
            "unknown-attribute model.yaml:3:13: The source 'users' has no column 'plam'."
            " Did you mean plan?"
        )
    ]


def test_pools_no_line_reaches() -> None:
    """A pool under one that takes all of its lines is named, with the line to move it above."""
    model = model_of(
        "  - {pool: a, match: {ServiceName: x}}\n"
        "  - {pool: b, match: {ServiceName: x, RegionId: y}}\n"
        "  - {pool: c, match: {RegionId: y}}\n"
        "  - {pool: all}\n"
        "  - {pool: d, match: {ServiceName: z}}\n"
    )

    assert warnings(model) == [
        (
            "unreachable-pool model.yaml:4:5: No line reaches the pool 'b': 'a' takes them all."
            " Move it above line 3, or narrow that pool's match."
        ),
        (
            "unreachable-pool model.yaml:7:5: No line reaches the pool 'd': 'all' takes them all."
            " Move it above line 6, or narrow that pool's match."
        ),
    ]


def test_keys_without_effect() -> None:
    """A key that does nothing with the pool's method is named."""
    model = model_of(
        "  - {pool: a, match: {source: x}, exclude: true, grain: month}\n"
        "  - {pool: b, match: {source: y}, direct: {user: x_u}, within: resource}\n"
        "  - {pool: c, match: {source: z}, fallback: []}\n"
        "  - {pool: d, match: {source: v}, overhead: cost, grain: day}\n"
        "  - {pool: e, match: {source: w}, overhead: cost, grain: month}\n"
    )

    assert warnings(model) == [
        (
            "no-effect model.yaml:3:57: 'grain' does nothing in a pool of method exclude."
            " It belongs to pools with 'by'."
        ),
        (
            "no-effect model.yaml:4:64: 'within' does nothing in a pool of method direct."
            " It belongs to pools with 'by'."
        ),
        (
            "no-effect model.yaml:5:45: 'fallback' does nothing in a pool without a method."
            " It belongs to pools with 'by'."
        ),
        (
            "no-effect model.yaml:6:58: 'grain' does nothing in a pool of method overhead."
            " It belongs to pools with 'by'."
        ),
    ]


def test_free_tier_without_a_segment() -> None:
    """A free tier that is set apart must say who is in it."""
    assert warnings(loads("currency: USD\nfree tier: acquisition\n")) == [
        (
            "unnamed-free-tier model.yaml:2:12: The free tier counts as acquisition, but nothing"
            " says who is in it. Write free tier: {treat: acquisition, segment: {tier: Free}}."
        )
    ]


def test_warnings_are_documented() -> None:
    """Every code that lint gives is a documented warning, and every documented one occurs."""
    model = model_of(
        "  - {pool: a, match: {tags.T: x, x_c: y, source: s}, idle: {capacity: m, used: m}}\n"
        "  - {pool: b, match: {tags.T: x, x_c: y, source: s}}\n",
        head="segments: {tier: {from: users.plan}}\nfree tier: acquisition\n"
        "meters: {m: {from: spans}, n: {from: spans}}\n",
    )
    found = lint(
        model,
        meters=(),
        tags=(),
        columns=(),
        sources=("users",),
        attributes={"users": ()},
    )

    assert set(WARNINGS) == {problem.code for problem in found}


def test_meter_that_nothing_asks_for_is_a_warning() -> None:
    """A meter the model declares and never uses is named at its line; a built-in one is not."""
    model = model_of(
        "  - {pool: a, by: jobs}\n", head="meters: {jobs: {from: logs}, spare: {from: logs}}\n"
    )

    assert warnings(model) == [
        (
            "unused-meter model.yaml:2:30: Nothing in the model asks for the meter 'spare'. Name it"
            " in a pool, a unit or a segment, or leave it for percapita readings."
        )
    ]


def test_declared_meter_without_readings_says_where_it_should_come_from() -> None:
    """A meter that the model declares and nothing fed yet is told apart from a misspelt one."""
    model = model_of("  - {pool: a, by: jobs}\n", head="meters: {jobs: {from: logs}}\n")

    assert warnings(model, meters=["jobz"]) == [
        (
            "unknown-meter model.yaml:4:19: No reading of the meter 'jobs' was imported. The model"
            " takes it from logs; none that fit have come."
        )
    ]


def test_rules_on_activity_ask_for_meters() -> None:
    """Meters of transactions, bots and calibration are held against the data like a pool's."""
    model = model_of(
        "  - {pool: a, by: cpu}\n",
        head="activity:\n  transactions: {pay: {meter: t}}\n  bots:\n    rate: {of: r, above: 1}\n"
        "    no conversion: {of: u, above: 2, without: [c, {meter: d}]}\n"
        "sampling: {calibrate: {s: e}}\n",
    )
    found = lint(model, meters=["cpu"])

    assert [problem.where.removeprefix("model.yaml:") for problem in found] == [
        "3:31", "5:16", "6:25", "6:48", "6:59", "7:24", "7:27",
    ]  # fmt: skip
