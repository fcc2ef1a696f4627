"""The files of one layout with what fills each of our columns: the SQL of a target's text."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from percapita.bills import cells
from percapita.bills.elements import STEP, Elements
from percapita.bills.files.reading import Layout
from percapita.core.tables import COSTS, LINE_NUMBERS
from percapita.plugins import Binding
from percapita.store.engine import Engine, literal

AMOUNTS: Final = tuple(COSTS.values())
NUMBERS: Final = (*AMOUNTS, *LINE_NUMBERS)


class Bound:
    """Files of one layout, bound to our columns."""

    def __init__(
        self, number: int, layout: Layout, binding: Binding, engine: Engine, folder: Path
    ) -> None:
        self.layout = layout
        self.binding = binding
        self._at = {name: f"c{n}" for n, name in enumerate(layout.names)}
        self.elements: Elements | None = None
        """Charges inside a cell, where the format knows of such."""
        if binding.each and binding.each.column in self._at:
            self.elements = Elements(layout, binding.each, engine, folder / f"elements{number}")

    @property
    def rows(self) -> str:
        """SQL of the rows as text: those of the files, and those made of their elements."""
        return self.elements.rows if self.elements else self.layout.relation

    @property
    def own(self) -> str:
        """SQL that is true for rows of the files."""
        return "part = 0" if self.elements else "true"

    def place(self, row: str) -> str:
        """Return the SQL of a row's number in its file."""
        return f"{row} // {STEP}" if self.elements else row

    def text(self, target: str) -> str | None:
        """Return the SQL of a target's text in ``rows``; ``None`` if nothing fills it."""
        own = self.own_text(target)
        if self.elements is None:
            return own
        element = self._element_text(self.elements, target)
        if element is None:
            return own
        return f"if(part = 0, {own or 'NULL'}, {element})"

    def column(self, target: str, *, own: bool) -> str:
        """Return the file's name of what fills a target, for messages.

        Args:
            target: our column.
            own: in a row of the file, not in one made of an element.
        """
        if not own and self.elements and target in self.elements.each.columns:
            filled = self.elements.each.columns[target]
            return f"{self.elements.each.column}.{next(cells.columns_of(filled), target)}"
        return next(cells.columns_of(self.binding.columns.get(target)), target)

    def own_text(self, target: str) -> str | None:
        """Likewise in the layout's rows."""
        filled = self.binding.columns.get(target)
        return self._or_value(target, None if filled is None else cells.text(filled, self._at))

    def _element_text(self, elements: Elements, target: str) -> str | None:
        """Return the SQL of a target's text in an element's row; ``None``: as in its own row."""
        filled = elements.each.columns.get(target)
        if filled is not None:
            return self._or_value(target, cells.text(filled, elements.at))
        if target in LINE_NUMBERS:
            return "NULL"
        return "'0'" if target in AMOUNTS and self.own_text(target) else None

    def _or_value(self, target: str, cell: str | None) -> str | None:
        value = self.binding.values.get(target)
        if value is None:
            return cell
        return f"coalesce({cell}, {literal(value)})" if cell else literal(value)

    @property
    def currency(self) -> str:
        """SQL of the currency: ISO codes in capitals, virtual ones as written."""
        return _currency(self.text("BillingCurrency"))

    @property
    def own_currency(self) -> str:
        """Likewise in the layout's rows."""
        return _currency(self.own_text("BillingCurrency"))

    def native(self, target: str, kind: str = "") -> str | None:
        """Return the file's own column of a target, if it is a number or an instant by its type."""
        column = self.binding.columns.get(target)
        at = self._at.get(column) if isinstance(column, str) else None
        if at is None or target in self.binding.values or self.elements or at in self.layout.masks:
            return None
        number = int(at.removeprefix("c"))
        found = self.layout.natives.get(number)
        return f"n{number}" if found and kind in ("", found) else None

    def blank(self, target: str) -> str:
        """Return the SQL of: a row has nothing for a target; over ``cells``."""
        return f"{self.native(target) or f't_{target}'} IS NULL"


def _currency(text: str | None) -> str:
    return f"if(length({text}) = 3, upper({text}), {text})" if text else "NULL::VARCHAR"
