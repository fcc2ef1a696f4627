"""What bills show of a company, before anything is decided: what ``percapita init`` starts from."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from percapita.core.money import ZERO
from percapita.core.sources import Source
from percapita.core.tables import MONEY

TENANT_KEY: Final = re.compile(
    r"(.*[:_/-])?(customer|tenant|client|org|organi[sz]ation|workspace)([ _-]?(id|name|key))?"
)
ENVIRONMENT_KEY: Final = re.compile(r"(.*[:_/-])?(env|environment|stage)([ _-]?(name|type))?")
SERVICE_KEY: Final = re.compile(r"(.*[:_/-])?(service|app|application|component|product)"
                                r"([ _-]?(id|name))?")  # fmt: skip
TEAM_KEY: Final = re.compile(
    r"(.*[:_/-])?(team|owner|squad|cost[ _-]?cent(er|re))([ _-]?(id|name))?"
)
_GIVEN: Final = re.compile(r"cost[ _]?categor(y|ies)/.*")
"""Keys that rules of the bill's account give to charges: no resource can be made to carry them."""
_NOT_LIVE: Final = re.compile(
    r"(non|pre)[ _-]?prod(uction)?|(dev|devel|development|staging|stage|stg|test|testing|tst|qa|"
    r"uat|sandbox|sbx|preview|ci)([ _-]?\d+)?"
)
_MOST: Final = 200
"""Values of a tag key that are looked at, by spend."""
_LINES: Final = "survey_lines"
Rows = Callable[[str], list[tuple[Any, ...]]]
"""Runs SQL."""


@dataclass(slots=True)
class Tag:
    """A tag key, as bills carry it."""

    key: str
    spend: Decimal = ZERO
    lines: int = 0
    values: dict[str, Decimal] = field(default_factory=dict)
    """Value to spend, the dearest ones."""

    def plays(self, part: re.Pattern[str]) -> bool:
        """Tell whether the key is called like this part of a taxonomy, and resources carry it."""
        key = self.key.lower()
        return part.fullmatch(key) is not None and not _GIVEN.fullmatch(key)

    @property
    def not_live(self) -> list[str]:
        """Values that name environments that serve no customer."""
        return [value for value in self.values if _NOT_LIVE.fullmatch(value.lower())]


@dataclass(frozen=True, slots=True)
class Spend:
    """What one service cost."""

    category: str
    """ServiceCategory, empty where the bill has none."""
    service: str
    amount: Decimal
    lines: int


@dataclass(frozen=True, slots=True)
class Resources:
    """Resources of one type."""

    name: str
    amount: Decimal
    count: int
    tagged: Decimal
    """Spend on resources with any tag."""
    named: Decimal
    """Spend on resources with a tag that names a tenant."""


@dataclass(slots=True)
class Survey:
    """What was found in one or more bills; amounts are gross, without credits."""

    sources: list[Source] = field(default_factory=list)
    lines: int = 0
    total: Decimal = ZERO
    currencies: dict[str, int] = field(default_factory=dict)
    basis: str = "effective"
    periods: list[str] = field(default_factory=list)
    spend: list[Spend] = field(default_factory=list)
    """By service, the dearest first; tax is not in it."""
    tax: Decimal = ZERO
    tags: list[Tag] = field(default_factory=list)
    resources: list[Resources] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @property
    def currency(self) -> str:
        """The bills' currency, empty where they have several."""
        return next(iter(self.currencies)) if len(self.currencies) == 1 else ""

    def key(self, part: re.Pattern[str]) -> Tag | None:
        """Return the tag key that plays this part, of several the one with most spend."""
        return next((tag for tag in self.tags if tag.plays(part)), None)

    @property
    def tenant(self) -> Tag | None:
        """The tag key that names customers; one that has the same value everywhere names none."""
        return next((t for t in self.tags if t.plays(TENANT_KEY) and len(t.values) > 1), None)


def survey(sources: Sequence[Source], *, root: Path) -> Survey:
    """Read bills, into no store, and sum up what they show.

    Raises:
        InputError: a file is no bill that can be read.
    """
    from percapita import bills  # noqa: PLC0415
    from percapita.store.engine import Engine  # noqa: PLC0415

    found = Survey(list(sources))
    engine = Engine()
    with closing(engine), tempfile.TemporaryDirectory(prefix="percapita-") as folder:
        engine.load(_LINES, _COLUMNS, [])
        for at, source in enumerate(sources):
            place = Path(folder) / str(at)
            place.mkdir()
            delivery = bills.read(engine, source, root, place)
            engine.insert(_LINES, delivery.lines(), _COLUMNS)
            found.notes += delivery.notes
        _sum_up(engine.rows, found)
    return found


_COLUMNS: Final = {
    "BilledCost": MONEY, "EffectiveCost": MONEY, "BillingCurrency": "string",
    "ChargeCategory": "string", "ServiceCategory": "string", "ServiceName": "string",
    "ResourceId": "string", "ResourceType": "string", "Tags": "map<string,string>",
    "period": "string",
}  # fmt: skip


def _sum_up(rows: Rows, found: Survey) -> None:
    billed, effective, found.lines = rows(
        f"SELECT count(BilledCost), count(EffectiveCost), count(*) FROM {_LINES}"
    )[0]
    found.basis = "effective" if effective or not billed else "billed"
    cost = "EffectiveCost" if found.basis == "effective" else "BilledCost"
    gross = f"greatest(coalesce({cost}, 0), 0)"
    found.currencies = dict(
        rows(
            f"SELECT BillingCurrency, count(*) AS n FROM {_LINES} WHERE BillingCurrency IS NOT NULL"
            " GROUP BY BillingCurrency ORDER BY n DESC, BillingCurrency"
        )
    )
    found.periods = [p for (p,) in rows(f"SELECT DISTINCT period FROM {_LINES} ORDER BY period")]
    _services(rows, found, gross)
    _tags(rows, found, gross)
    _resources(rows, found, gross)


def _services(rows: Rows, found: Survey, gross: str) -> None:
    for category, service, tax, amount, lines in rows(
        "SELECT coalesce(ServiceCategory, ''), coalesce(ServiceName, ''),"
        f" coalesce(ChargeCategory, '') = 'Tax', sum({gross}) AS amount, count(*) FROM {_LINES}"
        " GROUP BY ALL ORDER BY amount DESC, 1, 2, 3"
    ):
        found.total += amount
        if tax:
            found.tax += amount
        else:
            found.spend.append(Spend(category, service, amount, lines))


def _tags(rows: Rows, found: Survey, gross: str) -> None:
    tags: dict[str, Tag] = {}
    for key, value, amount, lines in rows(
        f"SELECT t.key, t.value, sum(amount), count(*) FROM (SELECT {gross} AS amount,"
        f" unnest(map_entries(Tags)) AS t FROM {_LINES} WHERE Tags IS NOT NULL)"
        " WHERE t.value <> '' GROUP BY ALL ORDER BY 3 DESC, 1, 2"
    ):
        tag = tags.setdefault(key, Tag(key))
        tag.spend += amount
        tag.lines += lines
        if len(tag.values) < _MOST:
            tag.values[value] = amount
    found.tags = sorted(tags.values(), key=lambda tag: (-tag.spend, tag.key))


def _resources(rows: Rows, found: Survey, gross: str) -> None:
    tenant = found.tenant
    key = "" if tenant is None else tenant.key.replace("'", "''")
    named = f"coalesce(Tags['{key}'], '') <> ''" if tenant else "false"
    tagged = "coalesce(cardinality(Tags), 0) > 0"
    sql = (
        "SELECT coalesce(ResourceType, ServiceName, 'unknown') AS name, sum(amount) AS amount,"
        f" count(DISTINCT ResourceId), coalesce(sum(amount) FILTER ({tagged}), 0),"
        f" coalesce(sum(amount) FILTER ({named}), 0) FROM (SELECT *, {gross} AS amount"
        f" FROM {_LINES}) WHERE ResourceId IS NOT NULL OR ResourceType IS NOT NULL"
        " GROUP BY name ORDER BY amount DESC, name"
    )
    found.resources = [Resources(*row) for row in rows(sql)]
