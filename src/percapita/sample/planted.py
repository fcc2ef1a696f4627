"""One error of each kind, put into the delivered files on purpose, and where it should show up."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import date
from decimal import Decimal
from typing import Final, Literal

from percapita.sample import focus
from percapita.sample.bill import Charge, instant
from percapita.sample.catalogue import COMPUTE
from percapita.sample.company import GHOST, OUTLIER, TWICE, TYPO
from percapita.sample.files import insert
from percapita.sample.usage import SILENT, Usage, instance

Place = Literal["quarantine", "finding", "check", "cost", "import", "refused"]


@dataclass(frozen=True, slots=True)
class Planted:
    """An error, and what should be said of it."""

    kind: str
    what: str
    """What is wrong, in the words of whoever made the mistake."""
    place: Place
    """Which command's output should show it."""
    file: str = ""
    row: int = 0
    """Row of the file, 1 the first after the header; 0 where it is not one row."""
    mark: str = ""
    """A word that the output should carry; what the finding is about."""
    code: str = ""
    """Of the finding."""
    period: str = ""
    """Of the finding; empty: any."""
    moves: str = ""
    """What it does to the figures; empty: nothing, since broken rows are left out."""

    def record(self) -> dict[str, str | int]:
        """Return what ``planted.json`` keeps."""
        return asdict(self)


COPY: Final = "inbox/bills"
"""The bill's files, which came a second time by mail."""
LATE_MONTH: Final = "2025-09"


def in_usage(usage: Usage) -> Iterator[Planted]:
    """Put broken rows among the good ones."""
    for kind, stem, ending, text, what in (
        ("bad number", "requests-2025-08", "csv",
         "2025-08-12,u00046,,boards,/api/boards,eu-1,12o4", "hits of 12o4"),
        ("bad date", "app-2025-09", "jsonl",
         '{"day": "2025-09-31", "account": "u00047", "cluster": "eu-1", "bytes_out": 5120}',
         "the 31st of September"),
        ("broken JSON", "app-2025-10", "jsonl",
         '{"day": "2025-10-14", "account": "u00048", "cluster": "us-1", "bytes_', "a line cut off"),
        ("ragged row", "db-2025-09", "csv",
         f"2025-09-05,{instance('eu')},u00049", "a row without its last column"),
        ("negative quantity", "functions", "csv", "2025-10-09,u00050,-350", "-350 milliseconds"),
    ):  # fmt: skip
        row = insert(usage.rows[stem], text, 0.4)
        yield Planted(kind, what, "quarantine", f"usage/{stem}.{ending}", row)
    row = insert(usage.rows["platform"], f"2025-08-20,db.cpu_capcity,{instance('eu')},,384.00", 0.4)
    yield Planted(
        "unknown meter", "a reading of db.cpu_capcity", "finding", "usage/platform.csv", row,
        mark="db.cpu_capcity", code="unused-meter",
    )  # fmt: skip
    yield Planted(
        "silent day", f"no functions' readings on {SILENT}, though they ran", "finding",
        "usage/functions.csv", mark="functions", code="fallback",
        period=f"{SILENT:%Y-%m}",
        moves="the day is split by the month's usage instead of its own",
    )  # fmt: skip
    yield Planted(
        "outlier", f"one account (u{OUTLIER:05d}) sends about a third of all e-mail", "finding",
        mark="e-mail", code="F15", moves="nothing: it is real, and raises its tier",
    )  # fmt: skip


def in_users(rows: list[str]) -> Iterator[Planted]:
    """Put broken rows into the list of users; ``rows`` starts with the header."""
    at = next(n for n, row in enumerate(rows) if row.startswith(f"u{TWICE:05d},"))
    # The true row follows the wrong one, and the last of two rows counts.
    rows.insert(at, rows[at].replace(",Free,", ",Pro,"))
    yield Planted(
        "user twice", f"u{TWICE:05d} is Free and Pro at the same time", "import", "users.csv", at,
        mark="the last row counts",
    )  # fmt: skip
    named = next(n for n, row in enumerate(rows) if row.startswith(f"u{TYPO:05d},"))
    yield Planted(
        "unknown tier", f"u{TYPO:05d} has the plan Enterprize", "cost", "users.csv", named,
        mark="Enterprize", moves="its cost leaves Enterprise for a tier of its own",
    )  # fmt: skip
    yield Planted(
        "user without attributes", f"u{GHOST:05d} uses the product and is not in the list", "cost",
        "users.csv", moves="its cost leaves Free for the tier nobody knows",
    )  # fmt: skip


def in_vendors(rows: list[str]) -> Planted:
    """Put an invoice without a currency among the vendors'; ``rows`` starts with the header."""
    row = insert(rows, "AP-9001,Mailpost,Overage,2025-09,310.00,", 0.5) - 1
    return Planted(
        "missing currency", "310.00 of nobody knows what", "quarantine", "vendors.csv", row
    )


def in_bill(charges: list[Charge]) -> tuple[Planted, tuple[str, str]]:
    """Return a charge that ends before it starts, and the row to add to its month's file."""
    day = date(2025, 9, 12)
    amount = Decimal("12.34")
    broken = Charge(
        LATE_MONTH, instant(day), instant(date(2025, 9, 11)), "Ends before it starts",
        service=COMPUTE, billed=amount, effective=amount, contracted=amount, listed=amount,
        pool="api",
    )  # fmt: skip
    row = sum(charge.month == LATE_MONTH for charge in charges) + 1
    planted = Planted(
        "end before start", "a charge from the 12th to the 11th", "quarantine",
        f"bills/{LATE_MONTH}.csv.gz", row,
    )  # fmt: skip
    return planted, (LATE_MONTH, focus.row(broken))


def around_bill() -> Iterator[Planted]:
    """Name what is wrong with the bill as a whole."""
    yield Planted(
        "untagged spend", "NAT gateways and keys that nobody tagged", "check", mark="natgateway",
        moves="nothing: no rule takes them, they are unallocated",
    )  # fmt: skip
    yield Planted(
        "delivered twice", "the bill's files came again by mail", "refused", COPY,
        mark="cloud bill",
    )  # fmt: skip
