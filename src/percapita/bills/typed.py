"""The rows of one layout as typed lines: the rules of ``normalise.py`` applied to whole columns.

Amounts that are written plainly are read by the engine. All other cells that need a rule (odd
amounts, dates, tags) are read once per distinct text, in Python, into a look-up table that the
rows are joined with.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeVar

from percapita.bills import cells, moments, normalise
from percapita.bills.bound import AMOUNTS, NUMBERS, Bound
from percapita.bills.columns import CUSTOM, DATES, TAG
from percapita.bills.extra import rest, spelled
from percapita.bills.files.reading import INSTANT, NUMBER, TAGS, Layout
from percapita.bills.identities import Masks
from percapita.core import money
from percapita.core.tables import LINE_NUMBERS, LINE_TEXTS, MONEY, key_column
from percapita.plugins import Binding, Fixed, Schema
from percapita.store.engine import Engine, literal, quote
from percapita.store.files.extra import EMPTY

Read = TypeVar("Read")

_MONEY_SQL: Final = MONEY.upper()
_BATCH: Final = 50_000
"""Texts that Python holds at once."""
_KINDS: Final = 1_000
"""Sets of keys that a file's tags may have to be taken as they are."""


class Sheet(Bound):
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
        super().__init__(number, layout, binding, engine, folder)
        self.private = masks is not None
        """Whether cells may hold ids of people."""
        self._engine = engine
        self.numbers = f"bill_numbers_{number}"
        """Look-up table of odd amounts: ``text``, ``value`` (null: no amount) and ``tail`` (not
        null where the text has digits beyond the 18th)."""
        self._dates = f"bill_dates_{number}"
        self._dated = {target: moments.looked_up(f"d_{target}") for target in DATES}
        self._tags = f"bill_tags_{number}"
        self._own_tags: str | None = None
        """The file's own column of tags, where they need not be read from its text."""
        self.comma = False
        self.day_first = False
        self.odd: set[str] = set()
        """Number columns with texts that the look-up table holds."""
        self.unread: set[str] = set()
        """Number and date columns with texts that can't be read."""
        self.flawed = False
        """Whether any row has a problem; known when ``checks`` are done."""
        self._look_up()
        self.undated = self._undated()
        """Whether a row has no period. Only then all its cells have to be looked at."""
        self._tag_sql = self._tag_map()
        self.rest = rest(engine, self.rows, self._left())
        """What goes to ``Extra``."""

    @property
    def read_as(self) -> tuple[str, str]:
        """How dates and amounts were read, where more files of the layout may tell otherwise."""
        dates = ("day" if self.day_first else "month") if self._slashed else ""
        return dates, "unclear" if self._unclear else "comma" if self.comma else "point"

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
        self._look_up_instants()
        self._look_up_tags()
        found = {t: self._distinct(t) for t in DATES if self.native(t, INSTANT) is None}
        dates = set[str]().union(*found.values())
        self.day_first = normalise.day_first(dates)
        self._slashed = normalise.slashed(dates)
        read = _readable(
            dates, lambda text: normalise.moment(text, day_before_month=self.day_first)
        )
        known = {text for text, _ in read}
        self.unread |= {target for target, texts in found.items() if texts - known}
        schema = {"text": "string", "at": "timestamp", "until": "timestamp", "month": "string"}
        named = f"{self._dates}_named"
        self._engine.load(named, schema, [(text, m.at, m.until, m.month) for text, m in read])
        later = f'SELECT *, "at" + INTERVAL 1 MONTH AS later FROM {named}'
        self._engine.create(self._dates, later, {**schema, "later": "timestamp"})
        self._engine.drop(named)

    def _look_up_instants(self) -> None:
        """See what the file's own instants name; they need no look-up table."""
        for target in DATES:
            if native := self.native(target, INSTANT):
                self._dated[target], odd = moments.native(self._engine, self.rows, native)
                if odd:
                    self.unread.add(target)

    def _look_up_tags(self) -> None:
        schema: Schema = {"text": "string", "tags": "map<string,string>"}
        self._engine.load(self._tags, schema, [])
        native, text = self.native("Tags", TAGS), self.text("Tags")
        if native and self._as_meant(native):
            self._own_tags = native
        elif text:
            for batch in self._texts(f"SELECT DISTINCT {text} AS t FROM ({self.rows})"):
                read = _readable(batch, normalise.tags)
                rows = [(one, list(found.items())) for one, found in read]
                self._engine.load(f"{self._tags}_batch", schema, rows)
                self._engine.insert(self._tags, f"SELECT * FROM {self._tags}_batch", schema)
                self._engine.drop(f"{self._tags}_batch")

    def _texts(self, asked: str) -> Iterator[list[str]]:
        """Yield the texts of a relation of one column, some at a time; more may be asked between.

        Python holds few of them, the engine as many as there is memory for.
        """
        table = f"{self._tags}_texts"
        numbered = f"SELECT t, row_number() OVER () AS n FROM ({asked}) WHERE t IS NOT NULL"
        count = self._engine.create(table, numbered, {"t": "string", "n": "int64"})
        for first in range(0, count, _BATCH):
            rows = self._engine.rows(
                f"SELECT t FROM {table} WHERE n > {first} AND n <= {first + _BATCH}"
            )
            yield [text for (text,) in rows]
        self._engine.drop(table)

    def _as_meant(self, native: str) -> bool:
        """Tell whether maps are in the order of their keys, each there once and with a value."""
        kinds = self._engine.rows(
            f"SELECT DISTINCT map_keys({native}),"
            f" list_count(map_values({native})) = cardinality({native})"
            f" FROM ({self.rows}) WHERE {native} IS NOT NULL LIMIT {_KINDS + 1}"
        )
        return len(kinds) <= _KINDS and all(
            whole and keys == sorted(set(keys)) for keys, whole in kinds
        )

    def _look_up_numbers(self) -> None:
        self._unclear: set[str] = set()
        by_target = self._odd_numbers()
        odd = set[str]().union(*by_target.values())
        self.comma = normalise.decimal_comma(odd)
        if self.comma:
            by_target = self._odd_numbers()
            odd = set[str]().union(*by_target.values())
        elif self.layout.delimiter == ";" and not self._has_decimal_dots():
            self._unclear = {text for text in odd if normalise.ambiguous(text)}
        read = _readable(odd, self.amount)
        schema = {"text": "string", "value": MONEY, "tail": "string"}
        rows: list[tuple[str, Decimal | None, str | None]] = []
        for text, exact in read:
            value = money.stored(exact)
            rows.append((text, value, None if value == exact else text))
        missing = odd - {text for text, _ in read}
        self.odd = set(by_target)
        self.unread |= {target for target, texts in by_target.items() if texts & missing}
        self._engine.load(self.numbers, schema, [*rows, *((t, None, None) for t in missing)])

    def _odd_numbers(self) -> dict[str, set[str]]:
        """Return the texts that are not plain amounts, by target."""
        texts = {
            target: text
            for target in NUMBERS
            if (text := self.text(target)) and self.native(target, NUMBER) is None
        }
        if not texts:
            return {}
        plain = literal(self.plain)
        # One pass tells that nearly always there are none.
        tests = ", ".join(
            f"count(*) FILTER (NOT regexp_full_match({text}, {plain}))" for text in texts.values()
        )
        counts = self._engine.rows(f"SELECT {tests} FROM ({self.rows})")[0]
        found: dict[str, set[str]] = {}
        for (target, text), count in zip(texts.items(), counts, strict=True):
            if count:
                rows = self._engine.rows(
                    f"SELECT DISTINCT {text} AS t FROM ({self.rows})"
                    f" WHERE t IS NOT NULL AND NOT regexp_full_match(t, {plain})"
                )
                found[target] = {row[0] for row in rows}
        return found

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
        starts = [
            self.native(target) or self.text(target) or "NULL"
            for target in DATES
            if target.endswith("Start")
        ]
        none = " AND ".join(f"{start} IS NULL" for start in starts)
        return bool(self._engine.rows(f"SELECT 1 FROM ({self.rows}) WHERE {none} LIMIT 1"))

    def _distinct(self, target: str) -> set[str]:
        text = self.text(target)
        if text is None:
            return set()
        found = self._engine.rows(
            f"SELECT DISTINCT {text} AS t FROM ({self.rows}) WHERE t IS NOT NULL"
        )
        return {row[0] for row in found}

    # ---- relations ----

    @property
    def cells(self) -> str:
        """SQL of the rows with every target's text as ``t_TARGET``, null where it has none."""
        targets = (*DATES, *NUMBERS, *LINE_TEXTS, "Tags")
        texts = {target: self.text(target) or "NULL::VARCHAR" for target in targets}
        texts["BillingCurrency"] = self.currency
        if self._own_tags:
            texts["Tags"] = "NULL::VARCHAR"
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
    def dated(self) -> str:
        """SQL of ``cells`` with what can be wrong with a row: its month, periods and numbers."""
        return f"SELECT cells.*, {_named(self._checked())} FROM {self._looked_up()}"

    @property
    def typed(self) -> str:
        """SQL of the rows as lines without id, beside the texts they were read from."""
        columns = {**self._checked(), **self._columns()}
        tagged = f"LEFT JOIN {self._tags} tagged ON tagged.text = t_Tags"
        return f"SELECT cells.*, {_named(columns)} FROM {self._looked_up()} {tagged}"

    def _looked_up(self) -> str:
        joins = [
            f"LEFT JOIN {self._dates} d_{target} ON d_{target}.text = t_{target}"
            for target in DATES
            if self.native(target, INSTANT) is None
        ]
        joins += [
            f"LEFT JOIN {self.numbers} n_{target} ON n_{target}.text = t_{target}"
            for target in sorted(self.odd)
        ]
        return f"({self.cells}) cells {' '.join(joins)}"

    def _checked(self) -> dict[str, str]:
        bill, start = self._dated["BillingPeriodStart"], self._dated["ChargePeriodStart"]
        columns = {"month": f"coalesce({bill.month}, {start.month})"}
        columns.update(self._periods())
        columns.update({f"d_ok_{target}": self._dated[target].at for target in DATES})
        columns.update({target: self._number(target) for target in NUMBERS})
        columns["BillingCurrency"] = "t_BillingCurrency"
        return columns

    def _columns(self) -> dict[str, str]:
        columns = {target: f"t_{target}" for target in LINE_TEXTS}
        columns["Tags"] = self._tag_sql
        columns["Extra"] = self.rest.map
        columns |= {quote(key_column(key)): sql for key, sql in self.rest.columns.items()}
        return columns

    def _periods(self) -> dict[str, str]:
        start, end, bill, bill_until = (
            self._dated[f"{period}Period{edge}"]
            for period in ("Charge", "Billing")
            for edge in ("Start", "End")
        )
        bill_end = (
            f"if({bill.at} IS NULL, NULL, if({self.blank('BillingPeriodEnd')}"
            f" OR {bill_until.at} = {bill.at}, {bill.later}, {bill_until.at}))"
        )
        return {
            "BillingPeriodStart": bill.at,
            "BillingPeriodEnd": bill_end,
            "ChargePeriodStart": f"coalesce({start.at}, {bill.at})",
            # A period of no length, and one whose end is not said, lasts as long as its start's
            # text names.
            "ChargePeriodEnd": (
                f"if({start.at} IS NULL, {bill_end}, if({self.blank('ChargePeriodEnd')}"
                f" OR {end.at} = {start.at}, {start.until}, {end.at}))"
            ),
        }

    def _number(self, target: str) -> str:
        if native := self.native(target, NUMBER):
            return f"CAST({native} AS {_MONEY_SQL})"
        direct = f"TRY_CAST(t_{target} AS {_MONEY_SQL})"
        if target not in self.odd:
            return direct
        return f"if(n_{target}.text IS NULL, {direct}, n_{target}.value)"

    def _tag_map(self) -> str:
        own = {t.removeprefix(TAG): self.text(t) for t in self._keys() if t.startswith(TAG)}
        tags = self._own_tags or "tagged.tags"
        if not own:
            return f"nullif({tags}, {EMPTY})"
        items = [(name, text or "NULL") for name, text in sorted(own.items())]
        entries = spelled(self._engine, self.rows, items)
        if self.text("Tags") is None:
            return entries
        return f"nullif(map_concat({tags}, {entries}), {EMPTY})"

    def _left(self) -> dict[str, str]:
        """Return the columns that fill nothing of a line, and the SQL of their texts."""
        used = set().union(*map(cells.spent, self.binding.columns.values()))
        items = {name: self._at[name] for name in self.layout.names if name not in used}
        if self.elements:
            items.pop(self.elements.each.column, None)
            items |= self.elements.beside
        items |= {t: self.text(t) or "NULL" for t in self._keys() if t.startswith(CUSTOM)}
        for target in LINE_NUMBERS:
            if target in self.unread:
                # A text that is no number is kept under its own name.
                text = self.text(target)
                none = f"SELECT text FROM {self.numbers} WHERE value IS NULL"
                kept = f"if({text} IN ({none}), {text}, NULL)"
                cell = self.binding.columns.get(target, Fixed(""))
                items |= dict.fromkeys(cells.spent(cell), kept)
        return items

    def _keys(self) -> tuple[str, ...]:
        inside = self.elements.each.columns if self.elements else ()
        return tuple(dict.fromkeys((*self.binding.columns, *self.binding.values, *inside)))


def _named(columns: Mapping[str, str]) -> str:
    return ", ".join(f"{sql} AS {name}" for name, sql in columns.items())


def _readable(texts: Iterable[str], read: Callable[[str], Read]) -> list[tuple[str, Read]]:
    found: list[tuple[str, Any]] = []
    for text in sorted(texts):
        try:
            found.append((text, read(text)))
        except ValueError:
            continue
    return found
