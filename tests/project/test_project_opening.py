"""Opening a project: its file, key, clock and sources."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from percapita.core.errors import InputError, PercapitaError
from percapita.core.sources import Meter, Source
from percapita.project import Project, now


def project(folder: Path, text: str) -> Project:
    """Write percapita.yaml and open it."""
    (folder / "percapita.yaml").write_text(text)
    return Project.open(folder)


def test_a_folder_without_a_project_says_how_to_start(tmp_path: Path) -> None:
    """The way out of an uninitialised folder is percapita init."""
    with pytest.raises(InputError, match=f"percapita init {tmp_path}"):
        Project.open(tmp_path)


def test_sources_are_read_as_written(tmp_path: Path) -> None:
    """Every key of a source reaches the record that importers read."""
    opened = project(
        tmp_path,
        "sources:\n"
        "  usage: {kind: readings, path: usage/*.csv, columns: {time: ts}, values: {meter: q},"
        " unit: h, scale: 10}\n"
        "  wide: {path: w.csv, meters: {cpu_h: {meter: cpu, unit: h}, q: count}}\n"
        "  log: {path: l.csv, mode: upsert, keys: id}\n"
        "  people: {format: mapped, path: p.csv, columns: {cost: 'no'}}\n",
    )

    usage, wide, log, people = opened.sources
    assert usage == Source(
        "usage", "usage/*.csv", kind="readings", columns={"time": "ts"}, values={"meter": "q"},
        unit="h", scale=10,
    )  # fmt: skip
    assert wide.meters == {"cpu_h": Meter("cpu", "h"), "q": Meter("q", "count")}
    assert (log.mode, log.keys) == ("upsert", ("id",))
    assert (people.kind, people.columns) == ("bill", {"cost": "no"})


def test_all_mistakes_are_said_at_once(tmp_path: Path) -> None:
    """Each mistake has file, line, column and the nearest name."""
    with pytest.raises(InputError) as caught:
        project(
            tmp_path,
            "modle: m.yaml\nsources:\n  a: {kind: redings, path: x}\n  b: {pth: y}\n"
            "  a: {path: z}\n  c: {path: z, mode: upsert}\n",
        )

    path = tmp_path / "percapita.yaml"
    found = [(problem.where, problem.code) for problem in caught.value.problems]
    assert found == [
        (f"{path}:1:1", "unknown-key"),
        (f"{path}:3:13", "unknown-value"),
        (f"{path}:4:6", "missing-key"),
        (f"{path}:4:7", "unknown-key"),
        (f"{path}:5:3", "duplicate-key"),
        (f"{path}:6:6", "missing-key"),
    ]
    assert "Did you mean model?" in str(caught.value)
    assert "Did you mean readings?" in str(caught.value)


def test_the_clock_can_be_fixed(monkeypatch: pytest.MonkeyPatch) -> None:
    """PERCAPITA_NOW sets the time; without an offset it is UTC."""
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03T12:00:00+02:00")
    assert datetime(2025, 11, 3, 10, tzinfo=UTC) == now()
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-03")
    assert datetime(2025, 11, 3, tzinfo=UTC) == now()
    monkeypatch.setenv("PERCAPITA_NOW", "tomorrow")
    with pytest.raises(InputError, match="PERCAPITA_NOW"):
        now()


def test_a_lost_key_is_not_replaced(tmp_path: Path) -> None:
    """With a store but no key file nothing goes on: a new key would count every user twice."""
    opened = project(tmp_path, "key: secret.key\n")
    with opened.store() as store:
        store.door.numbers("user", ["ann"])
    (tmp_path / "secret.key").unlink()

    with pytest.raises(InputError, match="is missing"):
        opened.store()
    assert not (tmp_path / "secret.key").exists()


def test_the_key_must_not_lie_in_the_store(tmp_path: Path) -> None:
    """Who has the store must not have the key."""
    with pytest.raises(InputError, match="lies in the store"):
        project(tmp_path, "key: .percapita/k\n").store()


def test_reading_makes_neither_store_nor_key(tmp_path: Path) -> None:
    """A reading command leaves a fresh project as it is, and says what to do."""
    with pytest.raises(PercapitaError, match="percapita import") as caught:
        project(tmp_path, "model: model.yaml\n").store(create=False)

    assert caught.value.hint
    assert [path.name for path in tmp_path.iterdir()] == ["percapita.yaml"]


def test_segments_are_known_from_a_model_with_mistakes_elsewhere(tmp_path: Path) -> None:
    """An import needs the names of the segments alone."""
    opened = project(tmp_path, "model: m.yaml\n")
    assert opened.segment_names() == ()
    (tmp_path / "m.yaml").write_text(
        "currency: EUR\nsegments: {tier: {from: users.plan}}\npools: [{pool: a, by: 3, bye: x}]\n"
    )

    assert opened.segment_names() == ("tier",)


def test_handed_sources_are_read_again_while_they_are_there(tmp_path: Path) -> None:
    """What import was handed is a source of later runs, until its file is gone."""
    opened = project(tmp_path, "sources: {usage: {path: u.csv}}\n")
    handed = Source("b.csv", "b.csv", kind="bill", meters={"a": Meter("x", "h")}, keys=("k",))
    (tmp_path / "b.csv").touch()
    with opened.store() as store:
        store.remember(handed)
        store.remember(Source("usage", "elsewhere.csv"))
        both = opened.all_sources(store)
        (tmp_path / "b.csv").unlink()
        one = opened.all_sources(store)

    assert both == [*opened.sources, handed]
    assert one == list(opened.sources)
