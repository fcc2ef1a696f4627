"""The live estimate, and the page on call that shows it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from percapita.live.watch import KINDS
from percapita.reconcile.estimate.snapshot import STATUS
from percapita.web.shapes.kinds import (
    BASIS,
    COUNT,
    CUT,
    DAY,
    FLAG,
    INSTANT,
    MONEY,
    NUMBER,
    TEXT,
    Schema,
    among,
    listed,
    maybe,
    named,
    record,
    ref,
)

_ROW: Final = {
    "today": ref("Estimate"), "rate_hour": ref("Estimate"), "active_24h": maybe(COUNT),
    "cost_per_dau": ref("Estimate"),
}  # fmt: skip
_BOUNDS: Final = dict.fromkeys(("amount", "low", "high"), maybe(NUMBER))
_LIVE: Final = {
    "meta": ref("LiveMeta"), "totals": ref("LiveTotals"), "rows": listed(ref("LiveRow")),
    "classes": listed(record(**{"class": TEXT}, **_ROW)), "pools": listed(ref("LivePool")),
    "attribution": listed(ref("Attributed")), "sampling": listed(ref("Sampling")),
}  # fmt: skip

COMPONENTS: Final[Mapping[str, Schema]] = {
    "Estimate": record(**_BOUNDS),
    "LiveMeta": record(
        status=among(STATUS), as_of=INSTANT, day=DAY, timezone=TEXT, currency=TEXT, basis=BASIS,
        unit=TEXT, by=TEXT, run=TEXT, model=TEXT, interval=MONEY, bill_through=named(DAY),
        telemetry=maybe(INSTANT), telemetry_age_seconds=maybe(COUNT),
        missing=listed(ref("SilentMeter")), notes=listed(TEXT),
    ),
    "SilentMeter": record(
        meter=TEXT, pools=listed(TEXT), since=maybe(INSTANT), hours_today=MONEY
    ),
    "LiveTotals": record(
        **_ROW, rate_15_minutes=ref("Estimate"), unbilled=record(since=maybe(DAY), **_BOUNDS)
    ),
    "LiveRow": record(rest=CUT, **_ROW),
    "LivePool": record(
        pool=TEXT, priced_by=TEXT, meter=maybe(TEXT), price=maybe(NUMBER), today=ref("Estimate"),
        billed_today=maybe(NUMBER), rate_hour=ref("Estimate"), bill_through=maybe(DAY),
        calibrated_on=COUNT, cold=FLAG, silent_hours=MONEY,
    ),
    "Attributed": record(meter=TEXT, quantity=COUNT, attributed=COUNT, percent=maybe(MONEY)),
    "Hour": record(
        start=INSTANT, amount=NUMBER, low=NUMBER, high=NUMBER, whole=FLAG,
        active_24h=maybe(COUNT), cost_per_dau=maybe(ref("Estimate")), usual=maybe(ref("UsualHour")),
    ),
    "UsualHour": record(low=maybe(NUMBER), high=maybe(NUMBER), days=COUNT),
    "LiveEvent": record(
        at=INSTANT, kind=among(*KINDS), name=TEXT, service=maybe(TEXT), resource=maybe(TEXT)
    ),
    "DearOperation": record(
        operation=maybe(TEXT), rate_hour=ref("Estimate"), requests=COUNT,
        cost_per_request=maybe(NUMBER), mean_seconds=maybe(NUMBER), failed_percent=maybe(MONEY),
    ),
}  # fmt: skip

LIVE: Final = record(**_LIVE)
ONCALL: Final = record(
    **_LIVE,
    services=listed(ref("LiveRow")),
    hours=listed(ref("Hour")),
    events=listed(ref("LiveEvent")),
    endpoints=listed(ref("DearOperation")),
)
