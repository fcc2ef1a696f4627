"""``python -m percapita.sample.check DIR``: was everything found, and are the figures true?

Asks percapita as any program would, by its commands and their JSON, and compares the answers with
``planted.json`` and ``truth.json``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, NamedTuple

TOLERANCE: Final = Decimal("0.000001")
"""Money a unit: what splitting to whole atoms may leave, far below a cent."""

_TITLES: Final = {
    "quarantine": "percapita quarantine",
    "finding": "percapita check (findings)",
    "check": "percapita check",
    "cost": "percapita cost --by tier",
    "import": "percapita sources",
    "refused": "percapita import",
}


class Answer(NamedTuple):
    """What a command said."""

    code: int
    out: str
    err: str


Ask = Callable[[Sequence[str]], Answer]


class Seen(NamedTuple):
    """Where a planted error showed up; ``said`` is empty where it did not."""

    error: dict[str, Any]
    said: str


class Compared(NamedTuple):
    """A tier's cost per unit in one month."""

    month: str
    tier: str
    true: Decimal | None
    delivered: Decimal
    ours: Decimal | None

    @property
    def good(self) -> bool:
        """Tell whether percapita's figure is what the delivered files imply."""
        return self.ours is not None and abs(self.ours - self.delivered) <= TOLERANCE


def by_command(arguments: Sequence[str]) -> Answer:
    """Run percapita in a process of its own."""
    command = [sys.executable, "-m", "percapita", *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603 our own program
    return Answer(done.returncode, done.stdout, done.stderr)


def seen(folder: Path, ask: Ask) -> list[Seen]:
    """Return every planted error and what percapita says of it."""
    errors = json.loads((folder / "planted.json").read_text(encoding="utf-8"))
    answers: dict[str, Any] = {}

    def answer(*arguments: str) -> Any:  # noqa: ANN401
        name = " ".join(arguments)
        if name not in answers:
            got = ask([*arguments, "--project", str(folder), "--format", "json"])
            answers[name] = json.loads(got.out) if got.code == 0 else None
        return answers[name]

    return [Seen(error, _said(error, folder, ask, answer)) for error in errors]


def _said(error: dict[str, Any], folder: Path, ask: Ask, answer: Callable[..., Any]) -> str:
    place, mark = error["place"], error["mark"]
    if place == "quarantine":
        return _quarantined(error, answer("quarantine"))
    if place == "refused":
        copy = str(folder / error["file"])
        got = ask(["import", copy, "--source", "mail", "--project", str(folder)])
        return got.err.splitlines()[0] if got.code and mark in got.err else ""
    if place == "cost":
        told = answer("cost", "--by", "tier", "--period", "2025-10") or {"rows": []}
        rows = told["rows"]
        tier = mark or None
        row = next((row for row in rows if row["tier"] == tier), None)
        return f"tier {tier or 'not known'}: {row['units']} user, {row['total']}" if row else ""
    if place == "finding":
        return _finding(error, answer("check"))
    found = answer("sources" if place == "import" else "check")
    return next((text for text in _texts(found) if mark in text), "")


def _finding(error: dict[str, Any], told: Any) -> str:  # noqa: ANN401
    for finding in (told or {}).get("findings", ()):
        same = (finding["code"], finding["where"]) == (error["code"], error["mark"])
        if same and error["period"] in ("", finding["period"]):
            return f"{finding['code']} {finding['where']}: {finding['message']}"
    return ""


def _quarantined(error: dict[str, Any], listed: Any) -> str:  # noqa: ANN401
    for row in _records(listed):
        if row.get("row") == error["row"] and str(row.get("file", "")).endswith(error["file"]):
            return f"{error['file']}, row {error['row']}: {row.get('reason')}"
    return ""


def _records(value: Any) -> Iterator[dict[str, Any]]:  # noqa: ANN401
    if isinstance(value, dict):
        yield value
    for inner in value.values() if isinstance(value, dict) else value or ():
        if isinstance(inner, dict | list):
            yield from _records(inner)


def _texts(value: Any) -> Iterator[str]:  # noqa: ANN401
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def compared(folder: Path, ask: Ask) -> list[Compared]:
    """Return every month's cost per unit of each tier: true, as delivered, and percapita's."""
    truth = json.loads((folder / "truth.json").read_text(encoding="utf-8"))["views"]
    told = truth.get("delivered", truth["true"])
    rows = []
    for month, facts in told.items():
        arguments = ["cost", "--by", "tier", "--period", month, "--project", str(folder)]
        got = ask([*arguments, "--format", "json"])
        ours = json.loads(got.out)["rows"] if got.code == 0 else []
        each = {row["tier"] or "": row["cost_per_unit"] for row in ours}
        for tier, row in facts["tiers"].items():
            known = truth["true"][month]["tiers"].get(tier)
            rows.append(
                Compared(
                    month, tier, _decimal(known and known["cost_per_unit"]),
                    Decimal(row["cost_per_unit"]), _decimal(each.get(tier)),
                )
            )  # fmt: skip
    return rows


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def screen(found: Sequence[Seen], figures: Sequence[Compared]) -> Iterator[str]:
    """Yield the last screen of the demo."""
    yield "Planted errors, and what percapita says of them"
    for number, (error, said) in enumerate(found, start=1):
        mark = "found" if said else "NOT FOUND"
        yield f"{number:>3}. {error['kind']:<24} {mark:<10} {_TITLES[error['place']]}"
        yield f"     {error['what']}" + (f"; moves: {error['moves']}" if error["moves"] else "")
        if said:
            yield f"     > {said[:110]}"
    yield ""
    yield "Cost per active user: the truth, what the delivered files imply, and percapita's figure"
    yield _row("month", "tier", "true", "delivered", "percapita", "difference")
    for row in figures:
        shown = (_money(row.true), _money(row.delivered), _money(row.ours), _gap(row))
        yield _row(row.month, row.tier or "(unknown)", *shown)
    yield ""
    yield from _verdict(found, figures)


def _row(month: str, tier: str, *amounts: str) -> str:
    return f"  {month:<8} {tier:<11} " + " ".join(f"{amount:>14}" for amount in amounts)


def _verdict(found: Sequence[Seen], figures: Sequence[Compared]) -> Iterator[str]:
    hits = sum(bool(said) for _, said in found)
    good = sum(row.good for row in figures)
    yield f"{hits} of {len(found)} planted errors found."
    yield (
        f"{good} of {len(figures)} figures are what the delivered files imply, to {TOLERANCE};"
        " what is left is rounding to whole atoms of 10^-12."
    )
    yield "True and delivered differ where a planted error moved a figure: see above."


def _money(amount: Decimal | None) -> str:
    return "-" if amount is None else f"{amount:,.8f}"


def _gap(row: Compared) -> str:
    return "missing" if row.ours is None else f"{row.ours - row.delivered:.2e}"


def main(argv: list[str] | None = None, ask: Ask = by_command) -> int:
    """Print the last screen; 1 if an error was missed or a figure is not true."""
    parser = argparse.ArgumentParser(prog="python -m percapita.sample.check", description=__doc__)
    parser.add_argument("folder", type=Path, help="the project folder of percapita.sample")
    folder = parser.parse_args(argv).folder
    found, figures = seen(folder, ask), compared(folder, ask)
    sys.stdout.write("\n".join(screen(found, figures)) + "\n")
    return 0 if all(f.said for f in found) and all(row.good for row in figures) else 1


if __name__ == "__main__":
    sys.exit(main())
