"""What happened, by webhook and as log records, is on the timeline, each event once."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest
from opentelemetry.proto.collector.logs.v1.logs_service_pb2 import ExportLogsServiceRequest
from opentelemetry.proto.logs.v1.logs_pb2 import SEVERITY_NUMBER_ERROR

from digest.counter import MODEL
from percapita.cli import main
from percapita.core.tables import EVENTS
from percapita.project import Project
from percapita.store.claimed import deliveries
from percapita.store.spool import Spool
from percapita.telemetry.digest import Digest, Marks, Models
from percapita.telemetry.logged import Happened, events
from percapita.telemetry.receive.hook import as_logs
from percapita.telemetry.receive.refusals import BadBodyError

DEPLOY = {
    "specversion": "1.0", "id": "7", "type": "com.acme.deployment.finished", "source": "shop",
    "time": "2025-10-03T12:05:00.25Z", "data": {"version": "v7", "by": "jane@example.com"},
}  # fmt: skip
SIGNUP = {
    "at": "2025-10-03T14:00:00+02:00", "kind": "business", "name": "joined", "user": "alice.wonder",
    "resource": "web-1",
}  # fmt: skip


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """Return a project without anything in it."""
    (tmp_path / "percapita.yaml").write_text("model: model.yaml\n")
    (tmp_path / "model.yaml").write_text(MODEL)
    return Project.open(tmp_path)


def test_a_webhook_is_on_the_timeline(project: Project, capsys: pytest.CaptureFixture[str]) -> None:
    """A CloudEvent and an event of our own, counted twice over, are there once, without ids."""
    with Spool(project.store_root, project.key()).start() as spool:
        spool.append("logs", as_logs(json.dumps([DEPLOY, SIGNUP]).encode())).result()
    for _ in range(2):
        assert main.run(["digest", "--once", "--project", str(project.root)]) == 0
    capsys.readouterr()
    assert main.run(["timeline", "--project", str(project.root), "--format", "json"]) == 0

    found = json.loads(capsys.readouterr().out)["events"]
    assert [(e["at"], e["kind"], e["name"], e["service"], e["resource"]) for e in found] == [
        ("2025-10-03T12:00:00Z", "business", "joined", None, "web-1"),
        ("2025-10-03T12:05:00.250000Z", "deploy", "com.acme.deployment.finished", "shop", None),
    ]
    assert found[1]["payload"]["version"] == "v7"
    assert found[0]["subject"].startswith("user ")
    for path in project.store_root.rglob("*"):
        content = path.read_bytes() if path.is_file() else b""
        assert b"alice.wonder" not in content
        assert b"jane@example.com" not in content


def count(project: Project, *bodies: bytes) -> None:
    """Count requests of log records, each in a turn of its own."""
    with project.store() as store, Spool(project.store_root, project.key()).start() as spool:
        live = store.live()
        happened = Happened(store.door, dict)
        models = Models(project.model_path, project.model)
        digest = Digest(live, spool, models, Marks(store.key), happened)
        for body in bodies:
            spool.append("logs", body).result()
            digest.turn(datetime.now(UTC))
        digest.finish(datetime.now(UTC))
        live.close()


def timeline(project: Project) -> tuple[int, int]:
    """Return how many events there are, and in how many deliveries."""
    with project.store() as store:
        store.bind(EVENTS)
        found = store.engine.value("SELECT count(*) FROM events")
        return int(found), len(deliveries(store))


def test_what_is_read_again_counts_once(project: Project) -> None:
    """Entries that wait are read again after a restart; what happened by them is there once."""
    waits = ExportLogsServiceRequest.FromString(as_logs(json.dumps(DEPLOY).encode()))
    record = waits.resource_logs[0].scope_logs[0].log_records[0]
    record.trace_id, record.span_id = bytes(15) + b"1", bytes(7) + b"1"
    record.time_unix_nano = time.time_ns()
    record.severity_number = SEVERITY_NUMBER_ERROR
    with project.store() as store, Spool(project.store_root, project.key()).start() as spool:
        for _ in range(3):
            live = store.live()
            happened = Happened(store.door, dict)
            models = Models(project.model_path, project.model)
            digest = Digest(live, spool, models, Marks(store.key), happened)
            spool.append("logs", waits.SerializeToString()).result()
            while digest.turn(datetime.now(UTC)):
                pass
            assert digest.report()["kept_from"] == 1
            live.close()

    assert timeline(project)[0] == 3


def test_many_small_events_come_to_few_files(project: Project) -> None:
    """What happened turn by turn is merged as readings are: not a file for each webhook."""
    count(project, *[as_logs(json.dumps(DEPLOY).encode())] * 20)

    assert timeline(project) == (20, 1)


def test_other_log_records_are_no_events() -> None:
    """A record without a name, or with one that tells no kind, is no entry of the timeline."""
    request = ExportLogsServiceRequest()
    of = request.resource_logs.add()
    host = of.resource.attributes.add()
    host.key, host.value.string_value = "host.id", "h1"
    records = of.scope_logs.add().log_records
    for name in ("", "browser.web_vital", "feature_flag.changed"):
        records.add(event_name=name, time_unix_nano=1_759_500_000_000_000_001)
    older = records.add(observed_time_unix_nano=1_759_500_000_000_000_000).attributes.add()
    older.key, older.value.string_value = "event.name", "release 7"
    now = datetime(2025, 10, 4, tzinfo=UTC)
    found = list(events(request.SerializeToString(), now))

    assert [(e.kind, e.name, e.resource) for e in found] == [
        ("flag", "feature_flag.changed", "h1"),
        ("deploy", "release 7", "h1"),
    ]


@pytest.mark.parametrize(
    ("body", "why"),
    [
        (b"{", "not JSON"),
        (b"7", "Event 0 is not a JSON object"),
        (b'[{"at": "2025-10-03", "name": "deploy"}, {"name": "deploy"}]', "Event 1, at: is not"),
        (b'{"at": "2025-10-03", "name": "lunch"}', "is no kind of event"),
    ],
)
def test_a_webhook_is_taken_whole_or_not_at_all(body: bytes, why: str) -> None:
    """A body with one event that is none is refused, and says which and why."""
    with pytest.raises(BadBodyError, match=why):
        as_logs(body)
