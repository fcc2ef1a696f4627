"""A store whose catalog is a PostgreSQL database: a real server, asked by the command line."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from invariants.folder import ask, call
from percapita.store.catalog.catalog import Catalog
from servers.postgres import Postgres

pytestmark = pytest.mark.external
QUESTION = ("cost", "--by", "segment", "--period", "2025-10")


@pytest.fixture
def project(
    example: Path, tmp_path: Path, postgres: Postgres, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Give the segments example, its catalog in a database, the password in the environment."""
    folder = tmp_path / "segments"
    shutil.copytree(example, folder, ignore=shutil.ignore_patterns(".percapita"))
    address = f"postgresql://{postgres.user}@{postgres.host}:{postgres.port}/{postgres.database()}"
    with (folder / "percapita.yaml").open("a", encoding="utf-8") as file:
        file.write(f"\ncatalog: {address}\n")
    monkeypatch.setenv("PGPASSWORD", postgres.password)
    monkeypatch.setenv("PERCAPITA_NOW", "2025-11-05T00:00:00Z")
    return folder


def test_figures_are_those_of_a_store_with_its_own_catalog(project: Path, example: Path) -> None:
    """Import, run, cost, close, history and sources work alike, whichever database keeps order."""
    assert call("run", "--project", project).code == 0

    assert ask(project, *QUESTION) == ask(example, *QUESTION)
    assert not (project / ".percapita" / "catalog.sqlite").exists()
    assert call("close", "2025-10", "--project", project).code == 0
    assert ask(project, "reconcile")["periods"][0]["status"] == "closed"
    assert call("history", "2025-10", "--project", project).code == 0


def test_a_store_is_not_opened_without_its_catalog(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the URL is left out, nothing is begun anew; the message says what to give."""
    assert call("import", "--project", project).code == 0
    text = (project / "percapita.yaml").read_text(encoding="utf-8")
    (project / "percapita.yaml").write_text(text.split("\ncatalog:")[0], encoding="utf-8")

    said = call("sources", "--project", project)
    assert said.code != 0
    assert "PERCAPITA_CATALOG" in said.err
    monkeypatch.setenv("PERCAPITA_CATALOG", text.split("catalog: ")[1].strip())
    assert call("sources", "--project", project).code == 0


def test_a_catalog_is_of_one_store(postgres: Postgres, tmp_path: Path) -> None:
    """The folder of another store is refused, and so is a folder that has a catalog of its own."""
    url = postgres.url(postgres.database())
    Catalog.of(tmp_path / "one", url).close()
    Catalog.of(tmp_path / "one", url).close()
    Catalog.of(tmp_path / "file").close()

    with pytest.raises(Exception, match="is not the one that this catalog is of"):
        Catalog.of(tmp_path / "two", url)
    with pytest.raises(Exception, match="has its catalog in its own"):
        Catalog.of(tmp_path / "file", url)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("mysql://u@h/d", "begins with mysql:"),
        ("postgresql://u@h", "names no database"),
        ("postgresql://u:secret@127.0.0.1:1/d", "cannot be opened"),
        ("no url", "cannot be read"),
    ],
)
def test_a_catalog_that_cannot_be_opened_is_named(tmp_path: Path, url: str, said: str) -> None:
    """The message says what is wrong with the address, and never repeats the password."""
    with pytest.raises(Exception, match=said) as caught:
        Catalog.of(tmp_path, url)

    assert "secret" not in str(caught.value)
