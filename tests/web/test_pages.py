"""Pages over HTTP: the figures of the command line, as HTML, JSON and CSV, safely."""

from __future__ import annotations

import csv
import html
import io
import json
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path
from urllib.parse import quote

import pyarrow.parquet as pq
import pytest

from percapita.cli.main import run
from percapita.core.money import text as exact
from percapita.web.views import PAGES
from web.serving import Site, served

CLOUDMETRICS = Path(__file__).parents[2] / "examples" / "cloudmetrics"
ADDRESSES = {
    "overview": "/overview",
    "cost": "/cost?by=tier",
    "explain": "/explain?segment=tier%3DStarter",
    "reconcile": "/reconcile",
    "figures": "/figures",
    "statements": "/statements?for=tier%3DStarter",
    "report": "/report",
    "oncall": "/oncall",
    "debug": "/debug",
    "roles": "/roles?for=CFO",
    "history": "/history",
    "decisions": "/decisions?metric=total&where=pool%3Dpostgresql",
    "resources": "/resources",
    "pricing": "/pricing?margin=70",
    "data": "/data",
    "model": "/model",
    "views": "/views",
}
"""An address of each page that shows figures."""


def asked(project: Path, capsys: pytest.CaptureFixture[str], *words: str) -> dict[str, object]:
    """Return a command's JSON."""
    capsys.readouterr()
    assert run([*words, "--project", str(project), "--format", "json"]) == 0
    found: dict[str, object] = json.loads(capsys.readouterr().out)
    return found


def with_query(address: str, form: str) -> str:
    """Return the address of a page's file."""
    path, mark, query = address.partition("?")
    return f"{path}.{form}{mark}{query}"


def words_of(page: str) -> str:
    """Return what a page says, without its markup."""
    return html.unescape(re.sub(r"<[^>]+>", " ", page))


@pytest.mark.parametrize("name", PAGES)
def test_every_page_has_three_forms(site: Site, name: str) -> None:
    """A page answers as HTML, as JSON and as CSV under one address."""
    address = ADDRESSES.get(name) or f"/line?id={_a_line(site)}"

    page = site.get(address)
    assert (page.status, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    found = site.get(with_query(address, "json"))
    assert found.status == 200
    assert found.json == site.get(f"/api/v1{address}").json
    table = site.get(with_query(address, "csv"))
    assert table.headers["content-type"].startswith("text/csv")
    assert len(list(csv.reader(io.StringIO(table.text)))) > 1


@pytest.mark.parametrize("name", PAGES)
def test_every_table_is_a_parquet_file(site: Site, name: str) -> None:
    """Under ``.parquet`` a page's table has the rows of its CSV, to the digit."""
    address = ADDRESSES.get(name) or f"/line?id={_a_line(site)}"
    found = pq.read_table(io.BytesIO(site.fetch(with_query(address, "parquet"))))
    header, *rows = csv.reader(io.StringIO(site.get(with_query(address, "csv")).text))

    assert found.column_names == header
    assert found.num_rows == len(rows)
    columns = [one.to_pylist() for one in found.columns]
    told = [[_written(value) for value in row] for row in zip(*columns, strict=True)]
    assert told == [[_written(value) for value in row] for row in rows]


def _written(value: object) -> str:
    """Return a value in one way: 5 in a column of amounts is 5.00, a formula in CSV is text."""
    text = f"{value:f}" if isinstance(value, Decimal) else "" if value is None else str(value)
    text = text.removeprefix("'")
    return str(exact(Decimal(text))) if re.fullmatch(r"-?\d+(\.\d+)?", text) else text


def test_amounts_in_parquet_are_decimals(site: Site) -> None:
    """Money is DECIMAL(38,18), counts are whole numbers, also where a column has no value."""
    found = pq.read_table(io.BytesIO(site.fetch("/cost.parquet?by=pool&period=2025-10")))
    kinds = {field.name: str(field.type) for field in found.schema}

    rows = [row for row in found.to_pylist() if row["line"] == "row"]
    assert {row["revenue"] for row in rows} == {None}
    assert kinds.pop("line") == kinds.pop("pool") == "string"
    assert kinds.pop("units") == "int64"
    assert set(kinds.values()) == {"decimal128(38, 18)"}
    statement = pq.read_table(io.BytesIO(site.fetch("/statements.parquet?for=tier%3DStarter")))
    assert str(statement.schema.field("total").type) == "decimal128(38, 18)"
    assert str(statement.schema.field("layer").type) == "string"


def _a_line(site: Site) -> str:
    found: str = site.get("/api/v1/explain?segment=tier%3DStarter").json["lines"][0]["LineId"]
    return found


def test_figures_are_those_of_the_command(
    site: Site, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Rows, named lines and totals of the explorer are those of `percapita cost`, to the digit."""
    ours = asked(project, capsys, "cost", "--by", "tier", "--period", "2025-10")

    theirs = site.get("/cost.json?by=tier&period=2025-10").json
    for part in ("rows", "classes", "totals"):
        assert theirs[part] == ours[part]


def test_reconciliation_is_that_of_the_command(
    site: Site, project: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """The page's identity is that of `percapita reconcile`."""
    ours = asked(project, capsys, "reconcile", "--period", "2025-10")
    theirs = site.get("/reconcile.json?period=2025-10").json

    assert {**theirs, "meta": None} == {**ours, "meta": None}


def test_published_unit_costs_stand_on_the_page(site: Site) -> None:
    """CloudMetrics' 27.49, 103.00 and 725.20 a customer are on the first page, and its bill."""
    said = words_of(site.get("/overview").text)

    for figure in ("27.49", "103.00", "725.20", "95,000.00"):
        assert figure in said


def test_rows_of_the_page_sum_to_its_bill(site: Site) -> None:
    """What the explorer's table shows sums to the bill it shows, exactly."""
    found = site.get("/cost.json?by=pool&by=tier").json
    rows = sum(Decimal(row["total"]) for row in found["rows"])

    assert rows + sum(map(Decimal, found["classes"].values())) == Decimal(
        found["totals"]["bill_total"]
    )


def test_a_filter_leaves_the_bill_whole(site: Site) -> None:
    """What a filter hides stays on the page as one amount."""
    found = site.get("/cost.json?by=pool&where=tier%3DPro").json

    assert found["totals"]["bill_total"] == "95000.00"
    assert Decimal(found["classes"]["filtered"]) > 0


def test_a_value_of_a_facet_leads_to_what_it_costs(site: Site) -> None:
    """Each value with its count is a link; what it leads to sums to what the facet said."""
    page = site.get("/cost?by=pool&facet=tier&scope=cloud").text
    facet = site.get("/cost.json?by=pool&facet=tier&scope=cloud").json["facets"][0]
    table = page[page.index('aria-label="Values of tier"') :].split("</table>")[0]
    links = [html.unescape(one) for one in re.findall(r'href="([^"]+)"', table)]

    assert len(links) == len(facet["values"])
    for link, one in zip(links, facet["values"], strict=True):
        chosen = site.get(link.replace("/cost?", "/cost.json?")).json
        assert chosen["totals"]["total"] == one["total"]
        assert [v["value"] for v in chosen["facets"][0]["values"] if v["chosen"]] == [one["value"]]


def test_a_month_compared_with_itself_changed_by_nothing(site: Site) -> None:
    """A comparison gives each row's change, and their sum."""
    found = site.get("/cost.json?by=tier&compare=2025-10").json["compare"]

    assert {row["total_change"] for row in found["rows"]} == {"0.00"}
    assert found["total_change"] == "0.00"


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/cost?by=teir", "Did you mean tier"),
        ("/cost?period=2025-13", "2025-13"),
        ("/cost?where=nonsense", "NAME=VALUE"),
        ("/explain?subject=nobody%40example.com", "Nobody is known as"),
        ("/line?id=zzzz", "No line starts with"),
        ("/line", "No line is named"),
        ("/overview?basis=nominal", "nominal"),
    ],
)
def test_a_wrong_question_is_answered_with_what_to_do(site: Site, path: str, said: str) -> None:
    """A page says what is wrong in words; a program gets the same as a problem document."""
    page = site.get(path)
    assert page.status == 400
    assert said in words_of(page.text)
    problem = site.get(with_query(path, "json"))
    assert problem.status == 400
    assert problem.headers["content-type"] == "application/problem+json"
    assert said in problem.json["title"] + problem.json["detail"]


def test_no_such_page(site: Site) -> None:
    """An address of nothing is told so, under the site's own roof."""
    assert site.get("/nothing").status == 404


def test_an_answer_that_is_known_is_not_sent_again(site: Site) -> None:
    """A reader that has the answer is told so."""
    first = site.get("/cost?by=tier")

    again = site.get("/cost?by=tier", If_None_Match=first.headers["etag"])
    assert (again.status, again.text) == (304, "")


@pytest.mark.parametrize(
    "path", [*ADDRESSES.values(), "/nothing", "/cost.json", "/static/page.css"]
)
def test_headers_keep_strangers_out(site: Site, path: str) -> None:
    """Every response forbids foreign content, framing and guessing of types."""
    headers = site.get(path).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "frame-ancestors 'none'" in headers["content-security-policy"]
    assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("path", ADDRESSES.values())
def test_pages_hold_no_style_or_script_of_their_own(site: Site, path: str) -> None:
    """Nothing in a page needs the policy to be loosened, and no page is heavy."""
    page = site.get(path).text

    assert not re.search(r"<[^>]+ (style|on\w+)=", page)
    assert not re.search(r"<script(?![^>]* src=)", page)
    assert len(page.encode()) < 100_000


HOSTILE = "<script>alert(1)</script>"


def test_names_are_escaped(site: Site) -> None:
    """What the address says is shown as text, wherever it is shown."""
    for path in (
        f"/cost?where=tier%3D{HOSTILE}",
        f"/explain?subject={HOSTILE}",
        f"/cost?by={HOSTILE}",
        f"/{HOSTILE}",
    ):
        assert HOSTILE not in site.get(path).text


FORMULA, TAG = "=cmd|A0", "<b onclick=alert(1)>"


@pytest.fixture(scope="session")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Serve a company whose tiers are called like formulas and markup."""
    folder = shutil.copytree(CLOUDMETRICS, tmp_path_factory.mktemp("hostile") / "project")
    for file in folder.glob("*.csv"):
        text = file.read_text().replace("Starter", FORMULA).replace("Professional", TAG)
        file.write_text(text)
    for verb in ("import", "run"):
        assert run([verb, "--project", str(folder)]) == 0
    with served(folder) as found:
        yield found


@pytest.mark.parametrize("name", [name for name in ADDRESSES if name != "oncall"])
def test_names_are_neither_markup_nor_formulas(hostile: Site, name: str) -> None:
    """Whatever tiers are called, a page shows it as text, and a spreadsheet opens it as text."""
    address = ADDRESSES[name].replace("Starter", quote(FORMULA))
    page = hostile.get(address)
    table = hostile.get(with_query(address, "csv")).text

    assert page.status == 200
    assert TAG not in page.text
    for row in csv.reader(io.StringIO(table)):
        for cell in row:
            assert cell[:1] not in "=@+-" or re.fullmatch(r"|[-+]?[0-9.]+", cell), cell


def test_names_that_are_text_for_spreadsheets_are_themselves_for_programs(hostile: Site) -> None:
    """CSV puts an apostrophe before a formula; JSON has the name as it is."""
    rows = list(csv.reader(io.StringIO(hostile.get("/cost.csv?by=tier").text)))

    assert f"'{FORMULA}" in {cell for row in rows for cell in row}
    assert FORMULA in {row["tier"] for row in hostile.get("/cost.json?by=tier").json["rows"]}


def test_names_in_the_model_are_set_as_code(site: Site) -> None:
    """Columns and meters in the sentences of the model look as they are written in the file."""
    table = site.get("/model").text.split("<table>")[1].split("</table>")[0]

    assert "<code>ServiceName</code>" in table
    assert "`" not in table


def test_a_project_without_figures_leads_the_way(tmp_path: Path) -> None:
    """Before the first run every page says which commands lead to a figure."""
    folder = tmp_path / "new"
    assert run(["init", str(folder)]) == 0

    with served(folder) as found:
        page = found.get("/overview")
        assert page.status == 200
        assert "percapita import" in page.text
        assert found.get("/overview.json").status == 409


def test_a_new_run_is_seen_at_once(tmp_path: Path, project: Path) -> None:
    """A page shows what was published last, though another process published it."""
    folder = shutil.copytree(project, tmp_path / "copy")
    with served(folder) as found:
        before = found.get("/cost.json?by=tier").json["meta"]["run"]
        assert run(["run", "--project", str(folder)]) == 0
        assert found.get("/cost.json?by=tier").json["meta"]["run"] != before


def test_the_server_shows_the_pages(project: Path, tmp_path: Path) -> None:
    """`percapita serve` answers pages on its port, beside health; foreign names are refused."""
    folder = shutil.copytree(project, tmp_path / "served")
    ports = ("--port=0", "--otlp-http-port=0", "--otlp-grpc-port=0", "--format=json")
    command = [sys.executable, "-m", "percapita", "serve", "--project", str(folder), *ports]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603
        try:
            assert process.stdout is not None
            found = Site(f"http://127.0.0.1:{json.loads(process.stdout.readline())['port']}")
            assert "27.49" in words_of(found.get("/").text)
            assert found.get("/healthz").json == {"status": "ok"}
            assert found.get("/cost", Host="elsewhere.example").status == 421
        finally:
            process.terminate()
        assert process.wait(60) == 0


def test_a_bill_that_reaches_nobody_is_still_there(tmp_path: Path) -> None:
    """Where a model splits nothing yet, the explorer shows what the bill has, unallocated."""
    folder, bill = tmp_path / "new", CLOUDMETRICS / "bill-2025-10.csv"
    assert run(["init", str(folder), "--bill", str(bill)]) == 0
    for verb in ("import", "run"):
        assert run([verb, "--project", str(folder)]) == 0

    with served(folder) as found:
        page = " ".join(words_of(found.get("/cost?by=pool").text).split())
        assert "Nothing was allocated here." in page
        assert "unallocated 95,000.00" in page
        assert "bill 95,000.00" in page
        first = words_of(found.get("/overview").text)
        assert "No active user has a cost yet" in first
