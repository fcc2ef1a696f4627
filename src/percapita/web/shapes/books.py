"""The bill against the figures, one figure down to the bill, and what is handed on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from percapita.core.subjects import CLASSES, KINDS, PSEUDO
from percapita.model.describe import Decision
from percapita.model.spec import CostClass, Credits, FreeTier, Grain, Scope
from percapita.report.statements.showback import Kind
from percapita.web.shapes.cost import GLANCE, META, STATEMENT, TOTALS
from percapita.web.shapes.kinds import (
    ANY,
    BASIS,
    COUNT,
    CUT,
    DAY,
    FLAG,
    INSTANT,
    MONEY,
    MONTH,
    NEXT,
    RATE,
    RUN,
    STATUS,
    TEXT,
    Schema,
    among,
    listed,
    maybe,
    named,
    record,
    ref,
    typed,
    words,
)

_IDENTITY: Final = dict.fromkeys(("bill_total", "allocated", *CLASSES, "difference"), MONEY)
_BOOKS: Final = {
    "basis": BASIS, "currency": TEXT, "period": TEXT, "status": STATUS, "as_of": INSTANT,
    "model": TEXT, "run": RUN, "notes": listed(TEXT),
}  # fmt: skip
_RECONCILED: Final = {
    **_IDENTITY, "pools": listed(ref("PoolIdentity")), "periods": listed(ref("PeriodIdentity")),
    "adjustments": listed(ref("Adjustment")), "conversions": listed(ref("Conversion")),
}  # fmt: skip
_PERSON: Final = {
    "subject": COUNT, "subject_kind": among(*dict.fromkeys((*KINDS, *PSEUDO.values()))),
    "pseudonym": maybe(TEXT), "label": maybe(TEXT),
}  # fmt: skip
_GROUP: Final = {
    "group": COUNT, "billing_period": MONTH, "start": INSTANT, "end": INSTANT,
    "grain": words(Grain), "cell": maybe(listed(maybe(TEXT))), "level": TEXT, "method": TEXT,
    "driver": TEXT, "weight_start": maybe(INSTANT), "weight_end": maybe(INSTANT),
}  # fmt: skip
_LINE: Final = {
    "LineId": TEXT, "source": TEXT, "file": maybe(TEXT), "row": maybe(COUNT),
    "ChargePeriodStart": INSTANT, "ChargePeriodEnd": INSTANT,
    "BillingPeriodStart": maybe(INSTANT), "ChargeCategory": maybe(TEXT),
    "ChargeDescription": maybe(TEXT), "ServiceName": maybe(TEXT), "ResourceId": maybe(TEXT),
    "ResourceName": maybe(TEXT), "SubAccountId": maybe(TEXT), "RegionId": maybe(TEXT),
    "BillingCurrency": TEXT, "line_amount": maybe(MONEY),
}  # fmt: skip
_PART: Final = {
    "billing_period": MONTH, "group": COUNT, "start": INSTANT, "follows": maybe(TEXT),
    "amount": MONEY,
}  # fmt: skip
_MOVED: Final = {"bill_total": MONEY, "allocated": MONEY, "cost_per_unit": maybe(MONEY)}

COMPONENTS: Final[Mapping[str, Schema]] = {
    "BooksMeta": record(**_BOOKS),
    "PoolIdentity": record(pool=TEXT, **_IDENTITY),
    "PeriodIdentity": record(
        billing_period=MONTH, status=STATUS, **_IDENTITY, pools=listed(ref("PoolIdentity"))
    ),
    "Conversion": record(
        billing_period=MONTH, currency=TEXT, rate=maybe(RATE), rate_day=maybe(DAY),
        original=maybe(MONEY), converted=MONEY, rounding=maybe(MONEY),
    ),
    "Whose": {
        "anyOf": [record(**_PERSON, aliases=listed(COUNT)), record(segment=named(TEXT))]
    },
    "ExplainMeta": record(
        more=("interval",), **_BOOKS, pool=maybe(TEXT),
        interval=record(
            confidence=COUNT, enough=FLAG, low=maybe(MONEY), high=maybe(MONEY), why=TEXT
        ),
    ),
    "ExplainedPool": record(
        pool=TEXT, amount=MONEY, why=TEXT, groups=listed(ref("GroupShare"))
    ),
    "GroupShare": record(
        **_GROUP, run=TEXT, w=COUNT, total=COUNT, shift=COUNT, share=maybe(MONEY),
        group_amount=MONEY, amount=MONEY, holds_residual=FLAG,
    ),
    "LineShare": record(**_LINE, amount=MONEY, parts=listed(ref("LinePart"))),
    "LinePart": record(**_PART),
    "PoolPart": record(**_PART, pool=TEXT),
    "GroupStep": record(
        **_GROUP, run=TEXT, pool=TEXT, path=listed(TEXT), total=COUNT, receivers=COUNT,
        group_amount=MONEY, amount=MONEY,
    ),
    "Receiver": record(
        **_PERSON, attributes=named(TEXT), pool=TEXT, amount=MONEY,
        parts=listed(record(billing_period=MONTH, group=COUNT, amount=MONEY)),
    ),
    "BillLine": record(
        more=("original", "virtual_tags"), **_LINE,
        original=record(currency=TEXT, amount=maybe(MONEY), rate=ANY, rate_day=ANY),
        virtual_tags=named(record(value=maybe(TEXT), original=maybe(TEXT), rule=TEXT)),
    ),
    "Version": record(
        run=TEXT, at=INSTANT, role=among("published", "closed", "adjustment", "past"), model=TEXT,
        imports=listed(TEXT), bill_total=MONEY, allocated=MONEY, units=maybe(COUNT),
        cost_per_unit=maybe(MONEY),
    ),
    "Move": record(
        **{"from": TEXT}, to=TEXT, **_MOVED,
        imports=record(new=listed(TEXT), gone=listed(TEXT)),
        causes=listed(record(cause=TEXT, lines=COUNT, **_MOVED)),
    ),
    "StatementList": record(more=("benchmark", "next"), **STATEMENT, next=NEXT),
    "Showback": record(
        meta=record(
            more=("sampled",), **META, kind=words(Kind), compared_with=maybe(MONTH),
            statement=TEXT, **{"for": named(TEXT)},
        ),
        rows=listed(ref("StatementRow")), totals=ref("StatementTotals"), classes=ref("Classes"),
    ),
    "StatementRow": record(
        pool=TEXT, layer=maybe(TEXT), owner=maybe(TEXT), direct=MONEY, shared=MONEY,
        overhead=MONEY, total=MONEY, share_percent=maybe(MONEY), total_before=maybe(MONEY),
        total_change=maybe(MONEY), split=TEXT, **{"class": maybe(words(CostClass))},
    ),
    "StatementTotals": record(
        more=("target",), **TOTALS, total_before=maybe(MONEY), total_change=maybe(MONEY),
        cost_per_unit_before=maybe(MONEY),
    ),
    "Tier": record(
        rest=CUT, units=maybe(COUNT), total=MONEY, cost_per_unit=maybe(MONEY),
        floor_price=maybe(MONEY), revenue_per_unit=maybe(MONEY), margin_percent=maybe(MONEY),
        prices=listed(record(margin_percent=MONEY, price=maybe(MONEY))),
    ),
    "DriverPrice": record(
        pool=TEXT, cell=maybe(listed(maybe(TEXT))), meter=TEXT, amount=MONEY, total=COUNT,
        unit=TEXT, base_units=COUNT, price=maybe(MONEY), rate=maybe(MONEY),
    ),
    "Decision": typed(Decision, scope=words(Scope)),
    "Entry": record(
        id=COUNT, at=INSTANT, who=TEXT, what=TEXT, ref=TEXT, detail=named(ANY)
    ),
}  # fmt: skip

EXPLAIN: Final = record(
    more=("subject", "total", "pools", "lines", "other_lines"),
    meta=ref("ExplainMeta"),
    subject=ref("Whose"),
    total=MONEY,
    pools=listed(ref("ExplainedPool")),
    lines=listed(ref("LineShare")),
    other_lines=record(count=COUNT, amount=MONEY),
)
LINE: Final = record(
    more=("next",),
    next=NEXT,
    meta=ref("ExplainMeta"),
    line=ref("BillLine"),
    total=MONEY,
    parts=listed(ref("PoolPart")),
    groups=listed(ref("GroupStep")),
    receivers=listed(ref("Receiver")),
)
STATEMENTS: Final[Schema] = {"anyOf": [ref("StatementList"), ref("Showback")]}
"""Whose there are; one, where the question names whose."""
REPORT: Final = record(
    more=("benchmark",), **GLANCE, reconciliation=record(**_RECONCILED, meta={"type": "null"})
)
PRICING: Final = record(
    meta=record(more=("sampled",), **META, version=TEXT, by=maybe(TEXT)),
    tiers=listed(ref("Tier")),
    drivers=listed(ref("DriverPrice")),
)
HISTORY: Final = record(
    more=("next",),
    next=NEXT,
    meta=record(basis=BASIS, currency=TEXT, period=MONTH, as_of=INSTANT),
    versions=listed(ref("Version")),
    moves=listed(ref("Move")),
)
RECONCILE: Final = record(meta=ref("BooksMeta"), **_RECONCILED)
MODEL: Final = record(
    model=TEXT,
    currency=TEXT,
    timezone=TEXT,
    basis=BASIS,
    credits=words(Credits),
    free_tier=words(FreeTier),
    units=listed(TEXT),
    segments=listed(record(segment=TEXT, **{"from": TEXT})),
    pools=listed(ref("Decision")),
)
AUDIT: Final = record(entries=listed(ref("Entry")), next=NEXT)
