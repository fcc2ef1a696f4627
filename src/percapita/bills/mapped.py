"""Any other bill with a row per charge: the user says which column is which.

Amounts may be one column (``cost``) or one per basis. The period may be a day or a month.
"""

from __future__ import annotations

from collections.abc import Sequence

from percapita.bills.columns import bound
from percapita.core.sources import Source
from percapita.plugins import BillFormat, Binding


class Mapped:
    """The format's entry point."""

    name = "mapped"

    def recognises(self, header: Sequence[str]) -> bool:  # noqa: ARG002
        """Tell nothing by the columns: a mapping is always said."""
        return False

    def aside(self, header: Sequence[str]) -> str | None:  # noqa: ARG002
        """Know of no other datasets."""
        return None

    def bind(self, header: Sequence[str], source: Source) -> Binding:
        """Bind what the user maps, and columns that already carry our names."""
        return bound(header, source)


SOURCE: BillFormat = Mapped()
