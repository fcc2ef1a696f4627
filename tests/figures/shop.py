"""A small shop in October and November 2025: users, an upgrade, bots, idle, what nobody claims."""

from __future__ import annotations

from datetime import date

from figures.world import Part, To, World
from percapita.core.subjects import EXCLUDED, IDLE, NOBODY, UNALLOCATED

MODEL = """
version: 1
currency: USD
timezone: America/New_York
dimensions: [feature]
units:
  active user: {subject: user, window: month, exclude: [bot]}
  daily user: {subject: user, window: day, exclude: [bot]}
  request: {meter: requests}
segments: {tier: {from: users.plan}, country: {from: users.country}}
targets:
  - {unit: active user, cost: 20, segment: {tier: Pro}, due: 2025-12-31}
  - {unit: active user, cost: 10, segment: {tier: Free}}
  - {unit: active user, cost: 50}
pools:
  - {pool: db, match: {ServiceName: db}, by: queries, owner: data team, layer: data}
  - {pool: vendor, match: {ServiceName: mail}, by: mails, scope: third party}
  - {pool: dev, match: {ServiceName: dev}, exclude: true}
  - {pool: tax, match: {ChargeCategory: Tax}, overhead: cost, class: general and administrative}
"""

ANN, BEN, CAT, BOT, ACME = 1, 2, 3, 4, 5
"""Ann upgrades on the 11th, Ben is Pro, Cat has cost and no activity, Acme is a tenant."""

ANN_FREE, ANN_PRO, BEN_PRO, CAT_FREE, BOTS, TENANT = 1, 2, 3, 4, 5, 6


def day(number: int, month: int = 10) -> date:
    """Return a day of October, or of another month."""
    return date(2025, month, number)


def october(model: str = MODEL) -> World:
    """Return the shop's October, not yet written."""
    world = World(model)
    world.subjects = [(kind, name) for kind, name in (
        ("user", "ann"), ("user", "ben"), ("user", "cat"), ("bot", "crawler"), ("tenant", "acme"),
    )]  # fmt: skip
    world.slices = {
        ANN_FREE: ("user", {"tier": "Free", "country": "DE"}),
        ANN_PRO: ("user", {"tier": "Pro", "country": "DE"}),
        BEN_PRO: ("user", {"tier": "Pro", "country": "US"}),
        CAT_FREE: ("user", {"tier": "Free"}),
        BOTS: ("bot", {"tier": "Free"}),
        TENANT: ("tenant", {"tier": "Pro"}),
    }
    _costs(world)
    for number in (3, 4, 20):
        world.active(day(number), ANN, ANN_FREE if number < 11 else ANN_PRO)
        world.active(day(number), ANN, ANN_FREE if number < 11 else ANN_PRO, unit="daily user")
    world.active(day(4), BEN, BEN_PRO)
    world.active(day(4), BEN, BEN_PRO, unit="daily user")
    world.active(day(4), BOT, BOTS, unit="daily user")
    world.rows["activity"].append(
        {"unit": "request", "day": day(4), "subject": 0, "slice": BEN_PRO, "quantity": 70}
    )
    world.rows["activity"].append(
        {"unit": "request", "day": day(4), "subject": 0, "slice": ANN_FREE, "quantity": 30}
    )
    return world


def _costs(world: World) -> None:
    world.line("db", "310", ServiceName="db", SubAccountId="a1", Tags=[("team", "core")])
    world.line("db2", "10", ServiceName="db replica", SubAccountId="a2", SubAccountName="Two")
    world.line("mail", "60", ServiceName="mail")
    world.line("dev", "40", ServiceName="dev")
    world.line("tax", "30.000000000000000001", ServiceName="tax", ChargeCategory="Tax")
    world.line("stray", "7", ServiceName="stray")
    # The month of the database is split once; its lines fall on every day.
    monthly = [Part("db", day(n), "10") for n in range(1, 32)] + [Part("db2", day(5), "10")]
    users = [To(ANN, 1, ANN_FREE), To(ANN, 2, ANN_PRO), To(BEN, 3, BEN_PRO), To(CAT, 1, CAT_FREE)]
    leaf = len(world.rows["groups"]) + 2
    world.group("db", monthly, [To(leaf, 9, group=True), To(IDLE, 1)])
    handed = world.rows["flows"][-1]["amount"]
    world.group("db", [], [*users, To(BOT, 1, BOTS), To(NOBODY, 1)], given=handed)
    one = (day(4), day(5))
    to = [To(ANN, 1, ANN_FREE, "letters"), To(BEN, 1, BEN_PRO), To(ACME, 1, TENANT)]
    world.group("vendor", [Part("mail", day(4), "60")], to, days=one)
    world.group("dev", [Part("dev", day(4), "40")], [To(EXCLUDED, 1)], days=one)
    tax = [Part("tax", day(31), "30.000000000000000001")]
    world.group("tax", tax, [To(ANN, 1, ANN_PRO), To(BEN, 2, BEN_PRO)], days=(day(31), day(1, 11)))
    stray = [Part("stray", day(4), "7")]
    world.group("unallocated", stray, [To(UNALLOCATED, 1)], days=one)


def november() -> World:
    """Return the shop's November: one line, two users."""
    world = World(MODEL, period="2025-11")
    world.slices = {7: ("user", {"tier": "Pro", "country": "DE"}), 8: ("user", {"tier": "Pro"})}
    world.line("db november", "100", ServiceName="db", SubAccountId="a1")
    part = Part("db november", day(2, 11), "100")
    world.group("db", [part], [To(ANN, 1, 7), To(BEN, 3, 8)], days=(day(2, 11), day(3, 11)))
    for subject, number in ((ANN, 7), (BEN, 8)):
        world.active(day(2, 11), subject, number)
    return world
