"""Access logs of every kind become the same readings; lines that are none are set aside."""

from __future__ import annotations

import gzip
import json
from typing import Any

import pytest

from percapita.core.errors import InputError
from percapita.core.tables import READINGS
from telemetry.signal_tables import Taker

CHROME = "Mozilla/5.0 (X11; Linux) Chrome/132.0.0.0"
GOOGLE = "Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)"
ALB = (
    "https {time}Z app/shop/50dc6c495c0c9188 192.0.2.{client}:2817 10.0.0.1:80 0.001 0.020 -1"
    ' {status} 200 34 366 "GET https://shop.example:443/cart/17?page=2 HTTP/1.1" "{agent}" - -'
    ' arn:x "Root=1-58337262" "-" "-" 0 {time}Z "forward" "-" "-" "10.0.0.1:80" "200" "-" "-"'
)
FRONT = (
    "#Version: 1.0\n#Fields: date time x-edge-location sc-bytes c-ip cs-method cs(Host) cs-uri-stem"
    " sc-status cs(Referer) cs(User-Agent) cs-uri-query cs(Cookie) x-edge-result-type cs-bytes"
    " time-taken\n"
)


def line(
    client: str = "192.0.2.1", user: str = "-", time: str = "03/Oct/2025:14:05:09 +0000",
    request: str = "GET /cart/17?page=2 HTTP/1.1", status: int = 200, size: str = "366",
    agent: str = CHROME,
) -> str:  # fmt: skip
    """Write one line of the combined format."""
    return f'{client} - {user} [{time}] "{request}" {status} {size} "-" "{agent}"'


def totals(take: Taker, *columns: str) -> dict[Any, int]:
    """Return the sum of every meter, or of each meter and the columns."""
    view = take.store.bind(READINGS)
    keys = ", ".join(("meter", *columns))
    rows = take.store.engine.rows(
        f"SELECT {keys}, sum(quantity)::BIGINT FROM {view} GROUP BY {keys} ORDER BY {keys}"
    )
    return {row[0] if len(row) == 2 else row[:-1]: row[-1] for row in rows}


def test_combined(take: Taker) -> None:
    """A log is known by its lines; requests, bytes and errors are counted by hour and route."""
    rows = [
        line(), line(status=503), line(client="192.0.2.2", status=404, size="-"),
        line(time="03/Oct/2025:14:59:59 +0000", request="GET /cart/18 HTTP/1.1"),
    ]  # fmt: skip
    taken = take("\n".join(rows), file="access.log")

    assert (taken.kind, taken.format, taken.rows) == ("readings", "access-log", 4)
    assert totals(take) == {"errors": 1, "errors.client": 1, "net.out": 1098, "requests": 4}
    signals = take.rows("readings", "meter", "signals")
    assert sorted(one for one in signals if "errors" in one[0]) == [
        ("errors", "1"), ("errors.client", "1")
    ]  # fmt: skip
    client = take.number("session", "192.0.2.1")
    assert ("2025-10-03 14:00:00+00", "/cart/{id}", "session", client, "3") in take.rows(
        "readings", "time", "operation", "level", "subject", "quantity"
    )
    assert take.store.meter_bases()["net.out"] == "byte"


def test_broken_lines_are_set_aside_with_their_numbers(take: Taker) -> None:
    """A line that is cut off costs itself alone; bad times, statuses and sizes are named."""
    rows = [
        line(), line()[:-30], line(), line(time="03/Oct/2025:25:61:00 +0000"), "",
        line(status=7), line(size="many"), "GET / of nothing", line(),
    ]  # fmt: skip
    taken = take("\n".join(rows), file="access.log")

    assert taken.rows == 3
    assert [(q.row, q.code) for q in take.refused()] == [
        (row, "broken-line") for row in (2, 4, 6, 7, 8)
    ]
    reasons = [q.reason for q in take.refused()]
    assert "a quote is not closed: the line is cut off" in reasons
    assert "it has no status where the format has one" in reasons
    assert not any(q.value for q in take.refused())


def test_quotes_inside_of_cells(take: Taker) -> None:
    """A quote behind a backslash belongs to its cell, and the line counts."""
    take("\n".join([line(), line(agent=r"odd \"quoted\" agent"), line()]), file="access.log")

    assert totals(take)["requests"] == 3
    assert take.refused() == []


def test_what_servers_write_besides(take: Taker) -> None:
    """Bytes that are no UTF-8, garbage instead of a request, blank lines and long paths count."""
    garbage = line(request=r"\x16\x03\x01"), line(request="-", status=408, size="-")
    long = line(request=f"GET /{'x' * 5000}/y HTTP/1.1")
    text = (
        "\n\n".join([line(), *garbage, long]).encode()
        + b"\n"
        + line(agent="\xfc").encode("latin-1")
    )
    taken = take(b"\n\n" + text + b"\r\n" + line()[:-3].encode(), file="access.log")

    assert (taken.rows, [q.row for q in take.refused()]) == (5, [11])
    found = totals(take, "operation")
    assert [found["requests", route] for route in (None, "/cart/{id}", "/{id}/y")] == [2, 2, 1]


def test_logs_without_any_path(take: Taker) -> None:
    """Requests that name no path are counted, of no operation."""
    take("\n".join(line(request="-", status=408) for _ in range(3)), file="access.log")

    assert totals(take, "operation")["requests", None] == 3


def test_ids_in_paths(take: Taker) -> None:
    """Parts that are ids become one word, wherever they stand; what looks like a word stays."""
    uuid = "0b9f3a52-1d33-4c1c-9a3e-7f0d7a5b7c11"
    paths = {
        "/v1/orders/17/18": "/v1/orders/{id}/{id}", f"/u/{uuid}/": "/u/{id}/",
        "/m/jane%40shop.example/x": "/m/{id}/x", "/17": "/{id}", "/a//b": "/a//b",
        "/f/deadbeefdeadbeef/7a.js": "/f/{id}/7a.js", "/": "/", "/v2/{id}/5": "/v2/{id}/{id}",
        f"/t/{'a1' * 12}": "/t/{id}", "/app-20240101.css": "/app-20240101.css",
    }  # fmt: skip
    take("\n".join(line(request=f"GET {path}?q=1 HTTP/1.1") for path in paths), file="access.log")

    found = {route for meter, route in totals(take, "operation") if meter == "requests"}
    assert found == set(paths.values())


def test_logs_that_begin_with_the_host(take: Taker) -> None:
    """Apache's vhost_combined names the host first; the client is still the client."""
    take("\n".join(f"shop.example:443 {line()}" for _ in range(3)), file="access.log")

    assert totals(take, "subject")["requests", int(take.number("session", "192.0.2.1"))] == 3


@pytest.mark.parametrize(
    ("zones", "hours"),
    [
        (["+0200", "+0200"], {"12"}), (["+0530", "+0000"], {"08", "14"}),
        (["-0700", "+0100"], {"21", "13"}),
    ],
)  # fmt: skip
def test_offsets_lead_to_hours_of_utc(take: Taker, zones: list[str], hours: set[str]) -> None:
    """Every line's offset counts, also those of half hours and where they change in a file."""
    take("\n".join(line(time=f"03/Oct/2025:14:05:09 {z}") for z in zones), file="access.log")

    view = take.store.bind(READINGS)
    rows = take.store.engine.rows(f"SELECT DISTINCT strftime(time, '%H') FROM {view}")
    assert {hour for (hour,) in rows} == hours


def test_clients_that_are_bots(take: Taker) -> None:
    """A client is a bot if most of its requests are a crawler's; who signed in never is."""
    rows = [
        line(agent=GOOGLE), line(agent=GOOGLE), line(), line("192.0.2.2", agent=GOOGLE),
        line("192.0.2.2"), line("192.0.2.2"), line("192.0.2.3", user="jane", agent=GOOGLE),
    ]  # fmt: skip
    take("\n".join(rows), file="access.log")
    kinds = take.store.door.kinds()

    assert {n for n, kind in kinds.items() if kind == "bot"} == {
        int(take.number("session", name)) for name in ("192.0.2.1", "192.0.2.3")
    }
    take("\n".join(rows), file="access.log", subject={"user": "user"})
    assert totals(take, "subject")["requests", int(take.number("user", "jane"))] == 1
    assert int(take.number("user", "jane")) not in {
        n for n, kind in take.store.door.kinds().items() if kind == "bot"
    }


def test_no_id_lies_in_the_store_in_clear(take: Taker) -> None:
    """Neither addresses nor names of users are in any file that an import leaves."""
    rows = [line("203.0.113.77", user="jane.doe"), line("203.0.113.77")[:-4]]
    take("\n".join(rows), file="access.log", subject={"user": "user", "session": "client"})
    take.store.close()

    for path in (take.root / ".percapita").rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"203.0.113.77" not in content
        assert b"jane.doe" not in content


def test_routes_are_what_the_source_says(take: Taker) -> None:
    """Patterns come first; else numbers, UUIDs, hashes and addresses are taken out of paths."""
    paths = [
        "/api/users/jane/orders", "/files/a/b/c.txt", "/o/7f9c24e8-3b1a-4c6d-9e0f-1a2b3c4d5e6f/x",
        "/m/jane@example.com", "/v1/health", "http://shop.example/v1/health?x=1", "*",
    ]  # fmt: skip
    rows = [line(request=f"GET {path} HTTP/1.1") for path in paths]
    take("\n".join(rows), file="access.log", routes=("/api/users/*/orders", "/files/**"))

    view = take.store.bind(READINGS)
    found = take.store.engine.rows(
        f"SELECT operation, sum(quantity)::BIGINT FROM {view} WHERE meter = 'requests' GROUP BY 1"
    )
    assert dict(found) == {
        "/api/users/*/orders": 1, "/files/**": 1, "/o/{id}/x": 1, "/m/{id}": 1, "/v1/health": 2,
        None: 1,
    }  # fmt: skip


def test_a_layout_of_ones_own(take: Taker) -> None:
    """A log_format of nginx is read as written: time, length, cache, cookies, query keys."""
    layout = (
        '$remote_addr - $remote_user [$time_iso8601] "$request" $status $bytes_sent $request_length'
        ' "$http_user_agent" rt=$request_time $upstream_cache_status "$cookie_uid" $host'
    )
    rows = [
        f'192.0.2.1 - - [2025-10-03T16:05:09+02:00] "GET /a?u=q{n} HTTP/1.1" 200 10 7 "{CHROME}"'
        f' rt=0.25 {cache} "c{n}" shop.example'
        for n, cache in enumerate(["HIT", "MISS", "-"])
    ]  # fmt: skip
    said: dict[str, Any] = {
        "format": "access-log",
        "layout": layout,
        "columns": {"service": "host"},
    }
    take("\n".join(rows), file="access.log", subject={"user": "cookie.uid"}, **said)

    assert totals(take) == {
        "cache.hits": 1, "cache.misses": 1, "net.in": 21, "net.out": 30, "request.time": 750_000,
        "requests": 3,
    }  # fmt: skip
    assert totals(take, "service", "subject")[
        "requests", "shop.example", int(take.number("user", "c2"))
    ] == 1  # fmt: skip
    take("\n".join(rows), file="access.log", subject={"user": "query.u"}, **said)
    assert totals(take, "subject")["requests", int(take.number("user", "q1"))] == 1


def test_apaches_directives(take: Taker) -> None:
    """Apache's LogFormat is read as written, microseconds included."""
    layout = r"%h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\" %D %{X-Tenant}i"
    take(
        f"{line()} 1500 acme", file="access.log", layout=layout, format="access-log",
        subject={"tenant": "header.x-tenant"},
    )  # fmt: skip

    assert totals(take, "level")["request.time", "tenant"] == 1500


def test_json_lines_of_nginx(take: Taker) -> None:
    """JSON logs are known by their keys; a key or a path of one's own names the subject."""
    record = {
        "time_iso8601": "2025-10-03T14:05:09+00:00", "remote_addr": "192.0.2.1", "status": "200",
        "request": "GET /a/1 HTTP/1.1", "body_bytes_sent": "12", "request_time": "0.5",
        "http_user_agent": CHROME, "auth": {"sub": "u1"},
    }  # fmt: skip
    text = "\n".join([json.dumps(record), "{broken", json.dumps({**record, "status": "500"})])
    taken = take(text, file="access.json")

    assert (taken.format, taken.rows, [q.row for q in take.refused()]) == ("access-log", 2, [2])
    assert totals(take) == {"errors": 1, "net.out": 24, "request.time": 1_000_000, "requests": 2}
    take(text, file="access.json", format="access-log", subject={"user": "$.auth.sub"})
    assert totals(take, "subject")["requests", int(take.number("user", "u1"))] == 2


def test_load_balancers(take: Taker) -> None:
    """An ALB's log gives both directions and the time that was known, by load balancer."""
    text = "\n".join(
        ALB.format(time=f"2025-10-03T14:05:0{n}.1", client=n, status=s, agent=CHROME)
        for n, s in enumerate([200, 502])
    )
    taken = take(gzip.compress(text.encode()), file="elb.log.gz")

    assert taken.rows == 2
    assert totals(take) == {
        "errors": 1, "net.in": 68, "net.out": 732, "request.time": 42_000, "requests": 2,
    }  # fmt: skip
    assert ("requests", "app/shop/50dc6c495c0c9188", "/cart/{id}") in totals(
        take, "resource", "operation"
    )
    assert take.number("session", "192.0.2.1") != "None"


def test_cloudfront(take: Taker) -> None:
    """CloudFront's log is read by the names of its fields: hits, misses, cookies, blanks as %20."""

    def row(*, result: str, client: str = "192.0.2.1", agent: str = "Mozilla/5.0%20Chrome") -> str:
        cells = [
            "2025-10-03", "14:05:09", "FRA2-C1", "500", client, "GET", "d1.cloudfront.net", "/a.js",
            "200", "-", agent, "v=3", "uid=c7;%20x=1", result, "40", "0.125",
        ]  # fmt: skip
        return "\t".join(cells)

    text = FRONT + "\n".join(
        [row(result="Hit"), row(result="Miss"), row(result="Error"), row(result="Hit") + "\tmore"]
    )
    (take.root / "cdn").mkdir()
    (take.root / "cdn" / "E1.2025-10-03-14.abcd.gz").write_bytes(gzip.compress(text.encode()))
    taken = take(b"", file="x", path="cdn", format="access-log", subject={"user": "cookie.uid"})

    assert (taken.rows, taken.quarantined) == (3, 1)
    assert totals(take) == {
        "cache.hits": 1, "cache.misses": 1, "net.in": 120, "net.out": 1500,
        "request.time": 375_000, "requests": 3,
    }  # fmt: skip
    assert totals(take, "subject")["requests", int(take.number("user", "c7"))] == 3


def test_what_a_log_cannot_say(take: Taker) -> None:
    """A subject that the log does not name, and a file that is no log, are errors that say so."""
    with pytest.raises(InputError, match=r"no field 'cookie\.uid'"):
        take(line(), file="access.log", format="access-log", subject={"user": "cookie.uid"})
    with pytest.raises(InputError, match="no access log"):
        take("a,b\n1,2\n", file="x.csv", format="access-log")
    with pytest.raises(InputError, match="has no time"):
        take(line(), file="access.log", format="access-log", layout='$remote_addr "$request"')
