"""``python -m percapita.sample DIR``: write the sample company as a project folder."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from percapita.sample.company import FEWEST
from percapita.sample.generate import generate


def main(argv: list[str] | None = None) -> int:
    """Write the folder and say what is in it."""
    parser = argparse.ArgumentParser(prog="python -m percapita.sample", description=__doc__)
    parser.add_argument("folder", type=Path, help="project folder to write; it must not exist")
    parser.add_argument("--seed", type=int, default=1, help="equal seeds give equal files")
    parser.add_argument("--users", type=int, default=20_000, help=f"at least {FEWEST}")
    parser.add_argument("--clean", action="store_true", help="plant no errors")
    chosen = parser.parse_args(argv)
    if chosen.users < FEWEST:
        parser.error(f"--users must be at least {FEWEST}")
    if chosen.folder.exists() and any(chosen.folder.iterdir()):
        parser.error(f"{chosen.folder} is not empty")
    made = generate(chosen.folder, seed=chosen.seed, users=chosen.users, plant=not chosen.clean)
    sys.stderr.write(
        f"{chosen.folder}: {made.users:,} users of {made.tenants:,} tenants, {made.charges:,}"
        f" charges, {made.usage_rows:,} usage rows, {made.planted} planted errors.\n"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
