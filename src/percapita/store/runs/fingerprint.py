"""The hash of a ledger: equal for equal input and key, whatever the run, threads or machine."""

from __future__ import annotations

import hashlib

from percapita.store.engine import Engine, quote

STATUS = "open"
"""What every row of a run is until its period is closed."""

COLUMNS: tuple[tuple[str, str], ...] = (
    ("g", "start"), ("g", "end"), ("g", "grain"), ("g", "billing_period"), ("g", "pool"),
    ("l", "subject"), ("s", "kind"), ("l", "slice"), ("l", "feature"), ("l", "operation"),
    ("l", "region"), ("l", "amount"), ("l", "basis"),
)  # fmt: skip
"""The ledger's columns in order, each from ledger, groups or slices; ``status`` follows."""

_TIMES = {"start", "end"}


def ledger_hash(engine: Engine, ledger: str, groups: str, slices: str) -> str:
    """Return the SHA-256 over the ledger's rows as sorted, tab-separated UTF-8 lines.

    Rows are sorted by all their columns but the amount, then by the amount. Times are written as
    ``2025-10-01T00:00:00Z``, amounts as JSON carries them, null as nothing.

    Args:
        engine: runs the query.
        ledger: relation of the ledger's rows, with their partition columns.
        groups: likewise of the groups.
        slices: likewise of the slices.
    """
    texts = [_text(side, name) for side, name in COLUMNS]
    line = " || chr(9) || ".join([*texts, f"'{STATUS}'"])
    order = [f"{side}.{quote(name)}" for side, name in COLUMNS if name != "amount"]
    digest = hashlib.sha256()
    rows = (
        f"SELECT {line} || chr(10) FROM ({ledger}) l JOIN ({groups}) g"
        ' ON g.period = l.period AND g.basis = l.basis AND g."group" = l."group"'
        f" LEFT JOIN ({slices}) s ON s.period = l.period AND s.slice = l.slice"
        f" ORDER BY {', '.join([*order, 'l.amount'])}"
    )
    for block in engine.texts(rows):
        digest.update(block)
    return digest.hexdigest()


def _text(side: str, name: str) -> str:
    column = f"{side}.{quote(name)}"
    if name in _TIMES:
        written = f"strftime({column}, '%Y-%m-%dT%H:%M:%SZ')"
    elif name == "amount":
        # 18 places: the last 16 lose their trailing zeros.
        written = f"left({column}::VARCHAR, -16) || rtrim(right({column}::VARCHAR, 16), '0')"
    else:
        written = f"{column}::VARCHAR"
    return f"coalesce({written}, '')"
