"""The sample company, loaded into an empty project, step by step, whatever ends it in between.

``python -m percapita.sample.loading`` does the steps; each can be done again. What it does now
stands in a file of the store, so that any process can tell.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal, get_args

from percapita.core.errors import InputError
from percapita.project import Project
from percapita.project.grammar import Settings
from percapita.project.opening import FILE
from percapita.sample.generate import generate
from percapita.store.lock import HeldError, Lock

Step = Literal["generate", "import", "run"]
STEPS: Final[tuple[Step, ...]] = get_args(Step)
SIZES: Final = (2_000, 20_000)
"""How many users the company may have, as the page offers it."""
KEPT: Final = "before-sample"
"""Folder of the project that files are moved to which the sample's would overwrite."""
_DRAFT: Final = ".sample"
_WAIT: Final = 5.0
_TAIL: Final = 600
"""Characters of a failed command's last words."""


class NotEmptyError(InputError):
    """The project has something of its own."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"The sample company is for an empty project: {why}.",
            hint="Load it into a folder of its own: python -m percapita.sample DIR",
        )


@dataclass(frozen=True, slots=True)
class Standing:
    """How far it has come."""

    step: Step | None
    """The one that it is at, or was at; ``None`` once all are done."""
    users: int
    failed: str = ""
    """What the step's command said at its end."""
    running: bool = False

    @property
    def interrupted(self) -> bool:
        """Something ended it before its end."""
        return self.step is not None and not self.failed and not self.running


def standing(project: Project) -> Standing | None:
    """Return how far it has come; ``None`` where nobody asked for it."""
    try:
        told = json.loads(_file(project).read_text(encoding="utf-8"))
        found = Standing(told["step"], int(told["users"]), told["failed"])
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return Standing(found.step, found.users, found.failed, running=_held(project))


def check(project: Project) -> None:
    """Refuse a project that has something of its own.

    Raises:
        NotEmptyError: bills are in, or percapita.yaml was edited.
    """
    before = standing(project)
    if before is not None and before.step is not None:
        return
    if project.settings != Settings():
        raise NotEmptyError(f"its {FILE} was edited")
    if project.has_store:
        with project.store(create=False) as store:
            if any(one.kind == "bill" for one in store.imports()):
                raise NotEmptyError("it has bills")


def begin(project: Project, users: int) -> None:
    """Begin, or go on, in a process of its own; it ends when it is done, whoever asked for it.

    Raises:
        NotEmptyError: the project has something of its own.
    """
    check(project)
    before = standing(project)
    if before is not None and before.running:
        return
    going_on = before is not None and before.step is not None
    tell(project, before.step if going_on and before else "generate",
         before.users if going_on and before else users)  # fmt: skip
    command = [
        sys.executable, "-m", "percapita.sample.loading", str(project.root),
        str(project.store_root),
    ]  # fmt: skip
    process = subprocess.Popen(  # noqa: S603 ourselves
        command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    threading.Thread(target=process.wait, daemon=True).start()


def resume(project: Project) -> None:
    """Go on where it was interrupted."""
    found = standing(project)
    if found is not None and found.interrupted:
        begin(project, found.users)


def tell(project: Project, step: Step | None, users: int, failed: str = "") -> None:
    """Write down how far it has come."""
    path = _file(project)
    path.parent.mkdir(parents=True, exist_ok=True)
    draft = path.with_suffix(".new")
    draft.write_text(json.dumps({"step": step, "users": users, "failed": failed}), encoding="utf-8")
    draft.replace(path)


def load(project: Project) -> None:
    """Do what is left of the steps.

    Raises:
        HeldError: another process does them.
    """
    with Lock(_lock(project), "loading the sample company").take(wait=_WAIT):
        found = standing(project)
        if found is None or found.step is None:
            return
        for step in STEPS[STEPS.index(found.step) :]:
            tell(project, step, found.users)
            failed = _write(project, found.users) if step == "generate" else _do(project, step)
            if failed:
                tell(project, step, found.users, failed)
                return
        tell(project, None, found.users)


def _write(project: Project, users: int) -> str:
    """Write the company beside the project, then put its files in their places."""
    draft = project.root / _DRAFT
    # What an earlier attempt left may be half of it; percapita.yaml is the last to be moved.
    if not (draft / FILE).is_file() or not (draft / "truth.json").is_file():
        shutil.rmtree(draft, ignore_errors=True)
        generate(draft, users=users)
    names = sorted((path.name for path in draft.iterdir()), key=lambda name: (name == FILE, name))
    for name in names:
        target = project.root / name
        if target.exists():
            kept = project.root / KEPT
            kept.mkdir(exist_ok=True)
            if (kept / name).exists():
                return f"{kept / name} is there already; move it away."
            target.replace(kept / name)
        (draft / name).replace(target)
    draft.rmdir()
    return ""


def _do(project: Project, step: Step) -> str:
    """Run the command of a step; return its last words if it failed."""
    command = [
        sys.executable, "-m", "percapita", step, "--project", str(project.root),
        "--store", str(project.store_root),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 ourselves
    # Code 1 says that there are findings: the company has planted errors.
    return "" if done.returncode in (0, 1) else done.stderr.strip()[-_TAIL:]


def _held(project: Project) -> bool:
    try:
        Lock(_lock(project), "").take().let_go()
    except HeldError:
        return True
    return False


def _file(project: Project) -> Path:
    return project.store_root / "sample.json"


def _lock(project: Project) -> Path:
    return project.store_root / "sample.lock"


def main(argv: list[str] | None = None) -> int:
    """Do what is left."""
    parser = argparse.ArgumentParser(prog="python -m percapita.sample.loading")
    parser.add_argument("project", type=Path)
    parser.add_argument("store", type=Path)
    chosen = parser.parse_args(argv)
    project = Project.open(chosen.project, chosen.store)
    try:
        load(project)
    except HeldError:
        return 0
    except OSError as error:
        found = standing(project)
        if found is not None:
            tell(project, found.step, found.users, str(error))
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
