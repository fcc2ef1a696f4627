"""The key of the pseudonyms is rotated: nobody becomes somebody new, and old keys can go."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from percapita.cli.main import run
from percapita.core.privacy import Key, open_key
from percapita.core.subjects import USER
from percapita.project import Project
from percapita.store import Store
from percapita.store.crash import ENVIRONMENT, KEY_POINTS, KILLED
from percapita.store.door import KeyChangedError, KeyRotatedError
from percapita.store.spool import Spool

HEADER = "hour,subject,subject_kind,meter,quantity\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project in which ann and bob were seen."""
    folder = tmp_path / "acme"
    assert run(["init", str(folder)]) == 0
    used(folder, "first", "ann", "bob")
    return folder


def used(folder: Path, name: str, *users: str) -> None:
    """Take in an hour's usage of some users."""
    rows = "".join(f"2025-10-01T08:00Z,{user},user,requests,3\n" for user in users)
    (folder / f"{name}.csv").write_text(HEADER + rows, encoding="utf-8")
    path = str(folder / f"{name}.csv")
    assert run(["import", path, "--again", "--project", str(folder)]) == 0


def key(folder: Path, *words: str) -> int:
    """Type ``percapita key``."""
    return run(["key", *words, "--project", str(folder)])


def numbers(folder: Path, *users: str) -> list[int | None]:
    """Return the users' numbers."""
    with Project.open(folder).store() as store:
        return [store.door.find(USER, user) for user in users]


def uses(folder: Path, capsys: pytest.CaptureFixture[str]) -> Any:  # noqa: ANN401
    """Return what ``percapita key list`` says."""
    capsys.readouterr()
    assert key(folder, "list", "--format", "json") == 0
    return json.loads(capsys.readouterr().out)


def test_everybody_keeps_the_number(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Who comes again under the new key is who it was; the list counts who did."""
    before = numbers(folder, "ann", "bob")
    old = open_key(folder / "percapita.key")
    assert key(folder, "rotate") == 0
    new = open_key(folder / "percapita.key")

    assert new.secret != old.secret
    assert new.former[0].id == old.id
    assert (folder / "percapita.key").stat().st_mode & 0o777 == 0o600
    assert numbers(folder, "ann", "bob") == before
    used(folder, "second", "ann", "dan")
    assert numbers(folder, "ann", "bob", "dan") == [*before, 3]
    current, former = uses(folder, capsys)
    assert (current["key"], current["subjects"]) == (new.id, 2)
    assert (former["key"], former["subjects"], former["not_seen_since"]) == (old.id, 2, 1)
    with Project.open(folder).store() as store:
        acts = [(one.what, one.ref, one.detail) for one in store.audit()]
    assert ("key rotate", new.id, {"former": old.id}) in acts


def test_both_pseudonyms_lead_to_a_subject(folder: Path) -> None:
    """What older reports and bills call somebody is found still, until the old key leaked."""
    (ann,) = numbers(folder, "ann")
    old = open_key(folder / "percapita.key").pseudonym(USER, "ann")
    assert key(folder, "rotate") == 0
    used(folder, "second", "ann", "bob")
    new = open_key(folder / "percapita.key").pseudonym(USER, "ann")

    assert numbers(folder, f"user:{old}", f"user:{new}") == [ann, ann]
    assert key(folder, "retire") == 0
    assert numbers(folder, f"user:{old}", f"user:{new}", "ann") == [ann, ann, ann]


def test_retirement_says_first_what_is_lost(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A key that somebody is known by alone stays, unless that is wanted."""
    before = numbers(folder, "ann", "bob")
    assert key(folder, "rotate") == 0
    used(folder, "second", "ann")
    assert key(folder, "retire") == 2
    assert "1 of 2 subjects are known by the former key alone" in capsys.readouterr().err
    assert len(open_key(folder / "percapita.key").old) == 1

    assert key(folder, "retire", "--lose") == 0
    assert "Lost: 1 subjects" in capsys.readouterr().out
    assert open_key(folder / "percapita.key").old == ()
    assert numbers(folder, "ann", "bob") == [before[0], None]
    used(folder, "third", "ann", "bob")
    assert numbers(folder, "ann", "bob") == [before[0], 3]
    assert key(folder, "retire") == 2


def test_a_leaked_key_finds_nobody(folder: Path) -> None:
    """No hash that was made with it is left in any byte of the catalog."""
    old = open_key(folder / "percapita.key")
    before = numbers(folder, "ann")
    assert key(folder, "rotate") == 0
    used(folder, "second", "ann")
    assert key(folder, "retire", "--lose", "--leaked") == 0

    held = b"".join(path.read_bytes() for path in (folder / ".percapita").glob("catalog.sqlite*"))
    for user in ("ann", "bob"):
        assert old.pseudonym(USER, user).encode() not in held
    assert numbers(folder, "ann") == before


def test_keys_rotated_twice_lead_back(folder: Path) -> None:
    """A name that only the oldest of three keys knows is found, and kept by the newest."""
    before = numbers(folder, "ann", "bob")
    assert key(folder, "rotate") == 0
    used(folder, "second", "ann")
    assert key(folder, "rotate") == 0

    used(folder, "third", "bob", "ann")
    assert numbers(folder, "ann", "bob") == before
    assert key(folder, "retire") == 0
    assert numbers(folder, "ann", "bob") == before


def test_erasure_takes_all_pseudonyms(folder: Path) -> None:
    """Who is erased between rotation and retirement is found by no key."""
    assert key(folder, "rotate") == 0
    used(folder, "second", "ann")
    current = open_key(folder / "percapita.key")
    assert run(["erase", "user:ann", "--project", str(folder)]) == 0

    assert numbers(folder, "ann") == [None]
    held = b"".join(path.read_bytes() for path in (folder / ".percapita").glob("catalog.sqlite*"))
    for one in (current, *current.former):
        assert one.pseudonym(USER, "ann").encode() not in held


def test_a_process_of_before_goes_on(folder: Path) -> None:
    """A store that was open reads the key file again; without it, it hands out no number."""
    with Project.open(folder).store() as store, Project.open(folder).store() as blind:
        (ann,) = numbers(folder, "ann")
        blind_key = Key(store.key.secret)
        assert key(folder, "rotate") == 0
        assert store.door.numbers(USER, ["ann", "eve"]) == {"ann": ann, "eve": 3}
        with pytest.raises(KeyRotatedError):
            # As it goes where the rotation falls between hashing and the look-up.
            blind.door.numbers_of(USER, {blind_key.pseudonym(USER, "fay"): "fay"})
    elsewhere = Store.open(folder / ".percapita", blind_key)
    with elsewhere, pytest.raises(KeyChangedError, match="copy it from where"):
        elsewhere.door.find(USER, "ann")


def test_what_was_received_before_is_counted_after(folder: Path) -> None:
    """The spool is read with the key that sealed it, and holds on to it until all is counted."""
    with Project.open(folder).store() as store, Spool(store.root, store.key).start() as spool:
        reader = Spool(store.root, store.key)
        spool.append("logs", b"before").result()
        assert key(folder, "rotate") == 0
        spool.append("logs", b"after").result()
        assert key(folder, "retire", "--lose") == 2

        assert [entry.body for entry in reader.read(0, 1 << 20)] == [b"before", b"after"]
        reader.forget(1)
        assert key(folder, "retire", "--lose") == 0
        spool.append("logs", b"last").result()
        assert [entry.body for entry in reader.read(1, 1 << 20)] == [b"after", b"last"]
        reader.close()


@pytest.mark.parametrize("name", KEY_POINTS)
def test_killed_anywhere_the_same_commands_mend_it(name: str, folder: Path) -> None:
    """Killed at any step of rotation, renewal and retirement, everybody keeps the number."""
    before = numbers(folder, "ann", "bob")
    steps = (["key", "rotate"], ["import", str(folder / "later.csv")], ["key", "retire"])
    (folder / "later.csv").write_text(HEADER + "2025-10-02T08:00Z,ann,user,requests,1\n"
                                      "2025-10-02T08:00Z,bob,user,requests,1\n")  # fmt: skip
    codes = [typed([*step, "--project", str(folder)], name) for step in steps]

    assert codes.count(KILLED) == 1
    for step in steps[codes.index(KILLED) :]:
        run([*step, "--project", str(folder)])
    assert numbers(folder, "ann", "bob") == before
    assert open_key(folder / "percapita.key").old == ()
    with Project.open(folder).store() as store:
        assert [one.what for one in store.audit()].count("key retire") >= 1


def typed(words: list[str], crash_at: str) -> int:
    """Type a command in a process that ends at a point."""
    environment = {**os.environ, ENVIRONMENT: crash_at}
    command = [sys.executable, "-m", "percapita", *words]
    done = subprocess.run(command, env=environment, capture_output=True, check=False)  # noqa: S603
    return done.returncode
