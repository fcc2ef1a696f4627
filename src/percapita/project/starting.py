"""Starting a project: the files that ``percapita init`` writes."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from percapita.core.errors import InputError
from percapita.core.sources import Source
from percapita.project import proposal
from percapita.project.opening import FILE, Project
from percapita.project.survey import Survey, survey

_MODEL: Final = """\
# The cost model: how every bill line finds the users it was spent on.
# As it stands every line is unallocated: import a bill, run, and see the total. Then add pools.
# Order matters: a line belongs to the first pool that it fits; what fits none is unallocated.
# Check it with `percapita model check`; every key is in `percapita model schema`.
# `percapita init DIR --bill FILE` proposes pools from what a bill shows.
version: 1
currency: USD
timezone: UTC
basis: effective

units:                     # the first is primary: cost per active user
  active user: {subject: user, active: any reading, window: month, exclude: [bot]}

# segments:                # what figures can be cut by; `users` is a source in percapita.yaml
#   tier: {from: users.plan}
#   cohort: {from: users.signup, by: month}

credits: follow            # credits and refunds go with the lines they correct
free tier: product         # or acquisition

# pools:
#   # Development serves no customer: it stays in the total, not in unit cost.
#   - pool: engineering productivity
#     match: {tags.Environment: [dev, staging]}
#     exclude: true
#
#   # The line names its customer.
#   - pool: customer storage
#     match: {tags.CustomerID: present}
#     direct: {tenant: tags.CustomerID}
#
#   # Shared: by each user's share of a meter, instance by instance.
#   - pool: postgres
#     match: {ServiceCategory: Databases}
#     by: db.queries
#     within: [resource]
#
#   # No driver of its own: in proportion to the cost already allocated.
#   - pool: tax
#     match: {ChargeCategory: Tax}
#     overhead: cost
"""

_PROJECT: Final = """\
# Where this project's data is. Paths are relative to this file.
model: model.yaml
key: percapita.key         # secret of the pseudonyms: keep it, never share or commit it
labels: [tenant, segment]  # whose names stay readable; users become pseudonyms
taxonomy: taxonomy.yaml
resource map: resource_map.csv

# Inputs. `percapita run` reads them again when their content changes; kinds are found out from
# the columns. `columns:` maps our name of a column to the file's.
"""

_SOURCES: Final = """\
# sources:
#   cloud bill: {kind: bill, path: bills/*.csv.gz}
#   usage: {kind: readings, path: usage/*.csv, columns: {time: ts, user: account_id}, unit: h}
#   users: {kind: segments, path: users.csv, columns: {user: id, from: valid_from}}
#   heads: {kind: counts, path: heads.csv}        # unit, period, a segment, count
#   revenue: {kind: revenue, path: revenue.csv}   # user, period, amount, currency
"""

_IGNORED: Final = ("percapita.key", ".percapita/")


class StartedError(InputError):
    """Files that would be overwritten."""

    def __init__(self, paths: Sequence[Path]) -> None:
        super().__init__(
            f"Already there: {', '.join(str(path) for path in paths)}; nothing was written.",
            hint="Choose another folder, or overwrite them with --force.",
        )


@dataclass(frozen=True, slots=True)
class Started:
    """A new project."""

    folder: Path
    files: tuple[Path, ...]
    survey: Survey | None


def start(folder: Path, *, bills: Sequence[Path] = (), force: bool = False) -> Started:
    """Write the files of a new project, from what bills show or the default ones.

    Raises:
        StartedError: a file is there, and not ``force``.
        InputError: a bill cannot be read.
    """
    names = (FILE, "model.yaml", "taxonomy.yaml", "resource_map.csv")
    there = [folder / name for name in names if (folder / name).exists()]
    if there and not force:
        raise StartedError(there)
    sources = _sources(folder, bills)
    # The folder, and with it a path relative to it, may not be there yet.
    placed = [replace(s, path=os.path.normpath(folder.absolute() / s.path)) for s in sources]
    found = survey(placed, root=folder) if placed else None
    contents = {
        FILE: _PROJECT + _listed(sources),
        "model.yaml": proposal.model(found) if found else _MODEL,
        "taxonomy.yaml": proposal.taxonomy(found),
        "resource_map.csv": proposal.resource_map(found),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for name, content in contents.items():
        (folder / name).write_text(content, encoding="utf-8")
    _ignore(folder / ".gitignore")
    return Started(folder, tuple(folder / name for name in (*names, ".gitignore")), found)


def _sources(folder: Path, bills: Sequence[Path]) -> list[Source]:
    sources: list[Source] = []
    for path in bills:
        stem = re.split(r"\.(csv|tsv|txt|parquet|pq)\b", path.name, maxsplit=1)[0] or "bill"
        name, taken = stem, {source.name for source in sources}
        number = 2
        while name in taken:
            name, number = f"{stem} {number}", number + 1
        sources.append(Source(name, reachable(path, folder), kind="bill"))
    return sources


def reachable(path: Path, folder: Path) -> str:
    """Return a path as a project's file names it: relative where it is near the folder."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 a link stays the link
    near = os.path.relpath(whole, folder.absolute())
    return str(whole) if near.startswith(os.path.join("..", "..")) else Path(near).as_posix()  # noqa: PTH118


def _listed(sources: Iterable[Source]) -> str:
    lines = [
        f"  {proposal.text(source.name)}: {{kind: bill, path: {proposal.text(source.path)}}}"
        for source in sources
    ]
    return "\n".join(["sources:", *lines, "", _SOURCES]) if lines else _SOURCES


def _ignore(path: Path) -> None:
    """Keep key and data out of version control; what the file says already stays."""
    there = path.read_text(encoding="utf-8") if path.exists() else ""
    missing = [name for name in _IGNORED if name not in there.split()]
    if missing:
        end = "" if not there or there.endswith("\n") else "\n"
        path.write_text(there + end + "\n".join(missing) + "\n", encoding="utf-8")


def adopt_currency(project: Project, currencies: Iterable[str]) -> str | None:
    """Let a default model that nobody has edited have the bills' currency, if that is one.

    Returns:
        The currency, where the model was changed.
    """
    found = set(currencies)
    path = project.model_path
    if len(found) != 1 or not path.is_file() or path.read_text(encoding="utf-8") != _MODEL:
        return None
    (currency,) = found
    if currency == "USD" or not re.fullmatch("[A-Z]{3}", currency):
        return None
    text = _MODEL.replace("currency: USD", f"currency: {currency}", 1)
    path.write_text(text, encoding="utf-8")
    return currency
