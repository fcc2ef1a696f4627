"""A cost model, taxonomy and resource map written from what bills show, for someone to edit."""

from __future__ import annotations

import csv
import io
import json
import re
from collections import defaultdict
from decimal import Decimal
from typing import Final

from percapita.core import money
from percapita.core.money import ZERO
from percapita.project.survey import (
    ENVIRONMENT_KEY,
    SERVICE_KEY,
    TEAM_KEY,
    TENANT_KEY,
    Resources,
    Spend,
    Survey,
    Tag,
)

_PLAIN: Final = re.compile(r"(\.\./)*[A-Za-z]([\w ./+-]*[\w./+-])?")
_WORDS: Final = frozenset({"yes", "no", "true", "false", "on", "off", "null", "y", "n"})
_RESERVED: Final = {"unallocated", "rounding", "credits"}
_POOLS: Final = 16
"""Pools proposed at most; what is smaller stays unallocated until someone adds it."""
_SMALL: Final = Decimal("0.2")
"""Percent of spend below which a service gets no pool of its own."""
_ALIKE: Final = 90
"""Percent of spend from which a resource type counts as direct."""
_SEEN: Final = 10
"""Percent of spend below which a tag says nothing of a resource type."""

_LONG: Final = 40
"""Characters of a text that a comment shows."""

_ADVICE: Final = (
    ("databas", "data", "by: db.queries", "queries, query time or bytes of each user"),
    ("storage", "data", "by: storage.bytes", "bytes stored by each user"),
    ("comput", "service", "by: cpu", "CPU time or requests of each user"),
    ("container", "service", "by: cpu", "CPU time or requests of each user"),
    ("network", "network", "by: egress.bytes", "bytes moved for each user"),
    ("ai and machine", "AI", "by: tokens", "tokens or requests of each user"),
    ("analytics", "data", "by: events", "events or bytes scanned for each user"),
    ("integration", "service", "by: messages", "messages or API calls of each user"),
    ("web", "service", "by: requests", "requests of each user"),
    ("management", "observability", "by: active", "even over active users"),
    ("security", "security", "by: active", "even over active users"),
    ("identity", "security", "by: active", "even over active users"),
    ("developer", "CI/CD", "exclude: true", "development serves no user yet"),
)
"""Part of a service category -> layer, method, and what the driver would be."""
_OTHER: Final = ("", "by: active", "a meter of your own, or even over active users")


def text(value: str) -> str:
    """Write a text as YAML reads it back."""
    if _PLAIN.fullmatch(value) and value.lower() not in _WORDS:
        return value
    return json.dumps(value, ensure_ascii=False)


def model(found: Survey) -> str:
    """Return the text of a cost model for these bills. It loads, and runs on them, as it is."""
    pools = [*_excluded(found), *_overheads(found), *_direct(found), *_services(found)]
    months = " to ".join(dict.fromkeys([*found.periods[:1], *found.periods[-1:]])) or "no month"
    head = f"""\
# The cost model: how every bill line finds the users it was spent on. Proposed from
# {found.lines:,} bill lines of {months}, {_amount(found.total)} {found.currency} gross.
# Order matters: a line belongs to the first pool that it fits; what fits none is unallocated.
# Check it with `percapita model check`; every key is in `percapita model schema`.
version: 1
currency: {next(iter(found.currencies), "USD")}
timezone: UTC
basis: {found.basis}

units:                     # the first is primary: cost per active user
  active user: {{subject: user, active: any reading, window: month, exclude: [bot]}}

# segments:                # what figures can be cut by; `users` is a source in percapita.yaml
#   tier: {{from: users.plan}}
#   cohort: {{from: users.signup, by: month}}

credits: follow            # credits and refunds go with the lines they correct
free tier: product         # or acquisition
"""
    return "\n".join([head, "pools:", *pools]) if pools else head


def _pool(name: str, match: str, rest: list[str], comment: str) -> str:
    lines = [f"  # {comment}", f"  - pool: {text(name)}", f"    match: {{{match}}}"]
    return "\n".join([*lines, *(f"    {line}" for line in rest)]) + "\n"


def _said(value: str) -> str:
    """Return a text of the bill's as a comment can carry it."""
    plain = " ".join(value.split())
    return plain if len(plain) <= _LONG else f"{plain[:_LONG]}…"


def _amount(amount: Decimal) -> str:
    return f"{amount:,.2f}"


def _share(part: Decimal, whole: Decimal) -> Decimal:
    return money.percent(part, whole) or ZERO


def _excluded(found: Survey) -> list[str]:
    tag = found.key(ENVIRONMENT_KEY)
    if tag is None or not tag.not_live:
        return []
    values = ", ".join(text(value) for value in tag.not_live)
    spend = sum((tag.values[value] for value in tag.not_live), ZERO)
    rest = ["exclude: true", "class: research and development"]
    comment = f"{_amount(spend)}: environments that serve no customer stay in the total, not in"
    return [
        _pool(
            "engineering productivity", f"{text(f'tags.{tag.key}')}: [{values}]", rest,
            f"{comment} unit cost.",
        )
    ]  # fmt: skip


def _overheads(found: Survey) -> list[str]:
    pools = []
    if found.tax:
        comment = f"{_amount(found.tax)}: in proportion to the cost already allocated."
        pools.append(_pool("tax", "ChargeCategory: Tax", ["overhead: cost"], comment))
    plans = [s for s in found.spend if "support" in s.service.lower()]
    if plans:
        names = ", ".join(dict.fromkeys(text(plan.service) for plan in plans))
        comment = (
            f"{_amount(sum((p.amount for p in plans), ZERO))}: support follows what it is for."
        )
        rest = ["overhead: cost", "scope: people", "layer: support"]
        pools.append(_pool("support", f"ServiceName: [{names}]", rest, comment))
    return pools


def _direct(found: Survey) -> list[str]:
    tag = found.tenant
    if tag is None:
        return []
    comment = (
        f"{_amount(tag.spend)}, {_share(tag.spend, found.total):.1f} % of spend: the line names"
        " its customer."
    )
    key = text(f"tags.{tag.key}")
    rest = [f"direct: {{tenant: {key}}}"]
    rest.append(f"# direct: {{tenant: {key}, then: {{by: requests}}}}   # on to each one's users")
    return [_pool("tagged to a customer", f"{key}: present", rest, comment)]


def _services(found: Survey) -> list[str]:
    grouped: dict[str, list[Spend]] = defaultdict(list)
    for spend in found.spend:
        if "support" not in spend.service.lower():
            grouped[spend.category or spend.service].append(spend)
    totals = {name: sum((s.amount for s in of), ZERO) for name, of in grouped.items()}
    dearest = sorted((name for name in grouped if name), key=lambda name: (-totals[name], name))
    pools, used = [], {"tax", "support", "engineering productivity", "tagged to a customer"}
    for name in dearest[:_POOLS]:
        if _share(totals[name], found.total) < _SMALL:
            break
        pool = name.lower() if name.lower() not in used | _RESERVED else f"{name.lower()} services"
        pools.append(_service(pool, name, grouped[name], found))
        used.add(pool)
    return pools


def _service(pool: str, name: str, of: list[Spend], found: Survey) -> str:
    spend = sum((s.amount for s in of), ZERO)
    column = "ServiceCategory" if of[0].category else "ServiceName"
    needle = " ".join([name, *(s.service for s in of[:1])]).lower()
    layer, method, driver = next(
        ((layer, method, driver) for part, layer, method, driver in _ADVICE if part in needle),
        _OTHER,
    )
    shown = ", ".join(f"{_said(s.service) or 'unnamed'} {_amount(s.amount)}" for s in of[:3])
    more = f" and {len(of) - 3} more" if len(of) > 3 else ""  # noqa: PLR2004
    comment = f"{_amount(spend)}, {_share(spend, found.total):.1f} % of spend: {shown}{more}."
    rest = [f"# {method:<22} # {driver}; unallocated until a method is set"]
    rest += [f"layer: {layer}"] if layer else []
    rest += ["scope: third party"] if column == "ServiceName" else []
    return _pool(pool, f"{column}: {text(name)}", rest, comment)


def taxonomy(found: Survey | None) -> str:
    """Return the text of a tag taxonomy: required keys, and what the bills carry."""
    parts = [(ENVIRONMENT_KEY, "Environment"), (SERVICE_KEY, "Service"),
             (TENANT_KEY, "CustomerID"), (TEAM_KEY, "Team")]  # fmt: skip
    seen = [(found.key(part) if found else None, name) for part, name in parts]
    required = list(dict.fromkeys(tag.key if tag else name for tag, name in seen))
    lines = [
        "# Tag keys that every resource must carry, and the goal in percent of spend.",
        "# `percapita check` measures coverage by spend and by resource count.",
        f"required: [{', '.join(text(key) for key in required)}]",
        "target: 90",
        "",
        "# Allowed values, where they are fixed:",
        *_allowed(seen[0][0]),
    ]
    if found and found.tags:
        lines += ["", "# Tag keys on the bills, by the spend they cover:"]
        lines += [
            f"#   {_said(tag.key)}: {_share(tag.spend, found.total):.1f} % of spend,"
            f" {len(tag.values)} values, such as {', '.join(map(_said, list(tag.values)[:3]))}"
            for tag in found.tags[:40]
        ]
    elif found:
        lines += ["", "# The bills carry no tags yet."]
    return "\n".join(lines) + "\n"


def _allowed(environment: Tag | None) -> list[str]:
    if environment is None:
        return ["# values:", "#   Environment: [production, staging, development]"]
    values = ", ".join(text(value) for value in list(environment.values)[:12])
    return ["values:", f"  {text(environment.key)}: [{values}]"]


def resource_map(found: Survey | None) -> str:
    """Return the text of a resource map: each resource type and how it is attributed."""
    stream = io.StringIO()
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(
        ["resource type", "usage pattern", "tagging status", "attribution method", "spend"]
    )
    if found is None:
        stream.write(
            "# usage pattern: direct (one customer uses it), shared, or mixed. For example:\n"
            "# Database instance,shared,tagged,by db.queries,\n"
            "# Storage bucket,direct,tagged,direct by tags.CustomerID,\n"
        )
        return stream.getvalue()
    tenant = found.tenant
    for resources in found.resources:
        writer.writerow(_mapped(resources, tenant))
    return stream.getvalue()


def _mapped(resources: Resources, tenant: Tag | None) -> list[str]:
    named = _share(resources.named, resources.amount)
    pattern = "direct" if named >= _ALIKE else "mixed" if named >= _SEEN else "shared"
    tagged = _share(resources.tagged, resources.amount)
    status = "tagged" if tagged >= _ALIKE else "partly tagged" if tagged >= _SEEN else "untagged"
    method = f"direct by tags.{tenant.key}" if tenant and pattern != "shared" else ""
    return [resources.name, pattern, status, method, str(money.text(resources.amount))]
