"""A project folder around a hand-made run."""

from __future__ import annotations

from pathlib import Path

from figures.world import World
from percapita.project import Project


def make_project(folder: Path, world: World) -> Path:
    """Write a project whose store holds the world's run; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "percapita.yaml").write_text("model: model.yaml\n", encoding="utf-8")
    (folder / "model.yaml").write_text(world.model, encoding="utf-8")
    with Project.open(folder).store(threads=1) as store:
        world.write(store)
    return folder
