"""Bills as text, written by a test."""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Mapping, Sequence

from percapita.bills import Preview

Read = Callable[..., Preview]
"""What the fixture ``read`` is."""

ROW = {
    "BilledCost": "1", "EffectiveCost": "1", "ListCost": "1", "ContractedCost": "1",
    "BillingAccountId": "a", "BillingCurrency": "USD",
    "BillingPeriodStart": "2025-10-01T00:00:00Z", "BillingPeriodEnd": "2025-11-01T00:00:00Z",
    "ChargePeriodStart": "2025-10-05T00:00:00Z", "ChargePeriodEnd": "2025-10-06T00:00:00Z",
    "ChargeCategory": "Usage", "ServiceName": "Compute", "ServiceCategory": "Compute",
    "InvoiceIssuerName": "I", "ProviderName": "P", "Tags": "",
}  # fmt: skip
"""A whole FOCUS row."""

Row = Mapping[str, str]


def text(rows: Sequence[Row], delimiter: str = ",") -> str:
    """Return a bill of these rows; what they do not say is as in ``ROW``."""
    columns = list(ROW | {key: "" for row in rows for key in row})
    target = io.StringIO(newline="")
    writer = csv.DictWriter(target, columns, delimiter=delimiter, restval="")
    writer.writeheader()
    writer.writerows(dict(ROW) | dict(row) for row in rows)
    return target.getvalue()
