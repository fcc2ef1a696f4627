"""The peer: the notebook a user would write. Tuned pandas, float sums, nothing proven.

Run as a program on a project of ``company.py``; prints its own time as JSON. It splits each pool's
cost of a day by usage, as model A does, and keeps the table of parts.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Final

import pandas as pd
from spent import Clock

POOLS: Final = {
    "Compute": "cpu", "Control Plane": "cpu", "Mesh": "cpu", "Network": "egress", "Queue": "jobs",
    "Cache": "memory", "Database": "queries", "Gateway": "requests", "Observability": "requests",
    "Licences": "requests", "Object Storage": "storage", "Inference": "tokens",
    "Support Desk": "tokens", "Search": "tokens",
}  # fmt: skip


def main(project: Path) -> None:
    """Read, sum, split and write."""
    clock = Clock()
    tables = project / ".percapita" / "tables"
    usage = pd.concat(
        pd.read_parquet(
            path, columns=["time", "meter", "subject", "quantity"], partitioning=None,
            read_dictionary=["meter"],
        )
        for path in sorted((tables / "readings").rglob("*.parquet"))
    )  # fmt: skip
    usage["day"] = usage.pop("time").dt.floor("D")
    keys = ["day", "meter", "subject"]
    used = usage.groupby(keys, sort=False, observed=True)["quantity"].sum().reset_index()
    lines = pd.concat(
        pd.read_parquet(
            path, columns=["ChargePeriodStart", "ServiceName", "EffectiveCost"], partitioning=None,
            read_dictionary=["ServiceName"],
        )
        for path in sorted((tables / "lines").rglob("*.parquet"))
    )  # fmt: skip
    lines["day"] = lines["ChargePeriodStart"].dt.floor("D")
    lines["meter"] = lines["ServiceName"].map(POOLS)
    lines["cost"] = lines["EffectiveCost"].astype("float64")
    costs = lines.groupby(["day", "meter"], observed=True)["cost"].sum().reset_index()
    used["meter"] = used["meter"].astype(str)
    split = used.merge(costs, on=["day", "meter"])
    whole = split.groupby(["day", "meter"], observed=True)["quantity"].transform("sum")
    split["amount"] = split["quantity"] / whole * split["cost"]
    split[["day", "meter", "subject", "quantity", "amount"]].to_parquet(
        project / "notebook.parquet"
    )
    found = clock.spent()
    (project / "notebook.parquet").unlink()
    print(json.dumps({**found, "rows": len(split), "sum": float(split["amount"].sum())}))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
