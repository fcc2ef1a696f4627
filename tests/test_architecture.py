"""The house rules, as far as a program can see them."""

from __future__ import annotations

import ast
import json
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from invariants.folder import ask
from invariants.test_currencies import LINES, project
from percapita.cli.main import VERBS

ROOT = Path(__file__).parents[1]
SRC, TESTS = ROOT / "src" / "percapita", ROOT / "tests"
LONGEST_FILE, LONGEST_FUNCTION = 400, 40

Function = ast.FunctionDef | ast.AsyncFunctionDef


def modules(*folders: Path) -> Iterator[Path]:
    """Yield every Python file below the folders."""
    for folder in folders:
        yield from sorted(folder.rglob("*.py"))


def functions(path: Path) -> Iterator[Function]:
    """Yield every function of a file, nested ones too."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, Function):
            yield node


def shown(path: Path) -> str:
    """Return a path as messages name it."""
    return path.relative_to(ROOT).as_posix()


# ---- size and names ----


def test_files_are_short() -> None:
    """No file of source or tests is longer than 400 lines."""
    sizes = {shown(p): len(p.read_text(encoding="utf-8").splitlines()) for p in modules(SRC, TESTS)}

    assert {name: size for name, size in sizes.items() if size > LONGEST_FILE} == {}


def test_functions_are_short() -> None:
    """No function of the source is longer than 40 lines, docstring included."""
    long = {
        f"{shown(path)}:{node.lineno} {node.name}": size
        for path in modules(SRC)
        for node in functions(path)
        if (size := (node.end_lineno or node.lineno) - node.lineno + 1) > LONGEST_FUNCTION
    }

    assert long == {}


def test_no_attic() -> None:
    """No module is named for holding what belongs nowhere."""
    attics = {"utils", "util", "helpers", "common", "misc"}

    assert [shown(p) for p in modules(SRC, TESTS) if {p.stem, p.parent.name} & attics] == []


def test_test_files_have_names_of_their_own() -> None:
    """Two test files of one name hide each other, as test folders are no packages."""
    names = Counter(path.name for path in TESTS.rglob("test_*.py"))

    assert [name for name, count in names.items() if count > 1] == []


# ---- layers ----


def test_import_contracts_hold() -> None:
    """The layers of pyproject.toml: who may import whom, checked by import-linter."""
    pytest.importorskip("importlinter")
    code = "from importlinter.cli import lint_imports_command as go; go(['--no-cache'])"
    done = subprocess.run(  # noqa: S603 fixed text
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stdout + done.stderr


def imported(path: Path) -> set[str]:
    """Return the top names of what a file imports, anywhere in it."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
    return {name.partition(".")[0] for name in found}


@pytest.mark.parametrize(
    ("libraries", "home"),
    [
        ({"duckdb", "deltalake", "sqlalchemy", "sqlite3"}, "store"),
        ({"click", "typer"}, "cli"),
        ({"fastapi", "starlette", "jinja2"}, "web"),
    ],
    ids=["database", "command line", "web"],
)
def test_one_package_knows_a_library(libraries: set[str], home: str) -> None:
    """Database, command line and web framework are each imported by one package alone."""
    outside = {
        shown(path): found
        for path in modules(SRC)
        if path.relative_to(SRC).parts[0] != home and (found := imported(path) & libraries)
    }

    assert outside == {}


VENDOR_COLUMNS = {
    "aws": r"line_?[iI]tem[/_]([uU]nblended|[bB]lended|[lL]ine)|publicOnDemand|savingsPlan/",
    "azure": r"CostInBillingCurrency|PreTaxCost|MeterSubCategory|ConsumedService\b",
    "gcp": r"usage_start_time|cost_at_list|export_time\b|adjustment_info",
    "oci": r"lineItem/intervalUsage|cost/myCost|usage/billedQuantity",
    "opencost": r"cpuCoreHours|ramByteHours|cpuCostAdjustment",
    "focus": r"[\"'](ProviderName|InvoiceDetailId|ContractCommitmentId|AmortizedCost)[\"']",
}
"""Bill format -> columns that nobody else's bills have."""
WRITERS = {"focus": {"src/percapita/report/focus/columns.py"}}
"""Bill format -> the module that writes it."""


@pytest.mark.parametrize("vendor", VENDOR_COLUMNS)
def test_vendor_columns_stay_at_home(vendor: str) -> None:
    """Columns of one vendor's bills are read by one module; sample and export write them."""
    named = [
        shown(path)
        for path in modules(SRC)
        if path.parent.name != "sample"
        and re.search(VENDOR_COLUMNS[vendor], path.read_text(encoding="utf-8"))
    ]

    assert set(named) <= {f"src/percapita/bills/{vendor}.py", *WRITERS.get(vendor, ())}


def test_every_bill_format_has_golden_cases() -> None:
    """Each installed bill format is proven by at least one folder with a bill and its lines."""
    own = [p for p in entry_points(group="percapita.bills") if p.module.startswith("percapita.")]
    cases = TESTS / "cases" / "bills"

    assert own
    assert [p.name for p in own if not list((cases / p.name).glob("*/expected.json"))] == []


# ---- what a command pays for ----

HEAVY = ("ibis", "pandas", "duckdb", "deltalake", "pyarrow", "sqlalchemy", "rich", "yaml")

PROBE = """\
import contextlib, io, json, sys
from percapita.cli import main
bad = {{}}
for line in {lines!r}:
    with contextlib.redirect_stdout(io.StringIO()) as out:
        code = main.run(line.split())
    seen = sorted({heavy!r} & set(sys.modules))
    if code or seen:
        bad[line] = [code, seen]
print(json.dumps(bad))
"""


def probed(lines: list[str], heavy: set[str]) -> dict[str, list[object]]:
    """Run command lines one by one in a new process; return those that import what is heavy."""
    done = subprocess.run(  # noqa: S603 fixed text
        [sys.executable, "-c", PROBE.format(lines=lines, heavy=heavy)],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    result: dict[str, list[object]] = json.loads(done.stdout)
    return result


def test_help_is_light() -> None:
    """No help page of any verb imports the engine, the store, tables or colours."""
    assert probed(["--help", *(f"{verb} --help" for verb in VERBS)], set(HEAVY)) == {}


READING = (
    "check",
    "cost --by segment --period 2025-10 --format json",
    "cost --by segment",
    "explain --segment segment=SMB --format json",
    "explain --segment segment=SMB",
    "reconcile --format json",
    "reconcile",
    "lines --period 2025-10 --format csv",
    "groups --period 2025-10",
    "weights --period 2025-10",
    "ledger --period 2025-10",
    "sources",
    "quarantine",
    "runs",
    "model check",
    "model describe",
)


def test_reading_is_light(example: Path) -> None:
    """Commands that read results import neither Ibis nor pandas."""
    lines = [f"{line} --project {example}" for line in READING]

    assert probed(lines, {"ibis", "pandas"}) == {}


def test_reading_several_currencies_is_light(tmp_path: Path) -> None:
    """What is converted on reading needs no pandas either."""
    folder = project(tmp_path / "p", LINES)
    ask(folder, "run")
    lines = [f"{line} --project {folder}" for line in ("check", "cost", "commitments", "tags map")]

    assert probed(lines, {"ibis", "pandas"}) == {}


# ---- words ----


def test_every_test_says_what_it_proves() -> None:
    """Each test has a docstring: the fact it proves."""
    silent = [
        f"{shown(path)}:{node.lineno} {node.name}"
        for path in TESTS.rglob("test_*.py")
        for node in functions(path)
        if node.name.startswith("test_") and not ast.get_docstring(node)
    ]

    assert silent == []


def test_every_module_says_what_it_is() -> None:
    """Each module of the source starts with a docstring."""
    silent = [
        shown(path)
        for path in modules(SRC)
        if not ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    ]

    assert silent == []


TEXTS = {".py", ".md", ".yaml", ".yml", ".toml", ".csv", ".json", ".txt", ""}
UNWANTED = re.compile(
    r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b|(?<![\w.])/(home|Users|root|work)/\w+"
)


def test_nothing_is_left_open() -> None:
    """No file carries open ends, or a path of somebody's machine."""
    folders = [ROOT / name for name in ("src", "tests", "docs", "examples", "benchmarks")]
    files = [p for folder in folders for p in sorted(folder.rglob("*")) if p.is_file()]
    files += [p for p in ROOT.iterdir() if p.is_file() and not p.name.endswith(".lock")]
    found = [
        f"{shown(path)}:{number}"
        for path in files
        if path.suffix in TEXTS and not {"__pycache__", ".percapita"} & set(path.parts)
        and not any(part.endswith(".egg-info") for part in path.parts)
        for number, line in enumerate(path.read_text("utf-8", "replace").splitlines(), start=1)
        if UNWANTED.search(line)
    ]  # fmt: skip

    assert found == []
