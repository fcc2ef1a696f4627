"""Names in a question are looked up, and wrong ones answered with the nearest."""

from __future__ import annotations

import pytest

from percapita.core.errors import InputError
from percapita.measure.question import alike, ask
from percapita.model.load import loads

MODEL = loads("""
version: 1
currency: USD
dimensions: [feature]
units:
  active user: {subject: user}
  call: {meter: requests}
segments: {tier: {from: users.plan}, region: {from: users.country}}
pools:
  - {pool: db, match: {ServiceName: db}, by: queries, layer: data}
  - {pool: app, match: {ServiceName: app}, by: cpu, layer: service}
  - {pool: vendor, match: {ServiceName: v}, by: cpu, layer: service, scope: third party}
  - {pool: own, match: {ServiceName: o}, direct: {tier: tags.tier}}
""")


@pytest.mark.parametrize(
    ("name", "place", "source"),
    [
        ("tier", "attribute", "tier"),
        ("region", "attribute", "region"),
        ("user", "subject", "user"),
        ("tenant", "subject", "tenant"),
        ("pool", "pool", "pool"),
        ("cost centre", "pool", "cost centre"),
        ("cost_centre", "pool", "cost centre"),
        ("billing_period", "group", "billing period"),
        ("feature", "dimension", "feature"),
        ("service", "line", "ServiceName"),
        ("account", "line", "SubAccountName"),
        ("tags.Team", "line", "tags.Team"),
        ("SkuId", "line", "SkuId"),
        ("day", "time", "day"),
    ],
)
def test_a_name_is_found_where_its_value_stands(name: str, place: str, source: str) -> None:
    """Segments come first, then what pools, receivers, lines and time know."""
    (found,) = ask(MODEL, by=[name]).by

    assert (found.name, found.place, found.source) == (name, place, source)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"by": ["teir"]}, "tier"),
        ({"by": ["operation"]}, "Add operation to dimensions"),
        ({"scope": "clouds"}, "cloud"),
        ({"unit": "calls"}, "call"),
        ({"where": ["tier"]}, "NAME=VALUE"),
    ],
)
def test_a_wrong_name_is_answered(options: dict[str, str], message: str) -> None:
    """What is not known stops the question and says what is."""
    with pytest.raises(InputError, match=message):
        ask(MODEL, **options)  # type: ignore[arg-type]


def test_pools_that_a_question_cannot_tell_apart_are_read_as_one() -> None:
    """Method, scope and the pool facts asked for keep pools apart, nothing else."""
    assert alike(ask(MODEL, by=["tier"]), MODEL) == {
        "db": "db", "app": "db", "vendor": "vendor", "own": "own",
    }  # fmt: skip
    assert alike(ask(MODEL, by=["layer"]), MODEL)["app"] == "app"
    assert alike(ask(MODEL, where=["pool=db"]), MODEL)["app"] == "app"
