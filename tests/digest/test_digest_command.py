"""``percapita digest``: what a server left in the spool becomes readings, and no id lies about."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest
import sqlalchemy as sa

from digest.counter import MODEL, Counter
from digest.otlp import SHOP, logs, span, traces
from digest.otlp import counter as points
from percapita.cli import main
from percapita.core.tables import READINGS
from percapita.project import Project
from percapita.store.catalog.tables import STEPS
from percapita.store.spool import Spool

IDS = ["alice.wonder", "bob@example.com", "10.11.12.13", "session-4711", "+49 170 1234567"]
NOW = time.time_ns()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project without anything in it."""
    (tmp_path / "percapita.yaml").write_text("model: model.yaml\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    return Project.open(tmp_path)


def left(project: Project) -> None:
    """Leave requests in the spool, as a server that was killed does."""
    users = [{"user.id": user, "http.route": "/buy"} for user in IDS[:3]]
    spans = [span(n, each, end=NOW) for n, each in enumerate(users, 1)]
    spans.append(span(9, {"session.id": IDS[3]}, end=NOW, name=f"GET /of/{IDS[1]}/cart?u={IDS[0]}"))
    spans.append(span(10, {"user.id": IDS[4]}, end=NOW + 10**15))
    ticket = {"event": "support.ticket", "time": NOW,
              "attributes": {"user.id": IDS[4], "support.minutes": 3}}  # fmt: skip
    level = points([{"value": 1, "at": NOW, "attributes": {"user.id": IDS[0]}}], metric="x.db_size",
                   unit="{row}", kind="gauge", resource=SHOP)  # fmt: skip
    with Spool(project.store_root, project.key()).start() as spool:
        spool.append("traces", traces(spans)).result()
        spool.append("logs", logs([ticket])).result()
        spool.append("metrics", level).result()


def test_once_counts_what_is_there(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """With ``--once`` all that waits is counted, a line says how far it is, and it ends."""
    left(project)
    assert main.run(["digest", "--once", "--project", str(project.root)]) == 0
    told = json.loads(capsys.readouterr().out)
    assert (told["position"], told["waiting"], told["model_problem"]) == (3, 0, None)

    assert main.run(["digest", "--once", "--project", str(project.root)]) == 0
    with project.store() as store:
        store.bind(READINGS)
        found = store.engine.rows("SELECT meter, sum(signals) FROM readings GROUP BY 1 ORDER BY 1")
        assert found == [("request.time", 4), ("requests", 4), ("support.minutes", 1)]
        assert [q.code for q in store.quarantined()] == ["clock-ahead", "other-unit"]


def test_it_ends_with_its_parent(project: Project) -> None:
    """It prints a line at its start and after each commit, and ends when its input does."""
    left(project)
    command = [sys.executable, "-m", "percapita", "digest", "--project", str(project.root)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:  # noqa: S603
        assert process.stdin is not None and process.stdout is not None  # noqa: PT018
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        process.stdin.close()
        assert process.wait(20) == 0
    assert [line["position"] for line in lines] == [0, 3]
    assert lines[1]["marks"] >= 4


def test_no_id_lies_in_any_file(
    project: Project, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    """After counting, no user, session, address or mail is in a file, a line or a log."""
    left(project)
    assert main.run(["digest", "--once", "--project", str(project.root)]) == 0
    out, err = capfd.readouterr()
    texts = [out.encode(), err.encode(), caplog.text.encode()]
    files = [path for path in project.root.rglob("*") if path.is_file()]
    assert len(files) > 5
    texts += [path.read_bytes() for path in files]
    for ident in IDS:
        assert not any(ident.encode() in text for text in texts), ident
    with project.store() as store:
        store.bind(READINGS)
        rows = repr(store.engine.rows("SELECT * FROM readings")) + repr(store.quarantined())
    assert not any(ident in rows for ident in IDS)


def test_a_new_model_counts_from_the_next_turn(counter: Counter) -> None:
    """A meter that is written while counting goes on counts what comes after."""
    counter.send("traces", traces([span(1, {"user.id": "a"})]))
    counter.model_path.write_text(MODEL + "meters: {buys: {from: spans, where: {name: BUY}}}\n")
    counter.send("traces", traces([span(2, {"user.id": "a"}, name="BUY")]), after=2)

    assert counter.meters()["buys"] == (1, 1)


def test_a_broken_model_leaves_the_last_good_one(
    counter: Counter, caplog: pytest.LogCaptureFixture
) -> None:
    """While the model's file is broken counting goes on as before, and says so."""
    counter.model_path.write_text(MODEL + "meters: {buys: {from: nowhere}}\n")
    counter.send("traces", traces([span(1, {"user.id": "a"})]))

    assert counter.meters()["requests"] == (1, 1)
    assert "nowhere" in str(counter.digest.report()["model_problem"])
    assert "Counting goes on with the model as it was" in caplog.text
    counter.model_path.write_text(MODEL)
    counter.send("traces", after=2)
    assert counter.digest.report()["model_problem"] is None


def test_millions_of_names_of_spans_are_forgotten(counter: Counter) -> None:
    """Texts are remembered up to a limit; readings before and after it are alike."""
    from percapita.telemetry.digest import turns  # noqa: PLC0415

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(turns, "_MANY_WORDS", 50)
        for n in range(1, 301):
            body = traces([span(n, {"user.id": "a", "http.route": f"/{n % 150}"})])
            counter.spool.put("traces", body)
            if n % 30 == 0:
                counter.turn()
    assert len(counter.rows("operation", "meter = 'requests'")) == 150
    assert counter.meters()["requests"] == (300, 300)


def test_logs_are_written_by_a_process_that_ends(project: Project) -> None:
    """What counting was too busy to log is logged by a process of its own."""
    left(project)
    assert main.run(["digest", "--once", "--project", str(project.root)]) == 0
    with project.store() as store:
        before = len(store.logged(READINGS))
        with store.catalog.write() as connection:
            (owner,) = store.live_imports()
            connection.execute(sa.insert(STEPS), {"what": "add", "owner": owner})
        assert "steps-owed" in {problem.code for problem in store.doctor()}
    assert main.run(["digest", "--log", "--project", str(project.root)]) == 0
    with project.store() as store:
        assert len(store.logged(READINGS)) == before == 1
        assert store.doctor() == []
