"""Logs of Apache and nginx: common, combined, a layout of one's own, or JSON lines."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

from percapita.core.errors import InputError
from percapita.store.engine import literal
from percapita.telemetry.access.forms import FIELDS, Form, cookie

COMMON: Final = '$remote_addr - $remote_user [$time_local] "$request" $status $body_bytes_sent'
COMBINED: Final = f'{COMMON} "$http_referer" "$http_user_agent"'

_NGINX: Final = {
    "remote_addr": "client", "realip_remote_addr": "client", "remote_user": "user",
    "time_local": "clf", "time_iso8601": "iso", "msec": "epoch", "request": "request",
    "request_uri": "target", "uri": "target", "status": "status", "body_bytes_sent": "out",
    "bytes_sent": "out", "request_length": "in", "request_time": "took",
    "http_user_agent": "agent", "upstream_cache_status": "cache", "host": "host",
    "server_name": "host", "http_host": "host",
}  # fmt: skip
_APACHE: Final = {
    "h": "client", "a": "client", "u": "user", "t": "bracketed", "r": "request", "s": "status",
    "b": "out", "B": "out", "O": "out", "I": "in", "D": "us", "T": "took", "U": "target",
    "v": "host", "V": "host",
}  # fmt: skip
_VARIABLE: Final = re.compile(
    r"\$\{?(?P<nginx>\w+)\}?|%[<>]?(?:\{(?P<of>[^}]+)\})?[<>]?(?P<apache>[a-zA-Z])"
)
_HITS: Final = frozenset({"HIT", "STALE", "REVALIDATED", "UPDATING"})
_MISSES: Final = frozenset({"MISS", "EXPIRED", "BYPASS"})
_CLF_LENGTH: Final = 26
"""Characters of ``17/May/2015:10:05:03 +0000``."""


class LayoutError(InputError):
    """A layout that says too little."""

    def __init__(self, layout: str, missing: str) -> None:
        super().__init__(
            f"The layout {layout!r} has no {missing}.",
            hint="Copy `log_format` of nginx or `LogFormat` of Apache as it stands there.",
        )


@dataclass(frozen=True, slots=True)
class _Piece:
    """One variable of a layout: which field, in which cell, at which place there."""

    field: str
    cell: int
    at: int
    """Among the variables of the cell, from 0."""


@dataclass(frozen=True, slots=True)
class Layout:
    """A layout cut at its quotes."""

    text: str
    cells: tuple[str, ...]
    pieces: tuple[_Piece, ...]

    @classmethod
    def of(cls, text: str) -> Layout:
        """Read a layout.

        Raises:
            LayoutError: it has no time or no request.
        """
        cells = tuple(text.replace('\\"', '"').split('"'))
        pieces = [
            _Piece(_field(match), cell, at)
            for cell, template in enumerate(cells)
            for at, match in enumerate(_VARIABLE.finditer(template))
        ]
        names = {piece.field for piece in pieces}
        if not names & {"clf", "iso", "epoch", "bracketed"}:
            raise LayoutError(text, "time")
        if not names & {"request", "target"}:
            raise LayoutError(text, "request")
        return cls(text, cells, tuple(pieces))

    def sql(self, piece: _Piece) -> str:
        """Return SQL of a variable's text over the cells ``c0`` and on."""
        cell, template = f"c{piece.cell}", self.cells[piece.cell]
        found = list(_VARIABLE.finditer(template))
        if len(found) == 1 and found[0][0] == template:
            return cell
        between = [template[a.end() : b.start()] for a, b in pairwise(found)]
        before = template[: found[0].start()]
        plain = all(text == " " for text in between) and before.strip() == ""
        spread = {"user", "request", "clf", "bracketed"} & {
            _field(match) for match in found[: piece.at + 1]
        }
        if plain and _field(found[0]) == "status":
            # A status has three digits: what comes next starts at a known place.
            if piece.at == 0:
                return f"substring({cell}, {len(before) + 1}, 3)"
            if piece.at == 1 and len(found) == 2:  # noqa: PLR2004
                return f"substring({cell}, {len(before) + 5})"
        if plain and not spread:
            return f"split_part({cell}, ' ', {len(before) + piece.at + 1})"
        if piece.at == 0 and not before and between[:1] and between[0].startswith(" "):
            return f"regexp_extract({cell}, '^[^ ]*')"
        return f"regexp_extract({cell}, {literal(self.pattern(piece.cell))}, {piece.at + 1})"

    def pattern(self, cell: int) -> str:
        """Return a regular expression with a group for every variable of a cell."""
        template, result, end = self.cells[cell], "^", 0
        found = list(_VARIABLE.finditer(template))
        for at, match in enumerate(found):
            result += re.escape(template[end : match.start()]).replace("\\ ", " +")
            last = at == len(found) - 1 and match.end() == len(template)
            after = template[match.end() : match.end() + 1]
            result += _group(_field(match), after, last=last)
            end = match.end()
        return result


def _group(name: str, after: str, *, last: bool) -> str:
    if name == "bracketed":
        return r"(\[[^\]]*\])"
    if last:
        return "(.*)"
    if name in ("user", "request") or after == "":
        return "(.*?)"
    return r"([^\]]*)" if after == "]" else r"(\S*)"


def _field(match: re.Match[str]) -> str:
    if name := match["nginx"]:
        if name.startswith("cookie_"):
            return f"cookie.{name.removeprefix('cookie_')}"
        if name.startswith("http_") and name not in _NGINX:
            return f"header.{name.removeprefix('http_').replace('_', '-')}"
        return _NGINX.get(name, f"${name}")
    of, kind = match["of"], match["apache"]
    if of and kind in ("i", "C"):
        plain = of.lower()
        if kind == "C":
            return f"cookie.{of}"
        return "agent" if plain == "user-agent" else f"header.{plain}"
    return _APACHE.get(kind, f"%{kind}")


def text_form(layout: Layout) -> Form:
    """Return the form of logs of a layout, over the cells ``c0``, ``c1`` … of a line."""
    sql: dict[str, str] = {}
    for piece in layout.pieces:
        sql.setdefault(piece.field, layout.sql(piece))
    fields = {name: sql[name] for name in FIELDS if name in sql}
    if "request" in sql:
        fields["target"] = f"split_part({sql['request']}, ' ', 2)"
        fields["path"] = f"regexp_extract({sql['request']}, '^[^ ]* ([^ ?]*)', 1)"
    if "us" in sql and "took" not in fields:
        fields["took"] = sql["us"]
    micro = "took" in fields and fields["took"] == sql.get("us")
    every = {"hits": _HITS, "misses": _MISSES, "others": sql.get, "micro": micro}
    return _timed(layout, sql, fields, every)


def _timed(
    layout: Layout, sql: dict[str, str], fields: dict[str, str], every: dict[str, Any]
) -> Form:
    if "iso" in sql:
        return Form("text", _hour(f"TRY_CAST({sql['iso']} AS TIMESTAMPTZ)"), fields, **every)
    if "epoch" in sql:
        return Form("text", _hour(_epoch(sql["epoch"])), fields, **every)
    part = _stamp(layout, sql)
    return Form(
        "text", part(1, 14), fields, zone=part(22, 5), fine=part(1, 17), instant=_clf, **every
    )


def _stamp(layout: Layout, sql: dict[str, str]) -> Callable[[int, int], str]:
    """Return a maker of SQL: so many characters of a time, from the given one on.

    Where the time ends its cell, it is counted from there and no pattern is needed.
    """
    if "bracketed" in sql:
        return lambda first, count: f"substring({sql['bracketed']}, {first + 1}, {count})"
    piece = next(piece for piece in layout.pieces if piece.field == "clf")
    template = layout.cells[piece.cell]
    match = list(_VARIABLE.finditer(template))[piece.at]
    tail = template[match.end() :]
    if "$" in tail or "%" in tail:
        return lambda first, count: f"substring({sql['clf']}, {first}, {count})"
    start = _CLF_LENGTH + len(tail) + 1
    return lambda first, count: f"substring(c{piece.cell}, {first - start}, {count})"


def _clf(when: str, zone: str) -> str:
    whole = f"concat({when}, CASE WHEN length({when}) = 14 THEN ':00' ELSE '' END, ' ', {zone})"
    return f"TRY_CAST(try_strptime({whole}, '%d/%b/%Y:%H:%M %z') AS TIMESTAMPTZ)"


def _hour(instant: str) -> str:
    return f"CAST(date_trunc('hour', {instant}) AS VARCHAR)"


def _epoch(text: str) -> str:
    return f"to_timestamp(TRY_CAST({text} AS DOUBLE))"


JSON_KEYS: Final = {
    "client": ("remote_addr", "client_ip", "remote_ip", "client", "ip", "ClientHost"),
    "user": ("remote_user", "user"),
    "request": ("request",),
    "target": ("request_uri", "uri", "path", "url", "RequestPath"),
    "status": ("status", "status_code", "DownstreamStatus"),
    "out": ("bytes_sent", "body_bytes_sent", "bytes", "size", "DownstreamContentSize"),
    "in": ("request_length", "bytes_received"),
    "took": ("request_time", "duration"),
    "cache": ("upstream_cache_status", "cache_status"),
    "agent": ("http_user_agent", "user_agent"),
    "host": ("host", "server_name", "http_host"),
    "time": ("time_iso8601", "time", "timestamp", "@timestamp", "ts", "msec", "time_local"),
}
"""Field -> keys that name it in JSON logs, the best first."""


def json_form(keys: frozenset[str], columns: dict[str, str]) -> Form | None:
    """Return the form of JSON logs with these keys, over ``line``; ``None`` where they are none."""
    chosen = {
        name: columns.get(name) or next((k for k in known if k in keys), "")
        for name, known in JSON_KEYS.items()
    }
    sql = {name: key_sql(key) for name, key in chosen.items() if key}
    fields = {name: sql[name] for name in FIELDS if name in sql}
    if "target" not in fields and "request" in sql:
        fields["target"] = f"split_part({sql['request']}, ' ', 2)"
    if "time" not in sql or not {"target", "status"} & fields.keys():
        return None
    return Form(
        "json", _hour(_any_time(sql["time"])), fields, others=_json_other, hits=_HITS,
        misses=_MISSES,
    )  # fmt: skip


def key_sql(key: str) -> str:
    """Return SQL of the text under a key of the object ``line``, or under a path ``$.a.b``."""
    path = key if key.startswith("$.") else '$."' + key.replace('"', '\\"') + '"'
    return f"json_extract_string(line, {literal(path)})"


def _json_other(name: str) -> str | None:
    if name.startswith("cookie."):
        return cookie(key_sql("http_cookie"), name.removeprefix("cookie."))
    if name.startswith("header."):
        return key_sql("http_" + name.removeprefix("header.").lower().replace("-", "_"))
    return key_sql(name)


def _any_time(text: str) -> str:
    clf = f"TRY_CAST(try_strptime({text}, '%d/%b/%Y:%H:%M:%S %z') AS TIMESTAMPTZ)"
    return (
        f"CASE WHEN regexp_full_match({text}, '[0-9.]+') THEN {_epoch(text)}"
        f" ELSE coalesce(TRY_CAST({text} AS TIMESTAMPTZ), {clf}) END"
    )
