"""What happened: events from files of every form, and the timeline that shows them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from percapita import telemetry
from percapita.core.sources import Source
from percapita.core.tables import EVENTS
from percapita.telemetry.happenings import Refused, event
from percapita.telemetry.timeline import Event, kind_of
from telemetry.signal_tables import Taker

ROWS: list[dict[str, Any]] = [
    {"time": "2025-10-03T14:05:00+02:00", "kind": "deploy", "name": "v1.4.2", "service": "shop"},
    {"time": "1759503600", "kind": "flag", "name": "new-cart", "service": "shop"},
]


def stored(take: Taker) -> list[tuple[Any, ...]]:
    """Return every stored event, oldest first."""
    view = take.store.bind(EVENTS)
    return take.store.engine.rows(
        f"SELECT strftime(\"at\", '%d %H:%M'), kind, name, service, subject, level, payload"
        f" FROM {view} ORDER BY 1"
    )


def files(folder: Path) -> dict[str, bytes]:
    """Return the same two events in every form."""
    pq.write_table(pa.Table.from_pylist(ROWS), folder / "made.parquet")
    lines = [json.dumps(row) for row in ROWS]
    cells = "\n".join(",".join(row.values()) for row in ROWS)
    entries = "\n".join(f"- {json.dumps(row)}" for row in ROWS)
    return {
        "e.csv": f"time,kind,name,service\n{cells}\n".encode(),
        "e.jsonl": "\n".join(lines).encode(),
        "e.json": f"[{','.join(lines)}]".encode(),
        "e.yaml": entries.encode(),
        "f.yaml": ("events:\n" + entries).encode(),
        "e.parquet": (folder / "made.parquet").read_bytes(),
    }


@pytest.mark.parametrize("name", ["e.csv", "e.jsonl", "e.json", "e.yaml", "f.yaml", "e.parquet"])
def test_events_from_files_of_every_form(take: Taker, tmp_path: Path, name: str) -> None:
    """CSV, JSON lines, a JSON list, YAML and Parquet hold the same events; offsets are read."""
    taken = take(files(tmp_path)[name], file=name, kind="events")

    assert (taken.rows, taken.quarantined, taken.kind) == (2, 0, "events")
    assert [row[:4] for row in stored(take)] == [
        ("03 12:05", "deploy", "v1.4.2", "shop"),
        ("03 15:00", "flag", "new-cart", "shop"),
    ]


def test_a_folder_of_events_is_one_delivery(take: Taker) -> None:
    """YAML files count in a folder of events, and the second import of it changes nothing."""
    (take.root / "what").mkdir()
    (take.root / "what" / "a.yml").write_text("- {at: 2025-10-03, name: release 7}\n")
    (take.root / "what" / "b.csv").write_text("at,name\n2025-10-04,outage of the database\n")
    (take.root / "what" / "notes.md").write_text("none of these")

    first = take(b"", file="x", kind="events", path="what")

    assert (first.files, first.rows) == (2, 2)
    assert take(b"", file="x", kind="events", path="what").unchanged
    assert [row[1] for row in stored(take)] == ["deploy", "incident"]


def test_ids_of_people_are_numbers(take: Taker) -> None:
    """The closest id becomes the subject; ids, mail and IP addresses stand nowhere in clear."""
    record = {
        "at": "2025-10-04", "kind": "business", "name": "signup",
        "data": {"user.id": "u17", "session.id": "s9", "tenant": "Acme", "plan": "pro",
                 "by": "jane@example.com", "from": "10.1.2.3", "to": "2001:db8::7", "n": 3},
    }  # fmt: skip
    take(json.dumps(record), file="e.jsonl", kind="events")

    ((_, _, _, _, subject, level, payload),) = stored(take)
    assert (str(subject), level) == (take.number("user", "u17"), "user")
    assert payload["user.id"] == f"user:#{subject}"
    assert payload["session.id"] == f"session:#{take.number('session', 's9')}"
    assert payload["by"] == f"user:#{take.number('user', 'jane@example.com')}"
    assert payload["from"] == f"session:#{take.number('session', '10.1.2.3')}"
    assert payload["to"].startswith("session:#")
    assert (payload["tenant"], payload["plan"], payload["n"]) == ("Acme", "pro", "3")


def test_an_address_in_the_payload_is_not_the_subject(take: Taker) -> None:
    """Who is merely mentioned, as a deploy's author or a host, is hidden, not whom it is about."""
    record = {
        "at": "2025-10-03", "kind": "deploy", "name": "v1", "author": "jo@corp.example",
        "node": "10.1.2.3",
    }  # fmt: skip
    take(json.dumps(record), file="e.jsonl", kind="events")

    ((_, _, _, _, subject, level, payload),) = stored(take)
    assert (subject, level) == (0, None)
    assert payload["author"] == f"user:#{take.number('user', 'jo@corp.example')}"
    assert payload["node"] == f"session:#{take.number('session', '10.1.2.3')}"


def test_ids_under_keys_of_ones_own(take: Taker) -> None:
    """A mapped column, and the attributes that the model's identity names, hold ids too."""
    (take.root / "e.jsonl").write_text(
        '{"at": "2025-10-04", "name": "signup", "member": "m1", "acct": "a1", "card": "x"}'
    )
    source = Source("signals", "e.jsonl", "events", columns={"user": "member"})
    telemetry.take(take.store, source, root=take.root, identity={"session": ("acct",)})

    ((_, _, _, _, subject, level, payload),) = stored(take)
    assert (str(subject), level) == (take.number("user", "m1"), "user")
    assert payload == {
        "member": f"user:#{subject}",
        "acct": f"session:#{take.number('session', 'a1')}",
        "card": "x",
    }


def test_records_that_are_no_events_are_set_aside(take: Taker) -> None:
    """A record without a time, a name or a known kind is set aside, and names nobody."""
    take(
        '{"at": "soon", "name": "deploy"}\n{"at": "2025-10-04"}\n'
        '{"at": "2025-10-04", "name": "party"}\nnot json\n'
        '{"at": "jane@example.com", "name": "deploy"}\n{"at": "2025-10-04", "name": "deploy"}\n',
        file="e.jsonl", kind="events",
    )  # fmt: skip

    assert [(q.row, q.column, q.code, q.value) for q in take.refused()] == [
        (1, "at", "not-a-time", "soon"),
        (2, "name", "missing", ""),
        (3, "kind", "unknown-event", "party"),
        (4, "", "broken-row", ""),
        (5, "at", "not-a-time", ""),
    ]
    assert len(stored(take)) == 1


def test_columns_and_values_are_mapped(take: Taker) -> None:
    """A column of another name plays its part, and a fixed value stands in for a missing one."""
    take(
        "released,tag\n2025-10-03,v7\n", file="r.csv", kind="events",
        columns={"at": "released", "name": "tag"}, values={"kind": "deploy", "service": "api"},
    )  # fmt: skip

    assert [row[1:4] for row in stored(take)] == [("deploy", "v7", "api")]


def test_cloud_events() -> None:
    """A CloudEvent's type, source, subject and data become name, service, resource and payload."""
    found = event(
        {
            "specversion": "1.0", "id": "7", "type": "com.acme.deployment.finished",
            "source": "ci", "subject": "cart", "time": "2025-10-03T12:05:00Z",
            "datacontenttype": "application/json", "data": {"version": "v7", "by": {"team": "web"}},
        }
    )  # fmt: skip

    assert isinstance(found, Event)
    assert found.kind == "deploy"
    assert found[2:5] == ("com.acme.deployment.finished", "ci", "cart")
    assert found.payload == {"version": "v7", "by.team": "web", "event.id": "7"}
    assert isinstance(event({"specversion": "1.0", "type": "com.acme.lunch"}), Refused)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("deployment.finished", "deploy"),
        ("feature_flag.changed", "flag"),
        ("k8s.hpa/scaled", "scale"),
        ("alert: disk full", "incident"),
        ("com.acme.sign_up", "business"),
        ("maintenance window", "maintenance"),
        ("browser.web_vital", None),
        ("exception", None),
    ],
)
def test_names_tell_the_kind(name: str, kind: str | None) -> None:
    """The first word of a name that is known tells the kind; most names tell none."""
    assert kind_of(name) == kind
