"""Roles: who may see and do what."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal, get_args

Role = Literal["viewer", "finance", "operator", "admin"]

ROLES: Final[tuple[Role, ...]] = get_args(Role)
"""``viewer`` sees segments; ``finance`` people, tenants, bills and revenue besides; ``operator``
tenants and what runs now, but no revenue and nobody's figure; ``admin`` everything."""

EVERYONE: Final[frozenset[Role]] = frozenset(ROLES)
"""Whoever has signed in."""
BOOKS: Final[frozenset[Role]] = frozenset({"finance", "admin"})
"""Who may see bills, revenue, and one person's figure."""
WATCH: Final[frozenset[Role]] = frozenset({"operator", "admin"})
"""Who may see what runs now, and act on it."""
HEALTH: Final[frozenset[Role]] = frozenset({"finance", "operator", "admin"})
"""Who may see the state of the data."""
OWNER: Final[frozenset[Role]] = frozenset({"admin"})
"""Who may see what others did."""

FEWEST: Final = 5
"""People in the smallest group that is shown alone to who may not see people."""


@dataclass(frozen=True, slots=True)
class Sight:
    """What of the figures a reader may see."""

    people: bool = True
    """Users and sessions one by one, and so every cut, filter, day and run."""
    tenants: bool = True
    """Tenants one by one: they are parties to a contract."""
    revenue: bool = True
    fewest: int = 0
    """Smaller groups of people are shown together; 0: every group alone."""
    segments: tuple[str, ...] = ()
    """What people who may not be seen are grouped by; the model's first segment unless said."""


EVERYTHING: Final = Sight()
_SIGHTS: Final[Mapping[Role, Sight]] = {
    "viewer": Sight(people=False, tenants=False, revenue=False),
    "finance": EVERYTHING,
    "operator": Sight(people=False, revenue=False),
    "admin": EVERYTHING,
}


def sight(role: Role, fewest: int = FEWEST, segments: tuple[str, ...] = ()) -> Sight:
    """Return what a role sees, where groups under ``fewest`` people are not shown alone."""
    found = _SIGHTS[role]
    return found if found.people else replace(found, fewest=fewest, segments=segments)
