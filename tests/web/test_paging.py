"""Every list of the API comes in pages by one mechanism, or says what bounds it."""

from __future__ import annotations

import csv
import io
import json
import re
import shutil
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote

import pytest

from percapita.cli.main import run
from percapita.project import Project
from percapita.store.trail import Trail
from percapita.web.api.contract import RESULTS
from percapita.web.api.lists import LISTS, WHOLE
from percapita.web.api.openapi import SCHEMAS
from percapita.web.shapes.live import LIVE
from web.serving import Site, served

HEADER: Final = """BillingCurrency,BilledCost,EffectiveCost,ChargePeriodStart,ChargePeriodEnd,\
BillingPeriodStart,BillingPeriodEnd,ChargeCategory,ServiceName,BillingAccountId"""
SPAN: Final = "2025-10-01T00:00Z,2025-10-03T00:00Z,2025-10-01T00:00Z,2025-11-01T00:00Z"
PEOPLE: Final = ("ann", "bob", "cid", "dan", "eve")


@pytest.fixture(scope="module")
def company(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a project of which every list has at least two rows; nobody changes it."""
    folder = tmp_path_factory.mktemp("paged") / "acme"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERCAPITA_NOW", "2025-11-05T00:00:00Z")
        assert run(["init", str(folder)]) == 0
        model = """currency: USD
pools:
  - {pool: web, match: {ServiceName: Web}, by: requests}
"""
        (folder / "model.yaml").write_text(model, encoding="utf-8")
        usage = ["hour,subject,subject_kind,meter,quantity"]
        usage += [f"2025-10-01T08:00Z,{who},user,requests,{n}" for n, who in enumerate(PEOPLE, 1)]
        _take(folder, "usage", usage)
        for cost in (100, 90):
            rows = [f"USD,{cost},{cost},{SPAN},Usage,Web,a"]
            rows += [f"USD,{cost},no number,{SPAN},Usage,Web,a"] * 4
            _take(folder, "bill", [HEADER, *rows])
            assert run(["run", "--project", str(folder)]) == 0
            decided = ["decision", "record", f"Cost {cost}", "--figure", "total"]
            assert run([*decided, "--period", "2025-10", "--project", str(folder)]) == 0
            saved = ["view", "save", f"View {cost}", "--by", "pool"]
            assert run([*saved, "--project", str(folder)]) == 0
    return folder


def _take(folder: Path, name: str, lines: list[str]) -> None:
    (folder / f"{name}.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    assert run(["import", str(folder / f"{name}.csv"), "--source", name,
                "--project", str(folder)]) in (0, 1)  # fmt: skip


@pytest.fixture(scope="module")
def paged(company: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a copy of it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PERCAPITA_NOW", "2025-11-05T00:00:00Z")
        with served(shutil.copytree(company, tmp_path_factory.mktemp("served") / "acme")) as site:
            yield site


def _asked(site: Site, page: str, which: str) -> str:
    """Return the question whose answer has the list."""
    if page == "line":
        line = site.get("/api/v1/explain?subject=ann").json["lines"][0]["LineId"]
        return f"?id={line}"
    more = f"&list={which}" if len(LISTS[page]) > 1 else ""
    return f"?{ {'cost': 'by=user', 'statements': 'by=user'}.get(page, '') }{more}".replace(" ", "")


def _arrays(schema: Any) -> set[str]:  # noqa: ANN401 any JSON
    """Return the names under which an answer has lists."""
    if "$ref" in schema:
        return _arrays(SCHEMAS[schema["$ref"].rpartition("/")[2]])
    found = {name for one in schema.get("anyOf", ()) for name in _arrays(one)}
    parts = schema.get("properties", {}).items()
    return found | {name for name, part in parts if part.get("type") == "array"}


def test_every_list_comes_in_pages_or_says_what_bounds_it() -> None:
    """A new list of any address stands in one of two tables; none stands there for nothing."""
    for page, schema in (*RESULTS.items(), ("live", LIVE)):
        paged, whole = set(LISTS.get(page, ())), set(WHOLE.get(page, ()))

        assert _arrays(schema) == paged | whole, page
        assert not paged & whole
    assert {*LISTS, *WHOLE} <= {*RESULTS, "live"}


EACH: Final = [(page, which) for page, names in LISTS.items() for which in names]


def _pages(site: Site, address: str) -> Iterator[Any]:
    """Follow the links of a list from its first page to its last."""
    while address:
        reply = site.get(address)
        assert reply.status == 200, reply.text
        yield reply
        link = reply.headers.get("link", "")
        address = link.removeprefix("<").removesuffix('>; rel="next"')
        assert link in ("", f'<{address}>; rel="next"')


@pytest.mark.parametrize(("page", "which"), EACH)
def test_the_pages_of_a_list_are_the_list(paged: Site, page: str, which: str) -> None:
    """One row a page, or two, by links alone: together they are what the whole list says."""
    asked = _asked(paged, page, which)
    whole = paged.get(f"/api/v1/{page}{asked}&limit=10000").json[which]
    for limit in (1, 2):
        replies = list(_pages(paged, f"/api/v1/{page}{asked}&limit={limit}"))
        found = [reply.json[which] for reply in replies]

        assert [row for rows in found for row in rows] == whole
        assert [len(rows) for rows in found[:-1]] == [limit] * (len(found) - 1)
        assert replies[-1].json["next"] is None
        for reply in replies[:-1]:
            assert quote(reply.json["next"]) in reply.headers["link"]
    assert len(whole) >= 2


@pytest.mark.parametrize("page", ["cost", "statements", "line", "decisions", "views", "audit"])
def test_files_come_in_the_same_pages(paged: Site, page: str) -> None:
    """CSV has no place for a cursor: its Link header leads on, to the very same rows."""
    asked = _asked(paged, page, LISTS[page][0])
    whole = list(csv.reader(io.StringIO(paged.get(f"/{page}.csv{asked}&limit=10000").text)))
    found = [
        list(csv.reader(io.StringIO(reply.text)))
        for reply in _pages(paged, f"/{page}.csv{asked}&limit=1")
    ]

    assert len(found) > 1
    assert {tuple(rows[0]) for rows in found} == {tuple(whole[0])}
    # Totals and named lines of a statement stand on every page.
    apart = page in ("cost", "statements")
    kept = [row for rows in found for row in rows[1:] if not apart or row[0] == "row"]
    assert kept == [row for row in whole[1:] if not apart or row[0] == "row"]


@pytest.mark.parametrize(("page", "which"), EACH)
def test_a_cursor_opens_its_own_list_alone(paged: Site, page: str, which: str) -> None:
    """One that was changed, cut, lengthened, or is of another question is refused as a problem."""
    asked = _asked(paged, page, which)
    cursor = paged.get(f"/api/v1/{page}{asked}&limit=1").json["next"]
    swapped = cursor[:30] + ("A" if cursor[30] != "A" else "B") + cursor[31:]
    other = paged.get("/api/v1/cost?by=pool&by=user&limit=1").json["next"]
    for wrong in (swapped, cursor[1:], f"{cursor}AAAA", f"{cursor}~", "=", "ü", "x", "-1", other):
        reply = paged.get(f"/api/v1/{page}{asked}&limit=1&cursor={quote(wrong)}")

        assert (reply.status, wrong) == (400, wrong)
        assert reply.headers["content-type"] == "application/problem+json"
        assert reply.json["title"] == "That is no cursor of this list."
    # Without a limit it is the rest of the list, a hundred rows a page.
    rest = paged.get(f"/api/v1/{page}{asked}&cursor={cursor}").json[which]
    whole = paged.get(f"/api/v1/{page}{asked}&limit=10000").json[which]
    assert rest == whole[1:]


def _write_much(folder: Path, site: Site) -> None:
    """Decide, save a view, leave a note, import another bill and run: all before what is there."""
    named = ["--project", str(folder)]
    decided = ["decision", "record", "Meanwhile", "--figure", "total", "--period", "2025-10"]
    assert run([*decided, *named]) == 0
    body = json.dumps({"name": "A first one", "query": "by=pool"}).encode()
    headers = {"Content-Type": "application/json"}
    asked = urllib.request.Request(f"{site.url}/api/v1/views", body, headers)  # noqa: S310 our own
    with urllib.request.urlopen(asked, timeout=60) as reply:  # noqa: S310 likewise
        assert reply.status == 201
    with Project.open(folder).store() as store:
        Trail(store.catalog).add("tester", "mark", "meanwhile")
    _take(folder, "bill", [HEADER, f"USD,300,300,{SPAN},Usage,Web,a"])
    assert run(["run", *named]) == 0


def _name(row: dict[str, Any]) -> object:
    """Return what a row is known by: the figure of a decision is read anew for each page."""
    return row["id"] if "decision" in row else row


def test_what_comes_meanwhile_moves_no_row(
    company: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between two pages much is written before the place of the cursor: no row comes twice."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-05T00:00:00Z")
    folder = shutil.copytree(company, tmp_path / "acme")
    with served(folder) as site:
        lists = {
            page: (f"/api/v1/{page}{_asked(site, page, LISTS[page][0])}", LISTS[page][0])
            for page in ("cost", "statements", "line", "decisions", "views", "audit")
        }
        whole = {p: site.get(f"{at}&limit=10000").json[of] for p, (at, of) in lists.items()}
        first = {page: site.get(f"{at}&limit=1").json for page, (at, _) in lists.items()}
        _write_much(folder, site)
        for page, (at, of) in lists.items():
            rest = list(_pages(site, f"{at}&limit=1&cursor={first[page]['next']}"))
            rows = [*first[page][of], *(row for reply in rest for row in reply.json[of])]

            assert [_name(row) for row in rows] == [_name(row) for row in whole[page]], page
            if page != "line":
                assert site.get(f"{at}&limit=10000").json[of] != whole[page], page
            if page == "cost":
                assert rest[-1].json["totals"] == first[page]["totals"]


def test_lists_in_pages_are_described(paged: Site) -> None:
    """The description has limit, cursor and the Link header on every list, as JSON and as files."""
    described = paged.get("/api/v1/openapi.json").json["paths"]
    for page in RESULTS:
        for address in (f"/api/v1/{page}", f"/{page}.csv", f"/{page}.parquet"):
            taken = {one["name"] for one in described[address]["get"]["parameters"]}
            told = described[address]["get"]["responses"]["200"]["headers"]

            assert ({"limit", "cursor"} <= taken) is (page in LISTS)
            assert ("Link" in told) is (page in LISTS)
            assert ("list" in taken) is (len(LISTS.get(page, ())) > 1)
    reply = paged.get("/api/v1/data?list=findings&limit=1")
    assert reply.status == 400
    assert re.search("no list in pages", reply.text)
