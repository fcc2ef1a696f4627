"""The company's customers: tenants, users, what they are subscribed to, and when that changes."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date, timedelta
from random import Random
from typing import Final, NamedTuple

FREE, PRO, ENTERPRISE = "Free", "Pro", "Enterprise"
TIERS = (FREE, PRO, ENTERPRISE)
COMMUNITY = "community"
"""The workspace that all free users share."""

FIRST, LAST = date(2025, 8, 1), date(2025, 11, 1)
DAYS = tuple(FIRST + timedelta(days=n) for n in range((LAST - FIRST).days))
MONTHS = ("2025-08", "2025-09", "2025-10")
REGIONS = ("eu", "us", "ap")
ZONES = {"eu": "eu-central-1", "us": "us-east-1", "ap": "ap-southeast-1"}

FEWEST = 200
"""Below this many users some tiers would stand empty."""

OUTLIER = 42
"""Number of the user whose script sends most of the e-mail."""
TYPO = 43
"""Number of the user whose tier is misspelt in the list of users."""
GHOST = 44
"""Number of the user whom the list of users has forgotten."""
TWICE = 45
"""Number of the user whom the list of users names twice for the same time."""

_FIRST_WORDS = ("amber", "birch", "cedar", "delta", "ember", "fjord", "garnet", "harbor", "indigo",
                "juniper", "kestrel", "lumen", "maple", "nimbus", "onyx", "pepper", "quartz",
                "river", "slate", "timber")  # fmt: skip
_LAST_WORDS = ("analytics", "bakery", "capital", "dental", "estates", "forge", "grid", "hotels",
               "imports", "joinery", "kitchens", "labs", "motors", "networks", "optics", "press",
               "quarry", "robotics", "studios", "transport")  # fmt: skip


class Stratum(NamedTuple):
    """Where a user belongs in truth, and where the delivered files put them."""

    true: str
    delivered: str


ANONYMOUS = Stratum("anonymous", "anonymous")
BOTS = Stratum("bots", "bots")


@dataclass(frozen=True, slots=True)
class Stay:
    """A user's subscription from ``start`` up to ``end``; ``None`` is open."""

    tenant: str
    tier: str
    start: date | None = None
    end: date | None = None

    def covers(self, day: date) -> bool:
        """Tell whether the day lies in the stay."""
        return (not self.start or self.start <= day) and (not self.end or day < self.end)


@dataclass(slots=True)
class User:
    """One account."""

    number: int
    signup: date
    region: str
    stays: tuple[Stay, ...]
    habit: float
    """Chance to be active on a working day; 0 for those who left without closing the account."""
    intensity: float
    """How much more than the typical user; most of it is in few hands."""
    stored: int
    """Bytes kept at the end of the first month."""

    @property
    def id(self) -> str:
        """Return the account as every system writes it."""
        return f"u{self.number:05d}"

    def stay(self, day: date) -> Stay:
        """Return the subscription that holds on that day."""
        return next(stay for stay in self.stays if stay.covers(day))

    def stratum(self, tier: str) -> Stratum:
        """Return the tier in truth and as delivered."""
        told = {TYPO: "Enterprize", GHOST: ""}.get(self.number, tier)
        return Stratum(tier, told)


@dataclass(slots=True)
class Tenant:
    """A paying organisation, or the community."""

    id: str
    tier: str
    region: str
    weight: float
    upgrade: date | None = None
    """The day on which a Pro tenant becomes an Enterprise one."""
    users: list[int] = field(default_factory=list)


@dataclass(slots=True)
class Company:
    """Everyone who is served."""

    tenants: dict[str, Tenant]
    users: list[User]
    dedicated: tuple[str, ...]
    """Tenants with a database of their own."""


def make(seed: int, count: int) -> Company:
    """Return the company; equal arguments give the equal company."""
    random = Random(f"{seed}:company")  # noqa: S311
    tenants = _tenants(random, max(12, count // 50))
    tiers = _tiers(random, count)
    users = [_user(random, number, tier, tenants) for number, tier in enumerate(tiers, start=1)]
    for user in users:
        _move(random, user, tenants)
    sizes = {tenant.id: 0 for tenant in tenants.values()}
    for user in users:
        sizes[user.stays[0].tenant] += 1
    # Users never move into an Enterprise tenant, so who is in one of these stays in it.
    large = [t.id for t in tenants.values() if t.tier == ENTERPRISE and sizes[t.id]]
    large.sort(key=lambda name: (-sizes[name], name))
    return Company(tenants, users, tuple(large[: max(2, min(12, len(large) // 3))]))


def _tenants(random: Random, count: int) -> dict[str, Tenant]:
    names = [f"{first}-{last}" for first in _FIRST_WORDS for last in _LAST_WORDS]
    random.shuffle(names)
    if count > len(names):
        names += [f"{name}-{n}" for n in range(2, count // len(names) + 2) for name in names]
    tenants = {COMMUNITY: Tenant(COMMUNITY, FREE, "us", 1.0)}
    for at, name in enumerate(names[: count - 1]):
        tier = ENTERPRISE if at % 7 == 0 else PRO
        tenants[name] = Tenant(name, tier, random.choice(REGIONS), 1 / (1 + at // 7) ** 0.6)
    for tenant in random.sample(
        [t for t in tenants.values() if t.tier == PRO], max(2, count // 50)
    ):
        tenant.upgrade = random.choice(DAYS[5:-5])
    return tenants


def _tiers(random: Random, count: int) -> list[str]:
    enterprise, pro = count * 13 // 100, count * 245 // 1000
    tiers = [ENTERPRISE] * enterprise + [PRO] * pro + [FREE] * (count - enterprise - pro)
    random.shuffle(tiers)
    # The accounts that the planted errors are about have a known place in the company.
    for number, tier in ((OUTLIER, PRO), (TYPO, ENTERPRISE), (GHOST, FREE), (TWICE, FREE)):
        at = number - 1
        swap = next(i for i, t in enumerate(tiers) if t == tier and not OUTLIER <= i + 1 <= TWICE)
        tiers[at], tiers[swap] = tier, tiers[at]
    return tiers


_HABIT = {FREE: (0.01, 0.16), PRO: (0.08, 0.42), ENTERPRISE: (0.15, 0.55)}
_DORMANT = {FREE: 0.30, PRO: 0.06, ENTERPRISE: 0.03}
_STORED = {FREE: 60_000_000, PRO: 900_000_000, ENTERPRISE: 3_200_000_000}


def _user(random: Random, number: int, tier: str, tenants: dict[str, Tenant]) -> User:
    settled = OUTLIER <= number <= TWICE
    home = _home(random, tier, tenants, settled=settled)
    signup = date(2023, 1, 1) + timedelta(days=int(1025 * random.random() ** 0.7))
    if settled:
        signup = date(2024, 3, number - OUTLIER + 4)
    stays: tuple[Stay, ...] = (Stay(home.id, tier),)
    if home.upgrade:
        stays = (Stay(home.id, PRO, None, home.upgrade), Stay(home.id, ENTERPRISE, home.upgrade))
    dormant = random.random() < _DORMANT[tier] and not settled
    low, high = _HABIT[tier]
    habit = 0.0 if dormant else low + (high - low) * random.random() ** 1.5
    if settled:
        habit = 0.9
    intensity = random.lognormvariate(0.0, 0.9)
    stored = int(_STORED[tier] * random.lognormvariate(0.0, 1.1))
    region = home.region if tier != FREE else random.choice(REGIONS)
    return User(number, signup, region, stays, habit, intensity, stored)


def _home(random: Random, tier: str, tenants: dict[str, Tenant], *, settled: bool) -> Tenant:
    if tier == FREE:
        return tenants[COMMUNITY]
    fitting = [t for t in tenants.values() if t.tier == tier and not (settled and t.upgrade)]
    return random.choices(fitting, [t.weight for t in fitting])[0]


_MOVES: Final = 0.03
"""Share of the users who change their tier, of those who can."""


def _move(random: Random, user: User, tenants: dict[str, Tenant]) -> None:
    """Let a few free users become paying ones, and a few Pro users leave for the free tier."""
    draw, day = random.random(), random.choice(DAYS[3:-3])
    settled = OUTLIER <= user.number <= TWICE
    stay = user.stays[0]
    if settled or len(user.stays) > 1 or user.signup >= FIRST:
        return
    if stay.tier == FREE and user.habit and draw < _MOVES:
        home = _home(random, PRO, tenants, settled=True)
        user.stays = (Stay(COMMUNITY, FREE, None, day), Stay(home.id, PRO, day))
    elif stay.tier == PRO and draw < _MOVES:
        user.stays = (Stay(stay.tenant, PRO, None, day), Stay(COMMUNITY, FREE, day))
