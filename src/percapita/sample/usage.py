"""What everybody did: the rows of every usage file, and the sums that the truth is made from."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from datetime import date
from random import Random
from typing import Final

from percapita.sample.company import (
    ANONYMOUS,
    BOTS,
    DAYS,
    ENTERPRISE,
    FREE,
    MONTHS,
    OUTLIER,
    PRO,
    REGIONS,
    ZONES,
    Company,
    Stay,
    Stratum,
    User,
)

Key = tuple[str, str, date]
"""Meter, cell and day; the first of the month where a meter is read once a month."""

FEATURES: Final = {
    "boards": "/api/boards",
    "reports": "/api/reports",
    "search": "/api/search",
    "exports": "/api/exports",
    "billing": "/api/billing",
}
_MIXES: Final = (
    ("boards",), ("boards",), ("boards", "search"), ("boards", "search"), ("boards", "reports"),
    ("search",), ("reports", "exports"), ("boards", "reports", "search"), ("billing",),
)  # fmt: skip
_PACE: Final = {FREE: 0.6, PRO: 1.3, ENTERPRISE: 2.0}
_CRAWLERS: Final = ("crawler-one", "crawler-two", "price-scraper")

SILENT = date(2025, 9, 17)
"""The day on which the functions' meter said nothing though they ran."""

HEADERS: Final = {
    "requests": "date,account,kind,feature,path,cluster,hits",
    "db": "date,instance,account,queries",
    "functions": "date,account,ms",
    "tickets": "opened,requester,minutes,title",
    "storage": "month,account,bytes",
    "platform": "date,meter,resource,service,hours",
}


@dataclass(slots=True)
class Usage:
    """Rows by file, and the sums behind them."""

    rows: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))
    """File stem such as ``requests-2025-08`` to its rows, header left out."""
    sums: dict[Key, dict[Stratum, int]] = field(
        default_factory=lambda: defaultdict(lambda: defaultdict(int))
    )
    active: dict[str, dict[int, set[Stay]]] = field(
        default_factory=lambda: {month: defaultdict(set) for month in MONTHS}
    )
    """Month to user number to the subscriptions the user was active in."""

    def add(self, meter: str, cell: str, day: date, stratum: Stratum, quantity: int) -> None:
        """Count a quantity."""
        self.sums[meter, cell, day][stratum] += quantity


def instance(region: str) -> str:
    """Return the shared database of a region, as the bill names it."""
    return f"arn:aws:rds:{ZONES[region]}:210987654321:db:pg-{region}"


def own_instance(tenant: str) -> str:
    """Return the database of a tenant that has its own."""
    return f"arn:aws:rds:{ZONES['us']}:210987654321:db:pg-{tenant}"


def make(seed: int, company: Company, *, silent: bool) -> Usage:
    """Return a quarter of usage; ``silent`` lets one meter miss a day."""
    usage = Usage()
    random = Random(f"{seed}:usage")  # noqa: S311
    recorder = _Recorder(random, company, usage, silent=silent)
    for day, users in zip(DAYS, _attendance(random, company), strict=True):
        for user in users:
            recorder.record(day, user)
        _strangers(random, usage, day, len(company.users) / 20_000)
        _platform(random, usage, day)
    for first in (day for day in DAYS if day.day == 1):
        _stored(random, company, usage, first)
    return usage


def _attendance(random: Random, company: Company) -> list[list[User]]:
    """Return who is active on each day."""
    present: list[list[User]] = [[] for _ in DAYS]
    draw = random.random
    for user in company.users:
        for at, day in enumerate(DAYS):
            chance = user.habit * (0.35 if day.weekday() > 4 else 1.0)  # noqa: PLR2004
            if draw() < chance and day >= user.signup:
                present[at].append(user)
    for tenant in company.dedicated:
        members = [user for user in company.users if user.stays[0].tenant == tenant]
        keeper = min(members, key=lambda user: (user.signup, user.number))
        for at in range(len(DAYS)):
            if not any(user.stays[0].tenant == tenant for user in present[at]):
                present[at].append(keeper)
    return present


class _Recorder:
    """Writes down what one user did on one day, in every system that measures it."""

    def __init__(self, random: Random, company: Company, usage: Usage, *, silent: bool) -> None:
        self._random = random
        self._silent = SILENT if silent else None
        self._usage = usage
        self._own = {tenant: own_instance(tenant) for tenant in company.dedicated}
        self._shared = {region: instance(region) for region in REGIONS}
        # The script of one account sends about a third of all e-mail.
        self._mailing = max(40, len(company.users) * 55 // 1000 // 2)

    def record(self, day: date, user: User) -> None:
        stay = user.stay(day)
        stratum = user.stratum(stay.tier)
        self._usage.active[f"{day:%Y-%m}"][user.number].add(stay)
        hits = self._requests(day, user, stay, stratum)
        self._queries(day, user, stay, stratum, hits)
        self._application(day, user, stratum, hits)
        self._rare(day, user, stratum)

    def _requests(self, day: date, user: User, stay: Stay, stratum: Stratum) -> int:
        draw, usage = self._random.random, self._usage
        hits = 1 + int(user.intensity * _PACE[stay.tier] * (4 + 26 * draw()))
        mix = _MIXES[int(draw() * len(_MIXES))]
        rows = usage.rows[f"requests-{day:%Y-%m}"]
        left = hits
        for at, feature in enumerate(mix, start=1):
            part = left if at == len(mix) else left // 2
            left -= part
            if part:
                path = FEATURES[feature]
                rows.append(f"{day},{user.id},,{feature},{path},{user.region}-1,{part}")
        usage.add("requests", "", day, stratum, hits)
        usage.add("api", "", day, stratum, hits)
        return hits

    def _queries(self, day: date, user: User, stay: Stay, stratum: Stratum, hits: int) -> None:
        queries = hits * (3 + int(6 * self._random.random()))
        place = self._own.get(stay.tenant) or self._shared[user.region]
        self._usage.rows[f"db-{day:%Y-%m}"].append(f"{day},{place},{user.id},{queries}")
        self._usage.add("db.queries", place, day, stratum, queries)
        self._usage.add("db.queries", "", day, stratum, queries)

    def _application(self, day: date, user: User, stratum: Stratum, hits: int) -> None:
        draw, usage = self._random.random, self._usage
        moved = int(hits * (8_000 + 60_000 * draw()))
        parts = [f'"bytes_out": {moved}']
        usage.add("egress", f"{user.region}-1", day, stratum, moved)
        if draw() < 0.6:  # noqa: PLR2004
            milliseconds = 1 + int(hits * (20 + 200 * draw()))
            parts.append(f'"cpu_ms": {milliseconds}')
            usage.add("worker.cpu", "", day, stratum, milliseconds)
        emails = self._mailing if user.number == OUTLIER else 0
        if draw() < 0.2:  # noqa: PLR2004
            emails += 1 + int(3 * draw() * user.intensity)
        if emails:
            parts.append(f'"emails": {emails}')
            usage.add("emails", "", day, stratum, emails)
        usage.rows[f"app-{day:%Y-%m}"].append(
            f'{{"day": "{day}", "account": "{user.id}", "cluster": "{user.region}-1", '
            f"{', '.join(parts)}}}"
        )

    def _rare(self, day: date, user: User, stratum: Stratum) -> None:
        draw, usage = self._random.random, self._usage
        if draw() < 0.15:  # noqa: PLR2004
            milliseconds = 200 + int(5_000 * draw() * user.intensity)
            if day != self._silent:
                usage.rows["functions"].append(f"{day},{user.id},{milliseconds}")
            usage.add("functions.time", "", day, stratum, milliseconds)
        if draw() < (0.004 if stratum.true == FREE else 0.012):
            minutes = 5 * (1 + int(12 * draw()))
            usage.rows["tickets"].append(f'{day},{user.id},{minutes},"How do I, please?"')
            usage.add("tickets.minutes", "", day, stratum, minutes)


def _strangers(random: Random, usage: Usage, day: date, scale: float) -> None:
    """Visitors of the public pages, who have no account, and the machines that read them."""
    month = f"{day:%Y-%m}"
    requests, app = usage.rows[f"requests-{month}"], usage.rows[f"app-{month}"]
    for region in REGIONS:
        hits = 20 + int(5_000 * scale * (1 + random.random()))
        moved = hits * 21_000
        requests.append(f"{day},,anonymous,site,/pricing,{region}-1,{hits}")
        app.append(f'{{"day": "{day}", "cluster": "{region}-1", "bytes_out": {moved}}}')
        usage.rows[f"db-{month}"].append(f"{day},{instance(region)},,{hits}")
        usage.add("requests", "", day, ANONYMOUS, hits)
        usage.add("egress", f"{region}-1", day, ANONYMOUS, moved)
        usage.add("db.queries", instance(region), day, ANONYMOUS, hits)
        usage.add("db.queries", "", day, ANONYMOUS, hits)
    for name in _CRAWLERS:
        hits = 10 + int(3_000 * scale * (1 + random.random()))
        moved = hits * 18_000
        requests.append(f"{day},{name},bot,site,/pricing,us-1,{hits}")
        app.append(
            f'{{"day": "{day}", "account": "{name}", "kind": "bot", "cluster": "us-1", '
            f'"bytes_out": {moved}}}'
        )
        usage.add("requests", "", day, BOTS, hits)
        usage.add("egress", "us-1", day, BOTS, moved)


def _platform(random: Random, usage: Usage, day: date) -> None:
    """Capacity and use of the shared databases, and which service uses the clusters."""
    rows = usage.rows["platform"]
    weekend = day.weekday() > 4  # noqa: PLR2004
    for region in REGIONS:
        used = 384 * (0.38 if weekend else 0.61) * (0.9 + 0.2 * random.random())
        for meter, hundredths in (("db.cpu_capacity", 38_400), ("db.cpu", int(used * 100))):
            hours = f"{hundredths // 100}.{hundredths % 100:02d}"
            rows.append(f"{day},{meter},{instance(region)},,{hours}")
            usage.add(meter, instance(region), day, ANONYMOUS, hundredths)
    for service, share in (("api", 210), ("workers", 120)):
        quarters = int(share * (0.8 + 0.4 * random.random()) * 4)
        rows.append(f"{day},node.cpu,,{service},{quarters // 4}.{quarters % 4 * 25:02d}")
        usage.add("node.cpu", service, day, ANONYMOUS, quarters)


def _stored(random: Random, company: Company, usage: Usage, first: date) -> None:
    """Bytes kept by everybody, those included who never come any more."""
    month = f"{first:%Y-%m}"
    days = [day for day in DAYS if day.month == first.month]
    growth = 1 + 0.03 * MONTHS.index(month)
    for user in company.users:
        if user.signup > days[-1]:
            continue
        stored = int(user.stored * growth * (0.97 + 0.06 * random.random()))
        usage.rows["storage"].append(f"{month},{user.id},{stored}")
        parts = [(stay, sum(stay.covers(day) for day in days)) for stay in user.stays]
        for stay, part in divide(stored, parts):
            usage.add("storage.bytes", "", first, user.stratum(stay.tier), part)


def divide(quantity: int, parts: list[tuple[Stay, int]]) -> list[tuple[Stay, int]]:
    """Divide a whole quantity by days; what rounding leaves goes to the longest stay."""
    total = sum(days for _, days in parts)
    shares = [(2 * quantity * days + total) // (2 * total) for _, days in parts]
    longest = max(range(len(parts)), key=lambda at: parts[at][1])
    shares[longest] += quantity - sum(shares)
    return [(stay, share) for (stay, _), share in zip(parts, shares, strict=True)]
