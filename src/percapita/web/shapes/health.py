"""What was taken in, how far it can be trusted, and what telemetry is doing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from percapita.core.tables import COSTS
from percapita.measure.practice import Item
from percapita.measure.readiness import Maturity
from percapita.report.sources import COLUMNS
from percapita.report.usage.attribution import LEVELS
from percapita.web.shapes.kinds import (
    BASIS,
    COUNT,
    CUT,
    DAY,
    FLAG,
    INSTANT,
    MONEY,
    MONTH,
    NEXT,
    SHARE,
    TEXT,
    Schema,
    among,
    listed,
    maybe,
    named,
    record,
    ref,
    typed,
)

_PERCENT: Final = maybe(MONEY)
_LEVELS: Final = record(**{level or "nobody": SHARE for level in LEVELS})
_RESOURCE: Final = {
    "service": TEXT, "account": TEXT, "amount": MONEY, "share": _PERCENT, "missing": listed(TEXT),
}  # fmt: skip
MAPPED: Final = (
    "service", "resource type", "usage pattern", "tagging status", "attribution method",
)  # fmt: skip

_TRACED: Final = {
    "trace": TEXT, "chosen": among("even", "slow", "failed"), "begun": INSTANT,
    "service": maybe(TEXT), "operation": maybe(TEXT),
    "subject": record(kind=maybe(TEXT), number=maybe(COUNT), name=maybe(TEXT)),
    "seconds": MONEY, "spans": COUNT, "failed": COUNT, "cost": maybe(MONEY),
}  # fmt: skip
_SAMPLE: Final = record(
    as_of=INSTANT, currency=maybe(TEXT), estimate=FLAG, sample=FLAG, notes=listed(TEXT)
)
COMPONENTS: Final[Mapping[str, Schema]] = {
    "Item": typed(Item),
    "Maturity": typed(Maturity),
    "TagCoverage": record(
        required=listed(TEXT), spend=MONEY, tagged_spend=MONEY, by_spend=_PERCENT, resources=COUNT,
        tagged_resources=COUNT, by_resources=_PERCENT, keys=listed(ref("TagKey")),
    ),
    "TagKey": record(
        key=TEXT, spend=MONEY, by_spend=_PERCENT, resources=COUNT, by_resources=_PERCENT,
        not_listed=MONEY, also_written=listed(TEXT),
    ),
    "DearResource": record(resource=TEXT, **_RESOURCE, cumulative=_PERCENT),
    "Untagged": record(resource=maybe(TEXT), **_RESOURCE),
    "Quarantined": record(source=TEXT, code=TEXT, rows=COUNT, example=TEXT, hint=TEXT),
    "ModelProblem": record(
        severity=among("error", "warning"), code=TEXT, where=TEXT, message=TEXT, hint=TEXT
    ),
    "Sums": named(named(MONEY)),
    "Delivery": record(
        source=TEXT, kind=TEXT, format=TEXT, mode=TEXT, imported_at=INSTANT,
        state=among("live", "partly replaced", "replaced"), live=FLAG,
        files=listed(record(path=TEXT, bytes=COUNT, sha256=TEXT)), rows=COUNT, quarantined=COUNT,
        sums=ref("Sums"), delivered=record(rows=COUNT, sums=ref("Sums")), notes=listed(TEXT),
        **{"import": TEXT},
    ),
    "BrokenRow": record(**{name: COUNT if name == "row" else TEXT for name in COLUMNS}),
    "Attribution": record(
        period=TEXT, rate=SHARE, goal=SHARE, currency=TEXT, services=listed(ref("WhoseUsage")),
        trend=listed(record(day=DAY, signals=COUNT, rate=maybe(SHARE))),
        operations=listed(ref("LostOperation")), advice=listed(TEXT),
    ),
    "WhoseUsage": record(
        service=maybe(TEXT), meter=TEXT, signals=COUNT, by_signals=_LEVELS, by_quantity=_LEVELS
    ),
    "LostOperation": record(
        service=maybe(TEXT), operation=maybe(TEXT), meter=TEXT, signals_of_nobody=COUNT,
        rate=SHARE, quantity_of_nobody=COUNT, amount=maybe(MONEY),
    ),
    "Sampling": record(meter=TEXT, signals=COUNT, sampled=COUNT, unknown=COUNT),
    "Endpoint": record(
        service=maybe(TEXT), operation=maybe(TEXT), requests=COUNT, failed=COUNT,
        failed_percent=_PERCENT, mean_seconds=maybe(MONEY),
    ),
    "Stored": record(
        tenant=TEXT, meter=TEXT, months=listed(record(month=MONTH, quantity=COUNT)),
        growth_percent=_PERCENT,
    ),
    "ThirdParty": record(
        pool=TEXT, months=listed(record(month=MONTH, total=maybe(MONEY))), meter=maybe(TEXT),
        calls=maybe(COUNT),
    ),
    "Called": record(
        service=maybe(TEXT), peer=maybe(TEXT), calls=COUNT, failed=COUNT, failed_percent=_PERCENT,
        seconds=MONEY, mean_seconds=maybe(MONEY), cost=maybe(MONEY), cost_per_call=maybe(MONEY),
        pools=listed(TEXT),
    ),
    "Traced": record(**_TRACED),
    "TracedSpan": record(
        span=TEXT, parent=maybe(TEXT), depth=COUNT, lost=FLAG, service=maybe(TEXT), name=TEXT,
        kind=TEXT, operation=maybe(TEXT), after_seconds=MONEY, seconds=MONEY, failed=FLAG,
        cost=maybe(MONEY), meters=listed(ref("TracedMeter")),
    ),
    "TracedMeter": record(
        meter=TEXT, quantity=COUNT, operation=maybe(TEXT), cost=maybe(MONEY), pools=listed(TEXT)
    ),
    "Mapped": record(**dict.fromkeys(MAPPED, maybe(TEXT))),
}  # fmt: skip

DATA: Final = record(
    more=("next",), next=NEXT,
    meta=record(
        period=maybe(TEXT), as_of=INSTANT, basis=among(*COSTS), currency=TEXT, runs=listed(TEXT)
    ),
    readiness=listed(ref("Item")), adviser=listed(ref("Item")), practice=listed(ref("Item")),
    maturity=ref("Maturity"), tags=maybe(ref("TagCoverage")), dearest=listed(ref("DearResource")),
    untagged=listed(ref("Untagged")), untagged_rest=maybe(MONEY),
    quarantine=listed(ref("Quarantined")), findings=listed(ref("Finding")),
    model=listed(ref("ModelProblem")), sources=listed(ref("Delivery")),
    broken_rows=listed(ref("BrokenRow")), broken_rows_total=COUNT,
)  # fmt: skip
DEBUG: Final = record(
    meta=record(
        period=TEXT,
        currency=TEXT,
        basis=BASIS,
        as_of=INSTANT,
        telemetry=maybe(INSTANT),
        notes=listed(TEXT),
    ),
    attribution=maybe(ref("Attribution")),
    sampling=listed(ref("Sampling")),
    endpoints=listed(ref("Endpoint")),
    storage=listed(ref("Stored")),
    third_party=listed(ref("ThirdParty")),
    calls=listed(ref("Called")),
    traces=listed(ref("Traced")),
    deliveries=listed(ref("Delivery")),
)
TRACES: Final = record(
    meta=_SAMPLE, total=COUNT, services=listed(TEXT), traces=listed(ref("Traced"))
)
TRACE: Final = record(meta=_SAMPLE, **_TRACED, rows=listed(ref("TracedSpan")))
RESOURCES: Final = record(
    mapped=listed(ref("Mapped")),
    missing=listed(record(service=CUT, **{"resource type": TEXT})),
)
