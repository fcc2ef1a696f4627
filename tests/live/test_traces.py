"""Recent traces: what one request cost, span by span, for whoever may see it."""

from __future__ import annotations

import csv
import io
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from digest.counter import Entries
from digest.otlp import SECOND, span, traces
from invariants.folder import ask, call, write
from live.company import company as files
from live.sent import AT, CLIENT, below, checkout, count, counting, send
from percapita.project import Project
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked
from percapita.web.views import PAGES
from web.serving import served

HOSTILE = '<script>alert(1)</script>,"=1+1'


@pytest.fixture
def traced(company: Path) -> Path:
    """Give a company with a dear trace, a slow one of another service, and one that failed."""
    slow = [span(90, {"user.id": "cat"}, name="GET /report", end=AT, took=40 * SECOND)]
    shop = [*checkout(1), *checkout(2, "bob", error=True)]
    count(company, traces(shop), traces(slow, {"service.name": "reports"}))
    return company


def trace(company: Path, number: int) -> Any:  # noqa: ANN401
    """Return one trace."""
    return ask(company, f"traces {number:032x}")


def test_a_span_costs_its_quantities_at_the_price_of_its_hour(company: Path) -> None:
    """Requests share the nodes' estimate of the hour, queries the database's, mails theirs."""
    send(company, checkout(1))
    found = trace(company, 1)

    costs = {row["name"]: row["cost"] for row in found["rows"]}
    # Half an hour of ten nodes over 20 requests and this one; of the database over 20 and 1.
    assert costs == {
        "POST /checkout": "0.02380952380952381", "SELECT cart": "0.011904761904761905",
        "send receipt": "0.10", "parse": "0.00",
    }  # fmt: skip
    meters = {row["name"]: [one["meter"] for one in row["meters"] if one["cost"]]
              for row in found["rows"]}  # fmt: skip
    assert meters == {"POST /checkout": ["requests"], "SELECT cart": ["queries"],
                      "send receipt": ["mails"], "parse": []}  # fmt: skip


@pytest.mark.parametrize("number", [1, 2, 90])
def test_spans_sum_to_their_trace_and_meters_to_their_span(traced: Path, number: int) -> None:
    """To the last digit, in the list and in the trace."""
    found = trace(traced, number)
    listed = {one["trace"]: one for one in ask(traced, "traces")["traces"]}

    assert sum(Decimal(row["cost"]) for row in found["rows"]) == Decimal(found["cost"]) > 0
    for row in found["rows"]:
        parts = (Decimal(one["cost"] or 0) for one in row["meters"])
        assert sum(parts, Decimal(0)) == Decimal(row["cost"])
    assert listed[found["trace"]]["cost"] == found["cost"]


def test_spans_stand_in_the_order_of_their_tree(traced: Path) -> None:
    """Each span stands behind its parent, set in by its depth; what nobody counts says so."""
    rows = trace(traced, 1)["rows"]

    assert [(row["name"], row["depth"]) for row in rows] == [
        ("POST /checkout", 0), ("SELECT cart", 1), ("parse", 2), ("send receipt", 1),
    ]  # fmt: skip
    assert [row["after_seconds"] for row in rows] == ["0.00", "0.50", "0.875", "0.75"]
    said = call("traces", f"{1:032x}", "--project", traced, "--format", "csv").out
    table = list(csv.DictReader(io.StringIO(said)))
    assert table[2]["meters"] == "counted by no meter"


@pytest.mark.parametrize(
    ("asked", "order"),
    [("duration", [90, 1, 2]), ("cost", [1, 2, 90]), ("failed", [2]), ("newest", [1, 2, 90])],
)
def test_lists_are_ordered_as_asked(traced: Path, asked: str, order: list[int]) -> None:
    """The slowest, dearest, failed or newest come first; of equal ones the order is fixed."""
    found = ask(traced, f"traces --sort {asked}")["traces"]

    assert [int(one["trace"], 16) for one in found] == order


def test_a_service_and_a_number_narrow_the_list(traced: Path) -> None:
    """Only traces with a span of a service; no more than asked for, the rest counted."""
    one = ask(traced, "traces --service reports")
    assert [int(each["trace"], 16) for each in one["traces"]] == [90]

    said = call("traces", "--top", "1", "--project", traced)
    assert "2 more: --top 3" in said.out
    assert "sample" in said.out
    assert "estimate" in said.out


def test_the_beginning_of_an_id_is_enough_if_it_is_one(traced: Path) -> None:
    """A trace is found by the digits that tables show; several or none are an error."""
    several = call("traces", "0000", "--project", traced)
    none = call("traces", "ffff", "--project", traced)

    assert (several.code, none.code) == (2, 2)
    assert "3 traces begin with '0000'" in several.err
    assert "No trace 'ffff' is kept" in none.err


def test_without_a_run_traces_have_no_cost(tmp_path: Path) -> None:
    """Before the first figure traces are shown, and that there are no prices."""
    project = write(tmp_path / "new", files())
    send(project, checkout(1))
    found = ask(project, "traces")

    assert [one["cost"] for one in found["traces"]] == [None]
    assert any("no prices yet" in note for note in found["meta"]["notes"])


def test_a_span_without_its_parent_says_so(company: Path) -> None:
    """What lost its parent, or runs in a circle, is shown, and counted as lost."""
    circle = [below(11, 12, trace=1), below(12, 11, trace=1)]
    send(company, [span(10, {"user.id": "ann"}, trace=1, end=AT), below(13, 99, trace=1), *circle])
    found = trace(company, 1)

    assert len(found["rows"]) == 4
    assert [row["lost"] for row in found["rows"]] == [False, True, False, False]
    assert any("name a parent that is not in the sample" in note for note in found["meta"]["notes"])


def tokens(company: Path) -> dict[str, str]:
    """Make a token of each role."""
    return {
        role: call("token", "create", role, "--role", role, "--project", company).out.strip()
        for role in ("viewer", "operator", "finance")
    }


def test_each_role_sees_what_it_may(traced: Path) -> None:
    """Finance sees whose a trace is, an operator that it is a user's, a viewer nothing."""
    made = tokens(traced)
    with served(traced, demands=True) as site:

        def get(role: str, path: str) -> Any:  # noqa: ANN401
            return site.get(path, Authorization=f"Bearer {made[role]}")

        assert get("viewer", "/traces").status == get("viewer", "/trace?id=1").status == 403
        for path in ("/traces.json", "/debug.json"):
            theirs = get("operator", path).json["traces"][0]["subject"]
            assert theirs == {"kind": "user", "number": None, "name": None}
            mine = get("finance", path).json["traces"][0]["subject"]
            assert mine["kind"] == "user"
            assert mine["name"].startswith("user ")
        page = get("operator", f"/trace?id={1:032x}").text
        assert "of a user" in page
        assert "/explain?subject" not in page
        who = get("finance", f"/trace?id={1:032x}")
        assert "/explain?subject=%23" in who.text
    looked = [one for one in ask(traced, "audit")["entries"] if one["what"] == "look at"]
    assert {(one["who"], one["ref"].partition("#")[0]) for one in looked} == {
        ("token finance", "recent traces"), ("token finance", "user:"),
    }  # fmt: skip


def test_who_is_erased_is_in_no_trace(traced: Path) -> None:
    """After an erasure the traces of that user are gone, and the others stay."""
    assert call("erase", "user:ann", "--project", traced).code == 0

    assert sorted(int(one["trace"], 16) for one in ask(traced, "traces")["traces"]) == [2, 90]


def test_a_rotated_key_changes_no_trace(traced: Path) -> None:
    """Traces know people by number: after a rotation they lead to the same people."""
    before = ask(traced, "traces")["traces"]
    assert call("key", "rotate", "--project", traced).code == 0

    assert [one["subject"]["number"] for one in ask(traced, "traces")["traces"]] == [
        one["subject"]["number"] for one in before
    ]


def test_pages_show_traces_and_names_are_text(company: Path) -> None:
    """The list, the picture and the tables have hostile names as text, and lead on by keyboard."""
    spans = [span(70, {"user.id": "ann"}, trace=7, name=HOSTILE, end=AT, error=True),
             below(71, 70, trace=7, name="x" * 500, kind=CLIENT)]  # fmt: skip
    send(company, spans, service=HOSTILE)
    with served(company) as site:
        listed, one, debug = (
            site.get(path).text for path in ("/traces", f"/trace?id={7:032x}", "/debug")
        )
        table = list(csv.reader(io.StringIO(site.get("/traces.csv").text)))
        empty = site.get("/traces?service=nobody").text
        wrong = site.get("/traces?sort=size")
        missing = site.get("/trace?id=77")

    for page in (listed, one, debug):
        assert "<script>alert" not in page
        assert "&lt;script&gt;" in page
    assert f'href="#span-{70:016x}"' in one
    assert f'id="span-{70:016x}"' in one
    assert 'class="fill bad"' in one
    assert f'href="/trace?id={7:032x}"' in listed
    assert not [cell for row in table for cell in row if cell.startswith(("=", "@", "+"))]
    assert "No trace of the sample is so" in empty
    assert (wrong.status, missing.status) == (400, 400)


def test_pages_that_ask_for_prices_in_turns_count_nothing_twice(company: Path) -> None:
    """On call, Traces and Debugging read the same readings as they come, each once."""
    project, spool = Project.open(company), Entries()
    spool.now = project.now
    with project.store(threads=1) as store, counting(project, store, spool) as digest:
        bench = Bench(project, store)
        for number in (1, 2, 3):
            spool.put("traces", traces(checkout(number)))
            digest.finish(spool.now)
            for page in ("oncall", "traces", "debug", "oncall"):
                data = PAGES[page](bench, Asked()).data
            asked = {row["operation"]: row["requests"] for row in data["endpoints"]}
            assert asked["/checkout"] == number


def test_without_traces_the_pages_say_what_to_do(company: Path) -> None:
    """Nothing received: every place says how spans come."""
    with served(company) as site:
        listed, debug = site.get("/traces").text, site.get("/debug").text

    assert "No traces yet" in listed
    assert "No traces of the last 24 hours" in debug
    assert "No traces are kept." in call("traces", "--project", company).out
