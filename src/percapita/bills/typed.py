"""The rows of one layout as typed lines: the rules of ``normalise.py`` applied to whole columns.

Amounts that are written plainly are read by the engine. All other cells that need a rule (odd
amounts, dates, tags) are read once per distinct text, in Python, into a look-up table that the
rows are joined with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from percapita.bills import cells, normalise
from percapita.bills.columns import CUSTOM, DATES, TAG
from percapita.bills.elements import STEP, Elements
from percapita.bills.extra import MAP, filtered, spelled
from percapita.bills.files.reading import Layout
from percapita.bills.identities import Masks
from percapita.core import money
from percapita.core.tables import COSTS, LINE_NUMBERS, LINE_TEXTS, MONEY
from percapita.plugins import Binding, Fixed
from percapita.store.engine import Engine, literal

Read = TypeVar("Read")

AMOUNTS: Final = tuple(COSTS.values())
NUMBERS: Final = (*AMOUNTS, *LINE_NUMBERS)
_MONEY_SQL: Final = MONEY.upper()


class Sheet:
    """Files of one layout, bound and typed. The look-up tables live in the engine."""

    def __init__(
        self,
        number: int,
        layout: Layout,
        binding: Binding,
        engine: Engine,
        folder: Path,
        masks: Masks | None = None,
    ) -> None:
        if masks:
            masks.apply(engine, number, layout, binding)
        self.private = masks is not None
        """Whether cells may hold ids of people."""
        self.layout = layout
        self.binding = binding
        self._engine = engine
        self._at = {name: f"c{n}" for n, name in enumerate(layout.names)}
        self.elements: Elements | None = None
        """Charges inside a cell, where the format knows of such."""
        if binding.each and binding.each.column in self._at:
            self.elements = Elements(layout, binding.each, engine, folder / f"elements{number}")
        self.numbers = f"bill_numbers_{number}"
        """Look-up table of odd amounts: ``text``, ``value`` (null: no amount) and ``tail`` (not
        null where the text has digits beyond the 18th)."""
        self._dates = f"bill_dates_{number}"
        self._tags = f"bill_tags_{number}"
        self.comma = False
        self.day_first = False
        self.odd: set[str] = set()
        """Number columns with texts that the look-up table holds."""
        self._look_up()
        self.undated = self._undated()
        """Whether a row has no period. Only then all its cells have to be looked at."""
        self._extra_sql = self._extra()

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
    def read_as(self) -> tuple[str, str]:
        """How dates and amounts were read, where more files of the layout may tell otherwise."""
        dates = ("day" if self.day_first else "month") if self._slashed else ""
        return dates, "unclear" if self._unclear else "comma" if self.comma else "point"

    @property
    def currency(self) -> str:
        """SQL of the currency: ISO codes in capitals, virtual ones as written."""
        return _currency(self.text("BillingCurrency"))

    @property
    def own_currency(self) -> str:
        """Likewise in the layout's rows."""
        return _currency(self.own_text("BillingCurrency"))

    @property
    def plain(self) -> str:
        """Pattern of the amounts that the engine reads by itself."""
        return normalise.WHOLE if self.comma else normalise.PLAIN

    def amount(self, text: str) -> Decimal:
        """Return the exact amount of a cell of this sheet.

        Raises:
            ValueError: it is not a number, or could be two different ones.
        """
        if text in self._unclear:
            raise ValueError(f"{text!r} may be thousands or decimals")
        return normalise.amount(text, comma=self.comma)

    # ---- look-up tables ----

    def _look_up(self) -> None:
        self._look_up_numbers()
        dates = self._distinct(DATES)
        self.day_first = normalise.day_first(dates)
        self._slashed = normalise.slashed(dates)
        moments = _readable(
            dates, lambda text: normalise.moment(text, day_before_month=self.day_first)
        )
        schema = {"text": "string", "at": "timestamp", "until": "timestamp", "month": "string"}
        self._engine.load(
            self._dates, schema, [(text, m.at, m.until, m.month) for text, m in moments]
        )
        tags = _readable(self._distinct(("Tags",)), normalise.tags)
        self._engine.load(
            self._tags,
            {"text": "string", "tags": "map<string,string>"},
            [(text, list(found.items())) for text, found in tags],
        )

    def _look_up_numbers(self) -> None:
        self._unclear: set[str] = set()
        odd = self._odd_numbers()
        self.comma = normalise.decimal_comma(odd)
        if self.comma:
            odd = self._odd_numbers()
        elif self.layout.delimiter == ";" and not self._has_decimal_dots():
            self._unclear = {text for text in odd if normalise.ambiguous(text)}
        read = _readable(odd, self.amount)
        schema = {"text": "string", "value": MONEY, "tail": "string"}
        rows: list[tuple[str, Decimal | None, str | None]] = []
        for text, exact in read:
            value = money.stored(exact)
            rows.append((text, value, None if value == exact else text))
        missing = odd - {text for text, _ in read}
        self._engine.load(self.numbers, schema, [*rows, *((t, None, None) for t in missing)])

    def _odd_numbers(self) -> set[str]:
        texts: set[str] = set()
        for target in NUMBERS:
            text = self.text(target)
            if text is None:
                continue
            found = self._engine.rows(
                f"SELECT DISTINCT {text} AS t FROM ({self.rows})"
                f" WHERE t IS NOT NULL AND NOT regexp_full_match(t, {literal(self.plain)})"
            )
            if found:
                self.odd.add(target)
                texts.update(row[0] for row in found)
        return texts

    def _has_decimal_dots(self) -> bool:
        return any(
            self._engine.rows(
                f"SELECT 1 FROM ({self.rows})"
                f" WHERE contains({text}, '.') AND regexp_full_match({text}, {literal(self.plain)})"
                " LIMIT 1"
            )
            for target in AMOUNTS
            if (text := self.text(target))
        )

    def _undated(self) -> bool:
        starts = [self.text(target) or "NULL" for target in DATES if target.endswith("Start")]
        none = " AND ".join(f"{text} IS NULL" for text in starts)
        return bool(self._engine.rows(f"SELECT 1 FROM ({self.rows}) WHERE {none} LIMIT 1"))

    def _distinct(self, targets: Sequence[str]) -> set[str]:
        texts: set[str] = set()
        for target in targets:
            if text := self.text(target):
                found = self._engine.rows(
                    f"SELECT DISTINCT {text} AS t FROM ({self.rows}) WHERE t IS NOT NULL"
                )
                texts.update(row[0] for row in found)
        return texts

    # ---- relations ----

    @property
    def cells(self) -> str:
        """SQL of the rows with every target's text as ``t_TARGET``, null where it has none."""
        targets = (*DATES, *NUMBERS, *LINE_TEXTS, "Tags")
        texts = {target: self.text(target) or "NULL::VARCHAR" for target in targets}
        texts["BillingCurrency"] = self.currency
        named = ", ".join(f"{text} AS t_{target}" for target, text in texts.items())
        return f"SELECT *, {named} FROM ({self.rows})"

    @property
    def noted(self) -> str:
        """SQL of ``cells`` with ``tagged_text``, null where the tags could not be read."""
        return (
            f"SELECT cells.*, tagged.text AS tagged_text FROM ({self.cells}) cells"
            f" LEFT JOIN {self._tags} tagged ON tagged.text = t_Tags"
        )

    @property
    def typed(self) -> str:
        """SQL of the rows as lines without id, beside the texts they were read from."""
        joins = [
            f"LEFT JOIN {self._dates} d_{target} ON d_{target}.text = t_{target}"
            for target in DATES
        ]
        joins += [
            f"LEFT JOIN {self.numbers} n_{target} ON n_{target}.text = t_{target}"
            for target in sorted(self.odd)
        ]
        joins.append(f"LEFT JOIN {self._tags} tagged ON tagged.text = t_Tags")
        named = ", ".join(f"{sql} AS {name}" for name, sql in self._columns().items())
        return f"SELECT cells.*, {named} FROM ({self.cells}) cells {' '.join(joins)}"

    def _columns(self) -> dict[str, str]:
        columns = {"month": "coalesce(d_BillingPeriodStart.month, d_ChargePeriodStart.month)"}
        columns.update(_PERIODS)
        columns.update({f"d_ok_{target}": f"d_{target}.at" for target in DATES})
        columns.update({target: self._number(target) for target in NUMBERS})
        columns.update({target: f"t_{target}" for target in LINE_TEXTS})
        columns["Tags"] = self._tag_map()
        columns["Extra"] = self._extra_sql
        return columns

    def _number(self, target: str) -> str:
        direct = f"TRY_CAST(t_{target} AS {_MONEY_SQL})"
        if target not in self.odd:
            return direct
        return f"if(n_{target}.text IS NULL, {direct}, n_{target}.value)"

    def _tag_map(self) -> str:
        own = {t.removeprefix(TAG): self.text(t) for t in self._keys() if t.startswith(TAG)}
        if not own:
            return "nullif(tagged.tags, MAP {})"
        entries = filtered([(name, text or "NULL") for name, text in sorted(own.items())])
        empty = f"MAP {{}}::{MAP}"
        return f"nullif(map_concat(coalesce(tagged.tags, {empty}), {entries}), {empty})"

    def _extra(self) -> str:
        used = set().union(*map(cells.spent, self.binding.columns.values()))
        items = {name: self._at[name] for name in self.layout.names if name not in used}
        if self.elements:
            items.pop(self.elements.each.column, None)
            items |= self.elements.beside
        items |= {t: self.text(t) or "NULL" for t in self._keys() if t.startswith(CUSTOM)}
        plain = spelled(self._engine, self.rows, sorted(items.items()))
        unread = {
            column: f"if(n_{t}.text IS NOT NULL AND n_{t}.value IS NULL, t_{t}, NULL)"
            for t in LINE_NUMBERS
            if t in self.odd
            for column in cells.spent(self.binding.columns.get(t, Fixed("")))
        }
        if not unread:
            return plain
        empty = f"MAP {{}}::{MAP}"
        kept = filtered(sorted(unread.items()))
        return f"nullif(map_concat(coalesce({plain}, {empty}), {kept}), {empty})"

    def _keys(self) -> tuple[str, ...]:
        inside = self.elements.each.columns if self.elements else ()
        return tuple(dict.fromkeys((*self.binding.columns, *self.binding.values, *inside)))


def _currency(text: str | None) -> str:
    return f"if(length({text}) = 3, upper({text}), {text})" if text else "NULL::VARCHAR"


_BILL_START = "d_BillingPeriodStart.at"
_BILL_END = (
    f"if({_BILL_START} IS NULL, NULL, if(t_BillingPeriodEnd IS NULL"
    f" OR d_BillingPeriodEnd.at = {_BILL_START}, {_BILL_START} + INTERVAL 1 MONTH,"
    " d_BillingPeriodEnd.at))"
)
_START = "d_ChargePeriodStart.at"
_PERIODS: Final = {
    "BillingPeriodStart": _BILL_START,
    "BillingPeriodEnd": _BILL_END,
    "ChargePeriodStart": f"coalesce({_START}, {_BILL_START})",
    # A period of no length, and one whose end is not said, lasts as long as its start's text names.
    "ChargePeriodEnd": (
        f"if({_START} IS NULL, {_BILL_END}, if(t_ChargePeriodEnd IS NULL"
        f" OR d_ChargePeriodEnd.at = {_START}, d_ChargePeriodStart.until, d_ChargePeriodEnd.at))"
    ),
}


def _readable(texts: Iterable[str], read: Callable[[str], Read]) -> list[tuple[str, Read]]:
    found: list[tuple[str, Any]] = []
    for text in sorted(texts):
        try:
            found.append((text, read(text)))
        except ValueError:
            continue
    return found
