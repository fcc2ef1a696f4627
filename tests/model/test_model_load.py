"""A good model: what every form of the grammar is read as."""

from __future__ import annotations

import hashlib
from decimal import Decimal
from pathlib import Path

import pytest

from percapita.model.load import load, loads
from percapita.model.spec import (
    Behaviour,
    Condition,
    Direct,
    Driver,
    Idle,
    Match,
    Mix,
    Overhead,
    Pool,
    Segment,
    Target,
    Through,
    Unit,
)

SHOP = (Path(__file__).parent / "shop.yaml").read_text()
"""A model that uses every method and most keys."""


def pool(body: str, head: str = "") -> Pool:
    """Load a model of one pool and return it."""
    text = f"currency: USD\n{head}pools:\n  - pool: db\n"
    return loads(text + "".join(f"    {line}\n" for line in body.splitlines())).pools[0]


def test_whole_model_loads() -> None:
    """A model with every method is read in file order, with the line of each pool."""
    model = loads(SHOP)

    assert [(p.line, p.name, p.method) for p in model.pools] == [
        (13, "development", "exclude"),
        (16, "customer buckets", "direct"),
        (19, "orders database", "driver"),
        (34, "cluster control", "through"),
        (37, "api", "driver"),
        (40, "help desk", "driver"),
        (45, "licences", "overhead"),
        (48, "tax", "overhead"),
        (51, "leftovers", "none"),
    ]
    assert [unit.name for unit in model.units] == ["active user", "billable call"]
    assert (model.currency, model.timezone, model.basis) == ("EUR", "Europe/Berlin", "billed")


def test_full_pool_is_typed() -> None:
    """Every key of a pool arrives in its field, typed."""
    database = loads(SHOP).pool("orders database")

    assert database == Pool(
        name="orders database",
        match=Match({"ServiceName": Condition(("Managed Postgres", "*aurora*"))}),
        by=Driver("db.queries", {"operation": Condition(("/orders/*",))}),
        within={"resource": "ResourceId", "cluster": "tags.k8s-cluster"},
        idle=Idle(Driver("db.capacity"), Driver("db.used"), "share"),
        fallback=("month",),
        owner="data platform",
        cost_centre="CC-4100",
        scope="infrastructure",
        cost_class="research and development",
        layer="data",
        behaviour=Behaviour("step", "db.capacity", Decimal("350.00")),
        live={"price": "db.hours"},
        line=19,
    )


def test_minimal_model_has_defaults() -> None:
    """One line is a model: nothing is allocated, users are counted by any reading in a month."""
    model = loads("currency: USD\n")

    assert model.pools == ()
    assert model.units == (Unit("active user", subject="user", exclude=("bot",)),)
    assert (model.timezone, model.basis, model.credits) == ("UTC", "effective", "follow")


def test_numbers_keep_their_digits() -> None:
    """1.10 is read as text and becomes the decimal 1.10, not a float."""
    mix = pool("by: {mix: {cpu: 1.10, memory: 0.000000000000000001}}").by

    assert isinstance(mix, Mix)
    assert [str(factor) for _, factor in mix.parts] == ["1.10", "1E-18"]


def test_text_stays_text() -> None:
    """A value that YAML would type elsewhere (no, 007, 1e3, dates) stays what was written."""
    match = pool("match: {tags.Flag: [no, 007, 1e3, 2025-01-01, 'null']}").match

    assert match.columns["tags.Flag"].values == ("no", "007", "1e3", "2025-01-01", "null")


@pytest.mark.parametrize(
    ("text", "condition"),
    [
        ("present", Condition(present=True)),
        ("absent", Condition(present=False)),
        ("'present'", Condition(("present",))),
        ("[a, 'absent']", Condition(("a", "absent"))),
        ("'a?c*'", Condition(("a?c*",))),
    ],
)
def test_conditions(text: str, condition: Condition) -> None:
    """Present and absent are words of the grammar; in quotes they are values."""
    assert condition == pool(f"match: {{ResourceId: {text}}}").match.columns["ResourceId"]


@pytest.mark.parametrize("word", ["true", "yes", "Yes", "TRUE"])
def test_flags_that_are_true(word: str) -> None:
    """True and yes are read in any case."""
    assert pool(f"exclude: {word}").exclude is True


@pytest.mark.parametrize("word", ["false", "no", "NO"])
def test_flags_that_are_false(word: str) -> None:
    """False and no are read in any case, and leave room for another method."""
    assert pool(f"exclude: {word}\nby: cpu").method == "driver"


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("R&D", "research and development"),
        ("research and development", "research and development"),
        ("G&A", "general and administrative"),
        ("S&M", "sales and marketing"),
        ("COGS", "cost of revenue"),
    ],
)
def test_classes_have_short_names(written: str, meant: str) -> None:
    """Finance's abbreviations are read as the class they stand for."""
    assert meant == pool(f"class: {written}").cost_class


@pytest.mark.parametrize(
    ("body", "overhead"),
    [
        ("overhead: cost", Overhead("cost")),
        ("overhead: active", Overhead("active")),
        ("overhead: {by: cost, over: allocated}", Overhead("cost", "allocated")),
        (
            "overhead: {weights: {tier: {Free: 1, Pro: 3}}}",
            Overhead(
                "weights",
                attribute="tier",
                weights=(("Free", Decimal(1)), ("Pro", Decimal(3))),
            ),
        ),
    ],
)
def test_overheads(body: str, overhead: Overhead) -> None:
    """Overhead is by cost, even, or by whole-number weights of a segment's values."""
    assert overhead == pool(body, head="segments: {tier: {from: users.plan}}\n").overhead


def test_direct_levels() -> None:
    """A direct pool names a level, a column and perhaps a driver within the unit."""
    plain = pool("direct: {tenant: tags.CustomerID}")
    further = pool("direct: {user: x_owner, then: {by: {meter: bytes}}}")

    assert plain.direct == Direct("tenant", "tags.CustomerID")
    assert further.direct == Direct("user", "x_owner", Driver("bytes"))


def test_direct_to_a_segment() -> None:
    """A segment of the model is a level."""
    direct = pool("direct: {tier: tags.Tier}", head="segments: {tier: {}}\n").direct

    assert direct == Direct("tier", "tags.Tier")


def test_cells_have_default_columns() -> None:
    """A cell named alone is compared with the line's column of that meaning, else its tag."""
    names = "[service, resource, region, cluster, namespace, feature, operation, tier]"
    within = pool(f"by: cpu\nwithin: {names}", head="segments: {tier: {from: users.plan}}\n").within

    assert within == {
        "service": "ServiceName",
        "resource": "ResourceId",
        "region": "RegionId",
        "cluster": "tags.cluster",
        "namespace": "tags.namespace",
        "feature": "tags.feature",
        "operation": "tags.operation",
        "tier": "tags.tier",
    }


def test_one_value_stands_for_a_list() -> None:
    """Where a list is wanted, a single value is a list of one."""
    assert pool("by: cpu\nwithin: resource").within == {"resource": "ResourceId"}


def test_no_fallback() -> None:
    """An empty list allows no widening."""
    assert pool("by: cpu\nfallback: []").fallback == ()


def test_mutual_step_down_is_sound() -> None:
    """Pools may serve each other where one of them also serves a pool with a driver."""
    model = loads(
        "currency: USD\n"
        "pools:\n"
        "  - {pool: net, through: {pools: [auth, api], by: bytes}}\n"
        "  - {pool: auth, through: {pools: net, by: calls}}\n"
        "  - {pool: api, by: requests}\n"
    )

    assert model.pool("auth").through == Through(("net",), Driver("calls"))


def test_units_of_every_kind() -> None:
    """Units count subjects by some meters, or sum a meter."""
    units = loads(
        "currency: USD\n"
        "units:\n"
        "  caller: {subject: tenant, active: [requests, {meter: jobs, where: {region: eu}}],"
        " window: day, exclude: []}\n"
        "  call: {meter: requests, where: {operation: [/api/*, /v2/*]}}\n"
    ).units

    assert units == (
        Unit(
            "caller",
            subject="tenant",
            active=(Driver("requests"), Driver("jobs", {"region": Condition(("eu",))})),
            window="day",
        ),
        Unit("call", meter=Driver("requests", {"operation": Condition(("/api/*", "/v2/*"))})),
    )


def test_segments_of_every_kind() -> None:
    """A segment is a column, a date cut to a window, a number in bands, or named by the data."""
    segments = loads(
        "currency: USD\n"
        "segments:\n"
        "  tier: {from: customer list.csv.plan}\n"
        "  cohort: {from: users.signup, by: quarter}\n"
        "  size: {from: users.seats, bands: {small: 0, large: 100}}\n"
        "  plan: {}\n"
    ).segments

    assert segments == (
        Segment("tier", "customer list.csv", "plan"),
        Segment("cohort", "users", "signup", by="quarter"),
        Segment("size", "users", "seats", bands=(("small", 0), ("large", 100))),
        Segment("plan", "", ""),
    )


def test_targets_default_to_the_primary_unit() -> None:
    """A target without a unit is for the primary one."""
    targets = loads("currency: USD\ntargets: [{cost: 4.50, due: 2026-06-30}]\n").targets

    assert targets == (Target("active user", Decimal("4.50"), due="2026-06-30"),)


def test_free_tier_names_its_segment() -> None:
    """The mapping says how free users count and who they are."""
    model = loads(
        "currency: USD\n"
        "segments: {tier: {from: users.plan}}\n"
        "free tier: {treat: acquisition, segment: {tier: Free}}\n"
    )

    assert (model.free_tier, model.free) == ("acquisition", {"tier": "Free"})


def test_hash_is_of_the_text(tmp_path: Path) -> None:
    """The hash is SHA-256 of the text, a byte order mark left out; any change changes it."""
    path = tmp_path / "model.yaml"
    path.write_bytes(b"\xef\xbb\xbfcurrency: USD\n")
    model = load(path)

    assert model.hash == hashlib.sha256(b"currency: USD\n").hexdigest()
    assert model.text == "currency: USD\n"
    assert model.hash != loads("currency: USD # ours\n").hash


def test_values_know_their_place() -> None:
    """Any value of a loaded model leads back to its file, line and column."""
    model = loads(SHOP, "shop.yaml")

    assert model.where("pools", "orders database", "by", "meter") == "shop.yaml:23:17"
    assert model.where("pools", "orders database", "idle", "used") == "shop.yaml:27:41"
    assert model.where("pools", "help desk", "by", "mix", "tickets") == "shop.yaml:42:16"
    assert model.where("pools", "api", "no such key") == "shop.yaml:37:5"
    assert model.where("nowhere") == "shop.yaml:1:1"


def test_windows_line_ends_count_as_one() -> None:
    """A file with Windows line ends has the same places."""
    model = loads("currency: USD\r\npools:\r\n  - pool: db\r\n    by: cpu\r\n")

    assert model.where("pools", "db", "by") == "model.yaml:4:9"


def test_a_class_of_activity_is_a_band_of_usage() -> None:
    """A segment may be cut from what a subject used of a meter in the month."""
    text = (
        "currency: USD\nsegments:\n  activity:\n    usage: {meter: requests, where: {region: eu}}\n"
        "    bands: {light: 0, heavy: 100}\n"
    )
    driver = Driver("requests", {"region": Condition(("eu",))})
    bands = (("light", 0), ("heavy", 100))
    assert loads(text).segments == (Segment("activity", "", "", bands=bands, usage=driver),)
