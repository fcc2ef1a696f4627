"""The benchmark: ``percapita run`` itself, against a floor, a peer and the bars.

.venv/bin/python benchmarks/run.py                       10 M readings, model A
.venv/bin/python benchmarks/run.py --rows 100000000      as the bars are meant
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple

import company
from spent import Spent, program

HERE: Final = Path(__file__).parent
PERCAPITA: Final = Path(sys.executable).with_name("percapita")
_MEMORY: Final = "256MB"
"""Limit of the engine in measured runs; Python and its libraries need 0.3 GiB beside it."""


class Bar(NamedTuple):
    """A line of the last table."""

    what: str
    found: float
    bar: float
    unit: str = "x"
    at_least: bool = False

    def row(self) -> tuple[str, str, str, str]:
        """Return the printed cells."""
        kept = self.found >= self.bar if self.at_least else self.found <= self.bar
        missed = "" if kept else f"missed by {abs(self.found / self.bar - 1):.0%}"
        sign = "≥" if self.at_least else "≤"
        return (self.what, f"{self.found:.3g} {self.unit}", f"{sign} {self.bar:g} {self.unit}",
                missed or "kept")  # fmt: skip


def main() -> None:
    """Make the data, measure, print."""
    given = _arguments()
    project = company.project(given.cache, given.rows)
    repeats = []
    for at in range(given.repeats):
        repeats.append(_once(project, given))
        print(f"repeat {at + 1}: {_short(repeats[-1])}", flush=True)
    figures = {name: median(repeat[name] for repeat in repeats) for name in repeats[0]}
    bars = _bars(figures, peer=given.peer)
    if given.cold:
        bars += _cold(given.repeats)
    bars += _explained(project)
    _print(("", "wall s", "CPU s", "peak GiB"), _timings(figures))
    _print(("bar", "found", "bar", ""), [bar.row() for bar in bars])


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000, help="readings, about")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--model", choices=["a", "b"], default="a")
    cache = Path(tempfile.gettempdir()) / "percapita-bench"
    parser.add_argument("--cache", type=Path, default=cache, help="where the data is kept")
    parser.add_argument("--memory", default=_MEMORY, help="limit of the engine in measured runs")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave pandas out")
    parser.add_argument("--no-cold", dest="cold", action="store_false", help="no cold starts")
    return parser.parse_args()


def _once(project: Path, given: argparse.Namespace) -> dict[str, float]:
    """Measure everything once, the floor right before what is compared with it."""
    files = sorted(str(p) for p in (project / ".percapita/tables/readings").rglob("*.parquet"))
    found: dict[str, float] = {}
    _put(found, "floor", _floor(program([sys.executable, str(HERE / "floor.py"), *files])))
    inside = [sys.executable, str(HERE / "inside.py"), "stages", str(project), given.model]
    stages = _json(program(inside))
    _put(found, "attribute", stages["attribute"])
    _put(found, "allocate", stages["allocate"])
    _put(found, "prove", stages["prove"])
    _put(found, "one day", stages["days"]["one"])
    run = _run(project, given)
    _put(found, "run", {"wall": run.wall, "cpu": run.cpu, "peak": run.peak})
    if given.peer:
        peer = program([sys.executable, str(HERE / "notebook.py"), str(project)])
        _put(found, "notebook", {"wall": peer.wall, "cpu": peer.cpu, "peak": peer.peak})
    return found


def _run(project: Path, given: argparse.Namespace) -> Spent:
    """Run percapita; the runs before are removed, so that the disk holds one."""
    for folder in (project / ".percapita" / "tables").glob("*/period=*/run=*"):
        shutil.rmtree(folder)
    command = [
        str(PERCAPITA), "run", "--project", str(project), "--no-import", "--threads", "2",
        "--memory", given.memory, "--model", str(project / f"{given.model}.yaml"),
    ]  # fmt: skip
    return program(command)


def _json(spent: Spent) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(spent.output.strip().splitlines()[-1])
    return found


def _floor(spent: Spent) -> dict[str, float]:
    """Return the faster of the two ways."""
    ways = _json(spent)
    fastest = min(ways.values(), key=lambda way: way["cpu"])
    return {"wall": fastest["wall"], "cpu": fastest["cpu"]}


def _put(found: dict[str, float], name: str, spent: dict[str, float]) -> None:
    found |= {f"{name} {unit}": value for unit, value in spent.items()}


def _short(found: dict[str, float]) -> str:
    return ", ".join(f"{k} {v:.2f}" for k, v in found.items() if k.endswith(("cpu", "peak")))


def _timings(figures: dict[str, float]) -> list[tuple[str, ...]]:
    names = dict.fromkeys(key.rsplit(" ", 1)[0] for key in figures)
    units = ("wall", "cpu", "peak")
    return [
        (name, *(f"{figures[key]:.2f}" if (key := f"{name} {u}") in figures else "" for u in units))
        for name in names
    ]


def _bars(of: dict[str, float], *, peer: bool) -> list[Bar]:
    bars = []
    for unit, shown in (("cpu", "CPU"), ("wall", "wall")):
        floor = of[f"floor {unit}"]
        proven = of[f"allocate {unit}"] + of[f"prove {unit}"]
        bars.append(Bar(f"allocation with proof / floor, {shown}", proven / floor, 1.5))
        bars.append(Bar(f"whole run / floor, {shown}", of[f"run {unit}"] / floor, 2.5))
        if peer:
            faster = of[f"notebook {unit}"] / of[f"run {unit}"]
            bars.append(Bar(f"notebook / whole run, {shown}", faster, 4, at_least=True))
            faster = of[f"notebook {unit}"] / proven
            bars.append(Bar(f"notebook / allocation with proof, {shown}", faster, 4, at_least=True))
    bars.append(Bar("peak memory of the run", of["run peak"], 0.6, "GiB"))
    bars.append(Bar("one day / thirty, CPU", of["one day cpu"] / of["allocate cpu"], 1 / 25))
    return bars


def _cold(repeats: int) -> list[Bar]:
    """Time commands on the sample company, each in a process of its own."""
    with tempfile.TemporaryDirectory() as folder:
        program([sys.executable, "-m", "percapita.sample", folder])
        program([str(PERCAPITA), "run", "--project", folder])
        cost = [str(PERCAPITA), "cost", "--project", folder]
        spent = [
            (program([str(PERCAPITA), "--help"]).wall, program(cost).wall) for _ in range(repeats)
        ]
    return [
        Bar("percapita --help", median(h for h, _ in spent), 0.3, "s"),
        Bar("percapita cost, sample company", median(c for _, c in spent), 1.0, "s"),
    ]


def _explained(project: Path) -> list[Bar]:
    found = _json(program([sys.executable, str(HERE / "inside.py"), "explain", str(project)]))
    share = 100 * found["read"] / found["ledger"]
    return [Bar("explain of one subject, of the ledger's bytes", share, 2, "%")]


def _print(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[at]) for row in (head, *rows)) for at in range(len(head))]
    print()
    for row in (head, ["-" * width for width in widths], *rows):
        print("| " + " | ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) + " |")
    print(flush=True)


if __name__ == "__main__":
    os.environ.setdefault("PYTHONWARNINGS", "ignore")
    main()
