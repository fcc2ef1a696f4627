"""The benchmark of imports: ``percapita import`` itself, against a floor, a peer and the bars.

.venv/bin/python benchmarks/imports.py                     200,000 lines of a CUR, and of FOCUS
.venv/bin/python benchmarks/imports.py --rows 5000000      as the bars are meant
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path
from statistics import median
from typing import Final

import bill_files
import duckdb
from run import Bar
from spent import Spent, program

PERCAPITA: Final = Path(sys.executable).with_name("percapita")
_CHUNK: Final = 500_000
_TIMES: Final = (
    "bill/BillingPeriodStartDate", "bill/BillingPeriodEndDate", "lineItem/UsageStartDate",
    "lineItem/UsageEndDate",
)  # fmt: skip
_AMOUNTS: Final = (
    "lineItem/UsageAmount", "lineItem/UnblendedCost", "pricing/publicOnDemandCost",
    "savingsPlan/SavingsPlanEffectiveCost",
)  # fmt: skip
_TEXTS: Final = (
    "bill/InvoiceId", "bill/BillingEntity", "bill/PayerAccountId", "lineItem/UsageAccountId",
    "lineItem/LineItemType", "lineItem/ProductCode", "lineItem/AvailabilityZone",
    "lineItem/ResourceId", "lineItem/CurrencyCode", "lineItem/LineItemDescription",
    "lineItem/LegalEntity", "product/ProductName", "product/productFamily", "product/regionCode",
    "product/sku", "pricing/unit", "savingsPlan/SavingsPlanARN", "resourceTags/user:customer",
    "resourceTags/user:environment", "resourceTags/user:team",
)  # fmt: skip


def main() -> None:
    """Write the bills, measure, print."""
    given = _arguments()
    if given.only:
        _ONLY[given.only](given.file, given.out)
        return
    files = {
        "CUR, CSV": given.cache / f"cur-{given.rows}.csv",
        "FOCUS, Parquet": given.cache / f"focus-{given.rows}.parquet",
    }
    bill_files.write_cur(files["CUR, CSV"], given.rows)
    bill_files.write_focus(files["FOCUS, Parquet"], given.rows)
    columns = f"{bill_files.WIDTH} columns, {bill_files.filled()} of them filled"
    print(f"{given.rows:,} lines; the CUR has {columns}; {os.cpu_count()} cores")
    for name, file in files.items():
        peer = given.peer and file.suffix == ".csv"
        repeats = [_once(file, beside=peer) for _ in range(given.repeats)]
        _print(name, file, given.rows, repeats)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=200_000, help="lines of each bill")
    parser.add_argument("--repeats", type=int, default=3)
    cache = Path(tempfile.gettempdir()) / "percapita-bench"
    parser.add_argument("--cache", type=Path, default=cache, help="where the bills are kept")
    parser.add_argument("--no-peer", dest="peer", action="store_false", help="leave pandas out")
    parser.add_argument("--only", choices=list(_ONLY), help=argparse.SUPPRESS)
    parser.add_argument("file", type=Path, nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("out", type=Path, nargs="?", help=argparse.SUPPRESS)
    return parser.parse_args()


def _once(file: Path, *, beside: bool) -> dict[str, Spent]:
    """Measure everything once, the floor right before what is compared with it."""
    with tempfile.TemporaryDirectory(dir=file.parent) as name:
        folder = Path(name)
        project = folder / "project"
        program([str(PERCAPITA), "init", str(project)])
        taking = [str(PERCAPITA), "import", str(file), "--project", str(project)]
        found = {"floor": _measured("floor", file, folder), "import": program(taking)}
        found |= {"hash": _measured("hash", file, folder), "again": program(taking)}
        if beside:
            found |= {peer: _measured(peer, file, folder) for peer in ("pandas", "exact")}
        shutil.rmtree(project)
    return found


def _measured(what: str, file: Path, folder: Path) -> Spent:
    out = folder / f"{what}.parquet"
    return program([sys.executable, __file__, "--only", what, str(file), str(out)])


def _floor(file: Path, out: Path) -> None:
    """Let the engine alone read all columns, typed, and write them."""
    kinds = dict.fromkeys(bill_files.columns(), "VARCHAR")
    kinds |= dict.fromkeys(_TIMES, "TIMESTAMPTZ") | dict.fromkeys(_AMOUNTS, "DECIMAL(36,18)")
    read = f"read_csv('{file}', columns = {kinds}, auto_detect = false, header = true, delim = ',')"
    if file.suffix == ".parquet":
        read = f"read_parquet('{file}')"
    with duckdb.connect(config={"threads": 2}) as connection:
        connection.execute("SET preserve_insertion_order = false")
        connection.execute(f"COPY (SELECT * FROM {read}) TO '{out}' (FORMAT parquet)")


def _hash(file: Path, out: Path) -> None:  # noqa: ARG001
    """Read the file and hash it, as every import does to tell whether it is known."""
    with file.open("rb") as stream:
        hashlib.file_digest(stream, "sha256").hexdigest()


def _pandas(file: Path, out: Path) -> None:
    """Read the mapped columns in chunks, as a script would: floats, nothing proven."""
    import pandas as pd  # noqa: PLC0415 the other ways must not pay for it

    out.mkdir()
    chunks = pd.read_csv(
        file, usecols=[*_TIMES, *_AMOUNTS, *_TEXTS], parse_dates=list(_TIMES), chunksize=_CHUNK,
        dtype=dict.fromkeys(_AMOUNTS, "float64") | dict.fromkeys(_TEXTS, "str"),
    )  # fmt: skip
    for number, chunk in enumerate(chunks):
        chunk.to_parquet(out / f"{number}.parquet")


def _exact(file: Path, out: Path) -> None:
    """Likewise, but do what an import does with these columns: exact money, an id a line, sums."""
    import pandas as pd  # noqa: PLC0415
    import pyarrow as pa  # noqa: PLC0415

    out.mkdir()
    money = pd.ArrowDtype(pa.decimal128(36, 18))
    chunks = pd.read_csv(file, usecols=[*_TIMES, *_AMOUNTS, *_TEXTS], dtype="str", chunksize=_CHUNK)
    for number, chunk in enumerate(chunks):
        rows = ("\x1f".join(map(str, row)).encode() for row in chunk.itertuples(index=False))
        ids = [hashlib.md5(row, usedforsecurity=False).hexdigest() for row in rows]
        for name in _TIMES:
            chunk[name] = pd.to_datetime(chunk[name], utc=True)
        for name in _AMOUNTS:
            amounts = [Decimal(text) if isinstance(text, str) else None for text in chunk[name]]
            chunk[name] = pd.Series(amounts, index=chunk.index, dtype=money)
            chunk[name].sum()
        chunk["LineId"] = ids
        chunk.to_parquet(out / f"{number}.parquet", compression="zstd")


_ONLY: Final = {"floor": _floor, "hash": _hash, "pandas": _pandas, "exact": _exact}


def _print(name: str, file: Path, rows: int, repeats: Sequence[dict[str, Spent]]) -> None:
    wall = {what: median(one[what].wall for one in repeats) for what in repeats[0]}
    cpu = {what: median(one[what].cpu for one in repeats) for what in repeats[0]}
    sizes = f"{file.stat().st_size / 2**30:.2f} GiB"
    print(f"\n{name}, {sizes}\n{'':10}{'wall s':>9}{'CPU s':>9}{'lines/s':>11}{'peak GiB':>10}")
    for what, seconds in wall.items():
        peak = median(one[what].peak for one in repeats)
        print(f"{what:10}{seconds:9.2f}{cpu[what]:9.2f}{rows / seconds:11,.0f}{peak:10.2f}")
    bar = 2.0 if "CSV" in name else 1.5
    bars = [
        Bar("import / floor, wall", wall["import"] / wall["floor"], bar),
        Bar("import / floor, CPU", cpu["import"] / cpu["floor"], bar),
        Bar("second import / hashing, CPU", cpu["again"] / cpu["hash"], 1.5),
        Bar("peak memory", max(one["import"].peak for one in repeats), 2.0, "GiB"),
    ]
    if "pandas" in wall:
        bars += [
            Bar("pandas / import, wall", wall["pandas"] / wall["import"], 5.0, at_least=True),
            Bar("pandas / import, CPU", cpu["pandas"] / cpu["import"], 5.0, at_least=True),
            Bar("pandas, exact / import, CPU", cpu["exact"] / cpu["import"], 5.0, at_least=True),
        ]
        ratio = cpu["pandas"] / cpu["floor"]
        print(f"pandas / floor, CPU: {ratio:.2f} x, what the engine alone would reach")
    for line in bars:
        print("  ".join(line.row()))


if __name__ == "__main__":
    main()
