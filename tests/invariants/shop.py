"""A small shop that a whole run can be checked on: two months, every class of receiver."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from invariants.folder import Inputs, Row, charge, usage

MODEL = """
version: 1
currency: USD
units:
  active user: {subject: user, exclude: [bot]}
  request: {meter: requests}
segments: {tier: {from: users.plan}}
dimensions: [feature]
pools:
  - {pool: development, match: {tags.env: dev}, exclude: true}
  - {pool: customer storage, match: {tags.user: present}, direct: {user: tags.user}}
  - {pool: db, match: {ServiceName: db}, by: queries, within: [resource], layer: data,
     idle: {capacity: db.capacity, used: db.used, to: line}}
  - {pool: mail, match: {ServiceName: mail}, by: {mix: {queries: 0.3, active: 0.7}}}
  - {pool: platform, match: {ServiceName: platform}, through: {pools: [db, mail], by: cpu}}
  - {pool: support, match: {ServiceName: support}, overhead: active}
  - {pool: tax, match: {ChargeCategory: Tax}, overhead: cost}
"""

DEV, OWN = {"env": "dev"}, {"user": "cat"}
PLANS = (("ann", "Free", "", "2025-10-10"), ("ann", "Pro", "2025-10-10", ""),
         ("bob", "Pro", "", ""), ("cat", "Free", "", ""))  # fmt: skip


def lines(month: str = "2025-10") -> list[Row]:
    """Return a month's bill: awkward amounts, a credit, a refund, tax, strays and equal lines."""
    following = {"2025-10": "2025-11", "2025-11": "2025-12"}[month]
    whole = (f"{month}-01T00:00:00Z", f"{following}-01T00:00:00Z")
    day = (f"{month}-03T00:00:00Z", f"{month}-04T00:00:00Z")
    other: dict[str, Any] = {"BilledCost": "40", "ListCost": "70.5", "ContractedCost": ""}
    return [
        charge("db", "310.000000000000000007", *whole, ResourceId="r1", **other),
        charge("db", "1.5E-16", *day, ResourceId="r2"),
        charge("db", "-17.333333333333333333", *day, ResourceId="r1"),
        charge("db", "-31", *whole, ResourceId="r1", ChargeCategory="Credit"),
        charge("mail", "60.1", *whole),
        charge("mail", "0.000000000000000001", *day),
        charge("mail", "0.7", *day),
        charge("mail", "0.7", *day),
        charge("platform", "21", *whole),
        charge("support", "1000000000000.01", *whole),
        charge("dev box", "40", *day, tags=DEV),
        charge("bucket", "12.34", *day, tags=OWN),
        charge("tax", "9.99", *whole, ChargeCategory="Tax"),
        charge("stray", "7", *day),
        charge("stray", "0", *day),
    ]


def readings(month: str = "2025-10") -> list[Row]:
    """Return a month's usage: users, a bot, nobody, capacity, and what the platform serves."""
    bot, r1, r2 = {"subject_kind": "bot"}, {"resource": "r1"}, {"resource": "r2"}
    return usage(
        (f"{month}-03T10:00:00Z", "queries", "ann", 3, {**r1, "feature": "search"}),
        (f"{month}-03T11:00:00Z", "queries", "ann", 2, r1),
        (f"{month}-03T11:00:00Z", "queries", "bob", 4, r1),
        (f"{month}-12T09:00:00Z", "queries", "ann", 5, {**r1, "feature": "search"}),
        (f"{month}-12T10:00:00Z", "queries", "bob", 7, r2),
        (f"{month}-12T10:00:00Z", "queries", "crawler", 6, {**r1, **bot}),
        (f"{month}-12T10:00:00Z", "queries", "", 1, r1),
        (f"{month}-03T10:00:00Z", "requests", "ann", 11),
        (f"{month}-03", "db.capacity", "", 10, r1),
        (f"{month}-03", "db.used", "", 6, r1),
        (f"{month}-03", "cpu", "", 2, {"service": "db"}),
        (f"{month}-03", "cpu", "", 3, {"service": "mail"}),
    )


def users() -> list[Row]:
    """Return who had which plan, one change among them."""
    return [dict(zip(("user", "plan", "from", "to"), row, strict=True)) for row in PLANS]


def shop(*months: str, model: str = MODEL) -> Inputs:
    """Return the shop's files for some months; October unless said."""
    named = months or ("2025-10",)
    return Inputs(
        model,
        [line for month in named for line in lines(month)],
        [reading for month in named for reading in readings(month)],
        users(),
        revenue=[
            {"user": "ann", "month": month, "amount": "19.90", "currency": "USD"}
            for month in named
        ],
    )  # fmt: skip


def monthly(inputs: Inputs) -> Inputs:
    """Return the same with readings by the month: one window to allocate instead of thirty."""
    rows = [{**row, "time": row["time"][:7]} for row in inputs.readings]
    return replace(inputs, readings=rows)
