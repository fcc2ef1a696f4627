"""The file ``percapita.yaml``, key by key: where a project's data lies."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast, get_args

from percapita.core.errors import Problem
from percapita.core.sources import KINDS, Meter, Mode, Query, Source
from percapita.core.subjects import SEGMENT, SESSION, TENANT, USER
from percapita.model.check import in_order
from percapita.model.shapes import BAD, At, Choice, Name, Number, WrongError
from percapita.model.structures import Either, Key, Listed, Made, Named, Record
from percapita.model.tags import RULES, Rule, numbered
from percapita.model.yaml import parse
from percapita.project.access import LIMITS, SIGN_IN, VIEWERS, PageLimits, SignIn, Viewers
from percapita.reconcile.journal import Accounts

_TEXT: Final = Name()
_PATH: Final = Name("a path")
_MODES: Final = get_args(Mode)

_METER_EXAMPLE: Final = "meters: {cpu_h: {meter: worker.cpu, unit: h}}"
_SOURCE_EXAMPLE: Final = """\
sources:
  usage: {kind: readings, path: usage/*.csv, columns: {time: ts, user: account}, unit: h}"""


@dataclass(frozen=True, slots=True)
class Settings:
    """What ``percapita.yaml`` says; paths as written."""

    model: str = "model.yaml"
    key: str = "percapita.key"
    catalog: str = ""
    """URL of the catalog's database; a file in the store unless said."""
    labels: tuple[str, ...] = (TENANT, SEGMENT)
    """Kinds of subject whose names are kept readable."""
    sources: tuple[Source, ...] = ()
    taxonomy: str = "taxonomy.yaml"
    resource_map: str = "resource_map.csv"
    price_book: str = "pricebook.yaml"
    contracts: str = "contracts.yaml"
    budgets: str = "budgets.yaml"
    rates: str = ""
    """Exchange rates; none unless said."""
    identity_tags: Mapping[str, str] = field(default_factory=dict)
    """Tags of bills that hold ids of people -> kind of subject; for every source."""
    tags: str | tuple[Rule, ...] = "tags.yaml"
    """Rules for virtual tags, or the file that holds them."""
    journal: Accounts = field(default_factory=Accounts)
    """Accounts of the month's double entries."""
    sign_in: SignIn | None = None
    """How readers of the pages sign in, besides by token."""
    viewers: Viewers = field(default_factory=Viewers)
    limits: PageLimits = field(default_factory=PageLimits)
    """How much readers of the pages may ask."""
    version: int = field(default=1, repr=False)


def _meter(meter: str = "", unit: str = "", scale: int = 1) -> Meter:
    return Meter(meter, unit, scale)


METER: Final = Either(
    (
        Made(Name("a unit"), lambda unit: Meter("", str(unit))),
        Record(
            "A meter column",
            (
                Key("meter", Name("the name of a meter"), "Name of the meter in this column.",
                    _METER_EXAMPLE, default="the name of the column"),
                Key("unit", Name("a unit"), "Unit of the column.", _METER_EXAMPLE,
                    default="the source's unit"),
                Key("scale", Number(low=1, whole=True), "Base units in one unit that percapita does"
                    " not know.", "meters: {credits: {scale: 1000}}"),
            ),
            _meter,
            spec=Meter,
        ),
    )
)  # fmt: skip


def _identities(named: object) -> Mapping[str, str]:
    if isinstance(named, Mapping):
        return named
    return dict.fromkeys(cast("tuple[str, ...]", named), USER)


IDENTITIES: Final = Key(
    "identity tags",
    Made(Either((Listed(_TEXT), Named(_TEXT, Choice((USER, SESSION, TENANT))))), _identities),
    "Tags and columns of bills that hold ids of people: pseudonyms take their place at import.",
    "identity tags: [user_id, x_Owner]       # or {user_id: user, login_session: session}",
    default="none: tags are kept as they are",
)


def _query(**values: Any) -> Query:  # noqa: ANN401
    return Query(**values)


_QUERY_EXAMPLE: Final = """\
queries:
  cpu: {query: container_cpu_usage_seconds_total, unit: core-s}
  memory: {query: sum by (namespace) (container_memory_working_set_bytes), kind: gauge, unit: B}"""

QUERY: Final = Record(
    "A query",
    (
        Key("query", Name("a query"), "A counter's name and labels, or any expression that is a"
            " gauge.", _QUERY_EXAMPLE, required=True),
        Key("kind", Choice(("counter", "gauge")), "Counts by what it grew, or by level times time.",
            _QUERY_EXAMPLE),
        Key("unit", Name("a unit"), "Unit of the value.", _QUERY_EXAMPLE, default="a count"),
        Key("scale", Number(low=1, whole=True), "Base units in one unit that percapita does not"
            " know.", "queries: {gb: {query: written, scale: 1000}}"),
    ),
    _query,
    spec=Query,
)  # fmt: skip


def _seconds(text: object) -> int:
    match = re.fullmatch(r"(\d+)([smh])", str(text))
    if not match or not (seconds := int(match[1]) * {"s": 1, "m": 60, "h": 3600}[match[2]]):
        raise WrongError("not-a-number", f"{text!r} is no time span.", "Write 30s, 5m or 1h.")
    if 3600 % seconds:
        raise WrongError("not-a-number", f"{text!r} does not divide an hour.", "Write 1m or 5m.")
    return seconds


def _secret(found: object) -> str:
    ((kind, name),) = cast("Mapping[str, str]", found).items()
    return f"{kind}:{name}"


def _source(**values: Any) -> Source:  # noqa: ANN401
    url = values.pop("url", "")
    values["path"] = values.get("path") or url
    if not values["path"] and values.get("format") != "postgres":
        raise WrongError("missing-key", "A source needs 'path'.", "Say where it is: path: FILE.")
    meters: Mapping[str, Meter] = values.pop("meters", {})
    named = {column: replace(m, name=m.name or column) for column, m in meters.items()}
    source = Source(name="", meters=named, **values)
    if source.kind is None and source.format == "mapped":
        return replace(source, kind="bill")
    if source.mode == "upsert" and not source.keys:
        raise WrongError("missing-key", "A source in mode 'upsert' needs 'keys'.",
                         "Name the columns that identify a row: keys: [id].")  # fmt: skip
    return source


SOURCE: Final = Record(
    "A source",
    (
        Key("kind", Choice(KINDS), "What it holds.", _SOURCE_EXAMPLE,
            default="found out from the columns"),
        Key("path", _PATH, "File, folder or glob, relative to this file, or s3://bucket/….",
            _SOURCE_EXAMPLE, default="none for a server that is asked"),
        Key("url", Name("a URL"), "Of the server that is asked: Prometheus.",
            "url: http://prometheus.example:9090", default="none: `path` is read"),
        Key("queries", Named(_TEXT, QUERY), "Prometheus: meter to what is asked.", _QUERY_EXAMPLE),
        Key("step", Made(Name("a time span"), _seconds), "Prometheus: time between two looks at a"
            " gauge.", "step: 1m", default="5m"),
        Key("from", _TEXT, "Servers that are asked: when the first import begins.",
            "from: 2025-10-01", field="since", default="a day ago"),
        Key("secret", Made(Named(Choice(("env", "file")), _TEXT), _secret), "Servers that are"
            " asked: where the token or connection string is.", "secret: {env: PROMETHEUS_TOKEN}",
            default="none"),
        Key("endpoint", Name("a URL"), "Of the object store that path leads to.",
            "endpoint: https://minio.example:9000",
            default="AWS_ENDPOINT_URL of the environment, else AWS"),
        Key("format", Name("the name of a format"), "How it is read: a bill format such as `focus`"
            " or `mapped`; csv, jsonl or parquet for signals.",
            "sources:\n  support: {format: mapped, path: support.csv}",
            default="found out from the columns"),
        Key("mode", Choice(_MODES), "What a new delivery does to the last one.",
            "sources:\n  log: {path: log.csv, mode: append}"),
        Key("keys", Listed(_TEXT), "Columns that identify a row, for mode `upsert`.",
            "sources:\n  log: {path: log.csv, mode: upsert, keys: [id]}"),
        Key("columns", Named(_TEXT, _TEXT), "Our name of a column to the file's name.",
            "columns: {time: ts, user: account_id}"),
        Key("values", Named(_TEXT, _TEXT), "Our name of a column to a value, where the file has"
            " none.", "values: {meter: requests, quantity: 1}"),
        Key("unit", Name("a unit"), "Unit of the quantities where no column names it.", "unit: h"),
        Key("scale", Number(low=1, whole=True), "Base units in one unit that percapita does not"
            " know.", "scale: 1000"),
        IDENTITIES,
        Key("subject", Named(Choice((USER, SESSION, TENANT)), _TEXT), "Access logs: kind of subject"
            " to the field that names it: user, client, header.X, cookie.X, query.X or a JSON key.",
            "subject: {user: header.X-User-Id}", default="session: client"),
        Key("routes", Listed(_TEXT), "Access logs: paths that are one operation; * is one part of a"
            " path, ** is any number.", "routes: [/api/users/*, /files/**]",
            default="paths without the ids in them"),
        Key("layout", Name("a log format"), "Access logs: `log_format` of nginx or `LogFormat` of"
            " Apache, where it is neither common nor combined.",
            'layout: \'$remote_addr - $remote_user [$time_local] "$request" $status $bytes_sent\''),
        Key("meters", Named(_TEXT, METER), "Columns of a wide table that hold a meter each.",
            _METER_EXAMPLE),
    ),
    _source,
    spec=Source,
)  # fmt: skip


def _version(version: object) -> object:
    if version != 1:
        message = f"Version {version} of percapita.yaml is not known."
        raise WrongError("unknown-value", message, "This percapita reads version 1.")
    return version


def _numbered(rules: object) -> tuple[Rule, ...]:
    return numbered(cast("tuple[Rule, ...]", rules))


def _settings(**values: Any) -> Settings:  # noqa: ANN401
    named: Mapping[str, Source] = values.pop("sources", {})
    sources = tuple(replace(source, name=name) for name, source in named.items())
    return Settings(sources=sources, **values)


_JOURNAL_EXAMPLE: Final = 'journal: {payable: "2000", classes: {cost of revenue: "5000"}}'

JOURNAL: Final = Record(
    "The journal",
    (
        Key("payable", Name("an account"), "Account of invoices.", _JOURNAL_EXAMPLE,
            default="accounts payable"),
        Key("accrued", Name("an account"), "Account of usage that no invoice has come for.",
            _JOURNAL_EXAMPLE, default="accrued liabilities"),
        Key("prepaid", Name("an account"), "Account of what the basis and the bill differ by.",
            _JOURNAL_EXAMPLE, default="prepaid expenses"),
        Key("classes", Named(_TEXT, Name("an account")), "Class of profit and loss to account.",
            _JOURNAL_EXAMPLE, default="the class itself"),
        Key("pools", Named(_TEXT, Name("an account")), "Pool to account, where it has one of its"
            " own.", 'journal: {pools: {postgres: "5010"}}'),
    ),
    Accounts,
    spec=Accounts,
)  # fmt: skip

PROJECT: Final = Record(
    "The project",
    (
        Key("version", Made(Number(whole=True), _version), "Version of this grammar.",
            "version: 1"),
        Key("model", _PATH, "The cost model.", "model: model.yaml"),
        Key("key", _PATH, "File with the secret of the pseudonyms; never in the store.",
            "key: percapita.key"),
        Key("catalog", Name("a URL"), "PostgreSQL database of the catalog; the password is best"
            " left to PGPASSWORD. PERCAPITA_CATALOG goes first.",
            "catalog: postgresql://percapita@db.example:5432/percapita",
            default="a SQLite file in the store"),
        Key("labels", Listed(Choice((USER, SESSION, TENANT, SEGMENT))),
            "Kinds of subject whose names are kept readable.", "labels: [tenant, segment]"),
        Key("sources", Named(_TEXT, SOURCE), "Inputs, by name.", _SOURCE_EXAMPLE,
            default="none: hand files to percapita import"),
        IDENTITIES,
        Key("taxonomy", _PATH, "Required tag keys.", "taxonomy: taxonomy.yaml"),
        Key("resource map", _PATH, "How each resource type is attributed.",
            "resource map: resource_map.csv"),
        Key("price book", _PATH, "Prices that the bill should charge.",
            "price book: pricebook.yaml"),
        Key("contracts", _PATH, "Contracts with vendors.", "contracts: contracts.yaml"),
        Key("budgets", _PATH, "What may be spent.", "budgets: budgets.yaml"),
        Key("rates", _PATH, "What other currencies are worth.", "rates: rates.csv",
            default="none: every line is in the model's currency"),
        Key("tags", Either((_PATH, Made(RULES, _numbered))),
            "Rules for virtual tags, or the file with them.",
            "tags: [{match: {tags.Env: prd}, set: {Environment: prod}}]"),
        Key("journal", JOURNAL, "Accounts of the month's double entries.", _JOURNAL_EXAMPLE),
        Key("sign in", SIGN_IN, "OpenID provider that readers of the pages sign in with.",
            "sign in: {issuer: https://id.example, client: percapita, roles: {viewer: ['*']}}",
            default="none: readers sign in with tokens"),
        Key("viewers", VIEWERS, "What readers see who may not see people.",
            "viewers: {fewest: 10}"),
        Key("limits", LIMITS, "How much readers of the pages may ask, and how long they stay signed"
            " in.", "limits: {session hours: 8}"),
    ),
    _settings,
    spec=Settings,
)  # fmt: skip


def read(text: str, path: str) -> tuple[Settings | None, list[Problem]]:
    """Return what the file says, and everything that is wrong with it."""
    root, problems = parse(text, path)
    if root is None:
        return None, problems
    at = At(path, problems=problems)
    settings = PROJECT.read(root, at)
    return (None if settings is BAD else cast("Settings", settings)), in_order(problems)
