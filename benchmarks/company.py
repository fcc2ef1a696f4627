"""The benchmark's company: a store as import leaves it, with bill, users and usage of one month."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np
import readings

from percapita.core.sources import Kind, Source
from percapita.core.tables import LINES, READINGS, SEGMENTS, Table
from percapita.project import Project
from percapita.store import Store
from percapita.store.imports.transaction import ImportTx

PERIOD: Final = f"{readings.FIRST:%Y-%m}"
LINE_COUNT: Final = 1_000_000
MODELS: Final = Path(__file__).parent / "models"
_NOW: Final = datetime(2025, 12, 1, tzinfo=UTC)
_BOTS: Final = 1_000
_TENANTS: Final = 2_000
_COHORTS: Final = 500
_PROJECT: Final = "# Its store was written by benchmarks/company.py.\nmodel: a.yaml\n"
_SERVICES: Final = (
    "Compute", "Network", "Queue", "Cache", "Database", "Gateway", "Object Storage", "Inference",
    "Control Plane", "Mesh", "Observability", "Licences", "Support Desk", "Search",
)  # fmt: skip


def project(cache: Path, rows: int) -> Path:
    """Return the folder of a project with so many readings; it is made once."""
    folder = cache / f"company-{rows}"
    done = folder / "done"
    if done.exists():
        _copy_models(folder)
        return folder
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / "percapita.yaml").write_text(_PROJECT, encoding="utf-8")
    (folder / "percapita.key").write_text("5e" * 32 + "\n", encoding="ascii")
    _copy_models(folder)
    with Project.open(folder).store(threads=2, memory="4GB") as store:
        numbers = _people(store)
        _take(store, "bill", "bill", LINES, _lines(), PERIOD)
        _take(store, "users", "segments", SEGMENTS, _segments(numbers), None)
        days = readings.write(cache / f"readings-{rows}", rows, numbers)
        _take(store, "usage", "readings", READINGS, readings.relation(days), PERIOD)
    shutil.rmtree(cache / f"readings-{rows}")
    done.touch()
    return folder


def _copy_models(folder: Path) -> None:
    for model in MODELS.glob("*.yaml"):
        shutil.copy(model, folder)


def _people(store: Store) -> np.ndarray:
    """Hand out the users' numbers; a few of them are robots."""
    names = [f"user-{at:07}" for at in range(readings.USERS)]
    numbers = np.array(sorted(store.door.numbers("user", names).values()), dtype=np.int64)
    store.door.numbers("tenant", [f"tenant-{at:04}" for at in range(_TENANTS)])
    bots = np.random.default_rng(readings.SEED).choice(numbers, _BOTS, replace=False)
    store.door.set_kind([int(number) for number in bots], "bot")
    return numbers


def _take(
    store: Store, name: str, kind: Kind, table: Table, relation: str, period: str | None
) -> None:
    """Write one delivery as one file, in the order of the relation."""
    with store.begin_import(Source(name, name, kind=kind), [], now=_NOW, again=True) as tx:
        store.engine.execute("SET preserve_insertion_order = true")
        _write(tx, table, relation, period)
        store.engine.execute("SET preserve_insertion_order = false")
        tx.commit()


def _write(tx: ImportTx, table: Table, relation: str, period: str | None) -> None:
    tx.write(table, relation, period=period)


def _drawn(column: str, salt: int, below: int) -> str:
    """Return SQL of a seeded number below a limit, drawn by a row's own number."""
    return f"(hash({column}, {salt + readings.SEED}) % {below})::BIGINT"


def _lines() -> str:
    """Return the SQL of the bill: each line an hour of one service's resource."""
    given = {
        "LineId": "md5('line ' || i)", "source": "'bill'", "file": "'bill.csv'", "row": "i + 1",
        "BillingPeriodStart": "first", "BillingPeriodEnd": "first + INTERVAL 1 MONTH",
        "ChargePeriodStart": "first + to_hours((i % hours)::INTEGER)",
        "ChargePeriodEnd": "first + to_hours((i % hours + 1)::INTEGER)",
        **dict.fromkeys(("BilledCost", "EffectiveCost", "ContractedCost", "ListCost"), "cost"),
        "BillingAccountId": "'acme'", "SubAccountId": "'account-' || resource % 7",
        "BillingCurrency": "'USD'", "ServiceName": "service",
        "ChargeCategory": "CASE WHEN kind < 5 THEN 'Credit' WHEN kind < 10 THEN 'Tax'"
                          " ELSE 'Usage' END",
        "ResourceId": "CASE service WHEN 'Database' THEN 'db-' || resource % 4"
                      " ELSE lower(service) || '-' || resource END",
        "SkuId": "'sku-' || resource % 11",
        "Tags": "CASE WHEN tagged < 30 THEN MAP {'Environment': 'dev'}"
                f" WHEN tagged < 70 THEN MAP {{'tenant': format('tenant-{{:04}}',"
                f" resource % {_TENANTS})}} ELSE MAP {{}}::MAP(VARCHAR, VARCHAR) END",
        "Extra": "MAP {}::MAP(VARCHAR, VARCHAR)",
    }  # fmt: skip
    columns = ", ".join(f'{given.get(name, "NULL")} AS "{name}"' for name in LINES.names)
    services = ", ".join(f"'{name}'" for name in _SERVICES)
    first = f"TIMESTAMPTZ '{readings.FIRST:%Y-%m-%d} 00:00:00+00'"
    amount = f"({_drawn('i', 1, 10**12)}::DECIMAL(36,18) * 0.00000000001::DECIMAL(18,11))"
    return f"""
        SELECT {columns} FROM (
            SELECT i, {readings.DAYS * 24} AS hours, {first} AS first,
                   [{services}][{_drawn("i", 2, len(_SERVICES))} + 1] AS service,
                   {_drawn("i", 3, 5000)} AS resource, {_drawn("i", 4, 1000)} AS kind,
                   {_drawn("i", 5, 1000)} AS tagged,
                   CAST(CASE WHEN {_drawn("i", 4, 1000)} < 5 THEN -{amount} ELSE {amount} END
                        AS DECIMAL(36,18)) AS cost
            FROM range({LINE_COUNT}) AS t(i))
        ORDER BY "ChargePeriodStart", "LineId"
    """


def _segments(numbers: np.ndarray) -> str:
    """Return the SQL of users' plans, cohorts and tenants; one user in a hundred changes plan."""
    low, high = int(numbers.min()), int(numbers.max())
    change = f"TIMESTAMPTZ '{readings.hour_of(15 * 24 + 12):%Y-%m-%d %H}:00:00+00'"
    plans = "['Free', 'Free', 'Free', 'Free', 'Free', 'Free', 'Pro', 'Pro', 'Team']"
    plan = f"{plans}[{_drawn('n', 6, 9)} + 1]"
    tenant = f"format('tenant-{{:04}}', {_drawn('n', 7, _TENANTS)})"
    cohort = f"format('cohort-{{:03}}', {_drawn('n', 10, _COHORTS)})"
    changes = f"{_drawn('n', 8, 100)} = 0"
    users = f"(SELECT unnest(range({low}, {high} + 1)) AS n)"
    return f"""
        SELECT n AS subject, 'user' AS level, 'users' AS source, attribute, value,
               "start"::TIMESTAMPTZ AS "start", "end"::TIMESTAMPTZ AS "end"
        FROM (
            SELECT n, 'plan' AS attribute, {plan} AS value, NULL AS "start",
                   CASE WHEN {changes} THEN {change} END AS "end" FROM {users}
            UNION ALL
            SELECT n, 'plan', 'Pro', {change}, NULL FROM {users} WHERE {changes}
            UNION ALL
            SELECT n, 'cohort', {cohort}, NULL, NULL FROM {users}
            UNION ALL
            SELECT n, 'tenant', {tenant}, NULL, NULL FROM {users} WHERE {_drawn("n", 9, 5)} = 0)
        ORDER BY subject, attribute, "start"
    """
