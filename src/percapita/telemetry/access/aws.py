"""Access logs of AWS: load balancers (ALB), and CloudFront's standard logs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from percapita.store.engine import quote
from percapita.telemetry.access.forms import Form, cookie

ALB: Final = re.compile(
    r'(https?|h2|grpcs?|wss?) \d{4}-\d\d-\d\dT\S+Z \S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ \S+ "'
)
_PARTS: Final = (
    "type", "time", "elb", "client", "target", "request_time", "target_time", "response_time",
    "status", "target_status", "in", "out",
)  # fmt: skip
"""The fields before the first quote."""


def alb() -> Form:
    """Return the form of a load balancer's logs, over lines cut at their quotes."""
    part = {name: f"split_part(c0, ' ', {at})" for at, name in enumerate(_PARTS, start=1)}
    # A time of -1 says that no target answered.
    times = [
        f"greatest(coalesce(TRY_CAST({part[name]} AS DECIMAL(18,6)), 0), 0)"
        for name in ("request_time", "target_time", "response_time")
    ]
    return Form(
        "alb",
        f"{part['time']}[:13]",
        {
            "client": f"regexp_replace({part['client']}, ':[0-9]+$', '')",
            "target": "split_part(c1, ' ', 2)",
            "status": part["status"],
            "out": part["out"],
            "in": part["in"],
            "took": f"CAST({' + '.join(times)} AS VARCHAR)",
            "agent": "c3",
            "resource": part["elb"],
        },
        instant=_utc_hour,
    )


def _utc_hour(when: str, zone: str) -> str:  # noqa: ARG001
    return f"TRY_CAST(concat({when}, ':00:00Z') AS TIMESTAMPTZ)"


_HITS: Final = frozenset({"Hit", "RefreshHit", "OriginShieldHit"})
_MISSES: Final = frozenset({"Miss"})
CLOUDFRONT: Final = ("date", "time", "c-ip", "cs-uri-stem", "sc-status")
"""Columns that the fields of such a log name."""


def cloudfront(columns: Sequence[str]) -> Form:
    """Return the form of CloudFront's logs with these columns, each a cell of its name."""
    known = {
        "client": "c-ip", "target": "cs-uri-stem", "status": "sc-status", "out": "sc-bytes",
        "in": "cs-bytes", "took": "time-taken", "cache": "x-edge-result-type",
        "agent": "cs(User-Agent)", "host": "x-host-header",
    }  # fmt: skip
    fields = {ours: quote(theirs) for ours, theirs in known.items() if theirs in columns}
    if "cs-uri-query" in columns:
        query = quote("cs-uri-query")
        fields["target"] = f"concat({fields['target']}, '?', {query})"
    fields["path"] = quote("cs-uri-stem")
    if "agent" in fields:
        # Blanks in it are written as %20, twice over in older logs.
        fields["agent"] = f"replace(replace({fields['agent']}, '%2520', ' '), '%20', ' ')"

    def others(name: str) -> str | None:
        if name.startswith("cookie.") and "cs(Cookie)" in columns:
            return cookie(quote("cs(Cookie)"), name.removeprefix("cookie."))
        return quote(name) if name in columns else None

    when = f"concat({quote('date')}, ' ', {quote('time')}[:2])"
    return Form(
        "cloudfront", when, fields, instant=_utc_hour, others=others, hits=_HITS, misses=_MISSES
    )
