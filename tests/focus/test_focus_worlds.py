"""Allocated rows of generated worlds: they close by line and column, and say what explain says."""

from __future__ import annotations

import json
from collections import defaultdict
from decimal import Decimal
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import HealthCheck, given, settings

from percapita.core import money
from percapita.core.errors import InputError
from percapita.core.tables import COSTS, LINES
from percapita.report.explain.explain import up
from percapita.report.explain.found import Question
from percapita.report.focus.columns import SUMMABLE
from percapita.report.focus.export import Order, Rows, export, header
from percapita.report.opened import Opened
from percapita.store import Store
from percapita.store.catalog.people import people
from percapita.store.read.run import RUN_TABLES
from reference.harness import KEY, NOW, run_engine
from reference.strategies import worlds
from reference.world import World

QUIET = [HealthCheck.too_slow, HealthCheck.data_too_large, HealthCheck.filter_too_much]
Row = dict[str, Any]


def exported(opened: Opened, rows: Rows) -> list[Row]:
    """Export all months to memory."""
    order = Order("1.3", rows, tuple(sorted(opened.runs)), plain=False)
    shape = header(opened, order)
    batches = list(export(opened, order, shape, lambda *_: None))
    return [row for batch in batches for row in pa.Table.from_batches([batch]).to_pylist()]


def explained(opened: Opened, line: str) -> dict[str | None, Decimal]:
    """Ask explain who got a line, by pseudonym; what fell on nobody is under ``None``."""

    def bind(period: str, run: str) -> None:
        for table in RUN_TABLES:
            opened.store.bind(table, run=run, periods=[period])
        opened.store.bind(LINES, run=run)

    question = Question(opened.basis, tuple(sorted(opened.runs.items())))
    found = up(opened.engine, bind, question, line)
    known = people(opened.store.catalog, {one.subject for one in found.got})
    result: dict[str | None, Decimal] = defaultdict(Decimal)
    for one in found.got:
        who = known[one.subject]
        name = None if one.subject < 0 else who.pseudonym or "anonymous"
        result[name] += one.amount
    return {name: amount for name, amount in result.items() if amount}


def check_line(opened: Opened, origin: Row, cut: list[Row]) -> None:
    """One line: every summable column closes, ratios sum to one, shares are those of explain."""
    for column in SUMMABLE:
        values = [row[column] for row in cut]
        if origin[column] is None:
            assert set(values) == {None}
        else:
            assert money.total(values) == origin[column], column
    elements = [
        element
        for row in cut
        for element in json.loads(row["AllocatedMethodDetails"], parse_float=Decimal)["Elements"]
    ]
    assert sum(Decimal(element["AllocatedRatio"]) for element in elements) == 1
    got: dict[str | None, Decimal] = defaultdict(Decimal)
    for row in cut:
        # A line that says no cost at all has none to hand on.
        got[row["AllocatedResourceId"]] += row[COSTS[opened.basis]] or money.ZERO
    found = explained(opened, origin["x_OriginChargeId"])
    if found:
        assert {name: amount for name, amount in got.items() if amount} == found


def check(world: World) -> None:
    """Every line of every basis."""
    with TemporaryDirectory() as folder:
        try:
            run_engine(world, Path(folder))
        except InputError:
            return  # pools that serve only each other have no figures to export
        with Store.open(Path(folder) / "store", KEY, threads=1, now=NOW) as store:
            (record,) = store.runs()
            for basis in record.bases:
                runs = dict.fromkeys(record.periods, record.id)
                opened = Opened(store, basis, runs, world.model, NOW)
                whole = {row["x_OriginChargeId"]: row for row in exported(opened, "origin")}
                cut: dict[str, list[Row]] = defaultdict(list)
                for row in exported(opened, "allocated"):
                    cut[row["x_OriginChargeId"]].append(row)

                assert cut.keys() == whole.keys()
                for line, origin in whole.items():
                    check_line(opened, origin, cut[line])


@settings(max_examples=3, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_cut_rows_of_random_worlds_close(world: World) -> None:
    """For generated models and bills the rows of a line sum to it in every summable column."""
    check(world)


@pytest.mark.slow
@settings(max_examples=8, deadline=None, suppress_health_check=QUIET)
@given(worlds())
def test_cut_rows_of_many_random_worlds_close(world: World) -> None:
    """The same, for longer."""
    check(world)
