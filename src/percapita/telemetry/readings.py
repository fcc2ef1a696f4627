"""Readings: usage of a meter, in base units, by hour, day or month, summed by who and what."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

from percapita.core.errors import InputError
from percapita.core.sources import Meter
from percapita.core.tables import READINGS
from percapita.store.engine import Engine, EngineError, literal, parquet, quote
from percapita.store.imports.transaction import ImportTx
from percapita.telemetry import cells, units, whom
from percapita.telemetry.batch import Batch, Flaw, Table, first_flaw, flawed, listed
from percapita.telemetry.columns import DIMENSIONS

_NUMBER: Final = r"[+-]?(\d[\d,]*\.?\d*|\.\d+)([eE][+-]?\d+)?"
_WHOLE: Final = r"\d{1,18}"
_FRACTION: Final = r"\d{1,9}\.\d{1,9}"
_KEYS: Final = ("time", "grain", "meter", "subject", "level", *DIMENSIONS)
_ORDER: Final = ", ".join(["time", "meter", "subject", "grain", "level", *DIMENSIONS])


class TooMuchError(InputError):
    """Summed usage does not fit its column."""

    def __init__(self, source: str) -> None:
        super().__init__(
            f"Readings of {source!r} sum to more than 9.2e18 base units in one hour.",
            hint="Give them in a coarser unit, or without one.",
        )


@dataclass(slots=True)
class _Quantities:
    """What the quantities of a delivery are worth."""

    worth: dict[tuple[str, str], units.Unit | None]
    """(meter, unit) -> its worth; ``None`` where the meter is measured in something else."""
    odd: dict[tuple[str, str, str], int | units.Misfit]
    """(meter, unit, text) -> base units, for texts that the engine does not read itself."""


def take(batch: Batch, tx: ImportTx) -> int:
    """Stage the readings of a delivery; return how many were taken."""
    tables = [(table, _meters(batch, table)) for table in batch.tables]
    quantities = _survey(batch, tables)
    staged = []
    for at, (table, meters) in enumerate(tables):
        path = batch.scratch / f"{at}.parquet"
        sql = _typed(_cells(batch, table, meters))
        with _as_written(batch.engine):
            batch.engine.execute(f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet)")
        batch.refuse_broken(table)
        for flaw in flawed(batch.engine, f"FROM {parquet([path])}"):
            _refuse(batch, table, quantities, flaw)
        staged.append(path)
    taken = f"SELECT * FROM {parquet(staged)} WHERE flaw IS NULL"
    # A broken row may have anything in the column of the meter.
    named = {meter for (meter,) in batch.engine.rows(f"SELECT DISTINCT meter FROM ({taken})")}
    tx.measure({m: u.measure for (m, _), u in quantities.worth.items() if u and m in named})
    return _write(batch, tx, taken)


@contextmanager
def _as_written(engine: Engine) -> Iterator[None]:
    """Let joins stand as written: how many rows a text file has, the optimizer can only guess."""
    engine.execute("SET disabled_optimizers = 'join_order,build_side_probe_side'")
    try:
        yield
    finally:
        engine.execute("RESET disabled_optimizers")


def _meters(batch: Batch, table: Table) -> dict[str, Meter]:
    """Return column -> meter of a wide table, nothing for a long one."""
    layout = table.layout
    if layout.has("meter") and layout.has("quantity"):
        return {}
    if layout.meters:
        return dict(layout.meters)
    names = {f"n{at}": column for at, column in enumerate(layout.others)}
    tests = ", ".join(
        f"count({n}), count(*) FILTER (regexp_full_match({n}, {literal(_NUMBER)}))" for n in names
    )
    counts = batch.engine.rows(f"SELECT {tests} FROM ({table.reader.select(batch.engine, names)})")
    found = {}
    for at, column in enumerate(layout.others):
        filled, numbers = counts[0][2 * at : 2 * at + 2]
        if filled and 2 * numbers >= filled:
            found[column] = Meter(column, batch.source.unit, batch.source.scale)
    if not found:
        raise InputError(
            f"{table.file.name} has no column with numbers that could be a meter.",
            hint="Map the columns: --map meter=THEIRS --map quantity=THEIRS, or name `meters:`.",
        )
    batch.note(f"{table.file.name}: meters are the columns {', '.join(found)}.")
    return found


def _cells(batch: Batch, table: Table, meters: dict[str, Meter]) -> str:
    """Return SQL of a file's cells as text: one row a reading, and the text that names whom."""
    layout = table.layout
    wide = {f"n{at}": column for at, column in enumerate(meters)}
    columns = table.reader.select(batch.engine, {**layout.columns, **wide})
    parts = ["time", "subject_kind", *DIMENSIONS]
    if not meters:
        unit = f"coalesce({_unit(batch, table)}, '')"
        return (
            f"SELECT row, {listed(layout, [*parts, 'meter', 'quantity'])}, {unit} AS unit,"
            f" 'quantity' AS from_part, {_grained(table)}, {whom.who(layout)} AS who"
            f" FROM ({columns})"
        )
    entries = ", ".join(
        f"{{'meter': {literal(meters[column].name)}, 'quantity': {name},"
        f" 'unit': {literal(meters[column].unit or batch.source.unit)}, 'part': {literal(column)}}}"
        for name, column in wide.items()
    )
    return (
        f"SELECT * EXCLUDE (m), m.meter, m.quantity, m.unit, m.part AS from_part FROM (SELECT row,"
        f" {listed(layout, parts)}, {_grained(table)}, {whom.who(layout)} AS who,"
        f" unnest([{entries}]) AS m FROM ({columns})) WHERE m.quantity IS NOT NULL"
    )


def _unit(batch: Batch, table: Table) -> str:
    fixed = table.layout.values.get("unit") or batch.source.unit
    if "unit" not in table.layout.columns:
        return literal(fixed)
    return f"coalesce(unit, {literal(fixed)})"


def _grained(table: Table) -> str:
    named = table.theirs("time").lower()
    at_least = named if named in ("day", "month") else ""
    time = "time" if "time" in table.layout.columns else literal(table.layout.values["time"])
    return f"{cells.grain(time, at_least)} AS grain"


def _survey(batch: Batch, tables: list[tuple[Table, dict[str, Meter]]]) -> _Quantities:
    """Look through all cells for ids, units and unusual numbers, and make tables of them."""
    names: set[str] = set()
    counts: Counter[tuple[str, str]] = Counter()
    odd: set[tuple[str, str, str]] = set()
    for table, meters in tables:
        sql = _cells(batch, table, meters)
        names |= whom.ids(batch, table, sql)
        for meter, unit, rows in batch.engine.rows(
            f"SELECT coalesce(meter, ''), unit, count(*) FROM ({sql}) GROUP BY ALL"
        ):
            counts[meter, unit] += rows
        odd.update(
            batch.engine.rows(
                f"SELECT DISTINCT coalesce(meter, ''), unit, quantity FROM ({sql})"
                f" WHERE NOT regexp_full_match(quantity, {literal(f'{_WHOLE}|{_FRACTION}')})"
            )
        )
    whom.learn(batch, names)
    scales = {m.name: m.scale for _, meters in tables for m in meters.values()}
    found = _Quantities(_units(batch, counts, scales), {})
    for meter, unit, text in odd:
        worth = found.worth[meter, unit]
        found.odd[meter, unit, text] = units.whole(text, worth.factor if worth else 1)
    _load(batch, found)
    return found


def _units(
    batch: Batch, counts: Counter[tuple[str, str]], scales: dict[str, int]
) -> dict[tuple[str, str], units.Unit | None]:
    """Give every unit its worth; of two base units of one meter, the one with more rows counts."""
    worth = {
        (meter, unit): units.unit(unit, scales.get(meter, batch.source.scale))
        for meter, unit in counts
    }
    rows: dict[str, Counter[str]] = defaultdict(Counter)
    for (meter, unit), found in worth.items():
        rows[meter][found.base] += counts[meter, unit]
    base = {meter: max(sorted(of), key=of.__getitem__) for meter, of in rows.items()}
    return {at: found if found.base == base[at[0]] else None for at, found in worth.items()}


def _load(batch: Batch, found: _Quantities) -> None:
    worth = [(m, u, unit.factor if unit else None) for (m, u), unit in found.worth.items()]
    batch.engine.load("_units", {"meter": "string", "unit": "string", "factor": "int64"}, worth)
    odd = [(*at, value if isinstance(value, int) else None) for at, value in found.odd.items()]
    schema = {"meter": "string", "unit": "string", "quantity": "string", "value": "int64"}
    batch.engine.load("_odd", schema, odd)


def _typed(text: str) -> str:
    """Return SQL of typed readings with the first flaw of each."""
    whole = "TRY_CAST(quantity AS HUGEINT)"
    head = "TRY_CAST(split_part(quantity, '.', 1) AS HUGEINT)"
    tail = "TRY_CAST(rpad(split_part(quantity, '.', 2), 9, '0') AS HUGEINT) * factor"
    value = (
        f"CASE WHEN regexp_full_match(quantity, '{_WHOLE}')"
        f" THEN TRY_CAST({whole} * factor AS BIGINT)"
        f" WHEN regexp_full_match(quantity, '{_FRACTION}')"
        f" THEN CASE WHEN ({tail}) % 1000000000 = 0"
        f" THEN TRY_CAST({head} * factor + ({tail}) // 1000000000 AS BIGINT) END ELSE odd END"
    )
    dimensions = ", ".join(quote(name) for name in DIMENSIONS)
    joined = (
        f"SELECT c.*, {cells.instant('c.time')} AS moment, u.factor, o.value AS odd, w.number,"
        f" w.level FROM ({text}) AS c LEFT JOIN _who AS w ON w.who = c.who"
        " LEFT JOIN _units AS u ON u.meter = coalesce(c.meter, '') AND u.unit = c.unit"
        " LEFT JOIN _odd AS o ON o.meter = u.meter AND o.unit = c.unit AND o.quantity = c.quantity"
    )
    checks = {
        "time": f"moment IS NOT NULL AND {cells.plausible('moment')}",
        "meter": "meter IS NOT NULL",
        "unit": "factor IS NOT NULL",
        "quantity": "value IS NOT NULL OR factor IS NULL",
        "who": "who IS NULL OR number IS NOT NULL",
    }
    values = {
        "time": '"time"',
        "meter": "meter",
        "unit": "concat(meter, chr(31), unit)",
        "quantity": "concat(meter, chr(31), unit, chr(31), from_part, chr(31), quantity)",
        "who": "subject_kind",
    }
    return (
        "SELECT row, CASE WHEN grain = 'hour' THEN date_trunc('hour', moment) ELSE moment END"
        f" AS time, grain, meter, coalesce(number, 0) AS subject, level, {dimensions},"
        f" value AS quantity, {first_flaw(checks, values)} AS flaw"
        f" FROM (SELECT *, {value} AS value FROM ({joined}))"
    )


_MARK: Final = "\x1f"


def _refuse(batch: Batch, table: Table, found: _Quantities, flaw: Flaw) -> None:
    row, part, value = flaw
    if part == "time":
        code = ("not-a-time", *cells.NOT_A_TIME) if value else _missing("time")
        batch.refuse(table, row, part, value, code)
    elif part == "meter":
        batch.refuse(table, row, part, value, _missing("meter"))
    elif part == "unit":
        meter, _, unit = (value or "").partition(_MARK)
        why = f"measures {meter!r} in something else than most rows do"
        batch.refuse(table, row, part, unit, ("other-unit", why, "Use one unit, or two meters."))
    elif part == "who":
        of = whom.shown(table.layout)
        batch.refuse(table, row, of, value, whom.why(of))
    else:
        meter, unit, column, text = (value or "").split(_MARK, 3)
        worth = found.worth.get((meter, unit))
        misfit = units.whole(text, worth.factor if worth else 1) if text else None
        told = _missing("quantity")
        if isinstance(misfit, units.Misfit):
            told = ("not-a-quantity", misfit.reason, misfit.fix)
        batch.refuse(table, row, column, text, told)


def _missing(part: str) -> tuple[str, str, str]:
    return "missing", f"the row has no {part}", "Fill it in, or give it with `values:`."


def _write(batch: Batch, tx: ImportTx, good: str) -> int:
    """Sum what agrees in all keys, month by month, and write it sorted."""
    engine = batch.engine
    month = "strftime(time, '%Y-%m')"
    months = engine.rows(f"SELECT {month} AS m, count(*) FROM ({good}) GROUP BY m ORDER BY m")
    keys = ", ".join(quote(name) for name in _KEYS)
    for period, _ in months:
        relation = (
            f"SELECT {keys}, CAST(count(*) AS BIGINT) AS signals,"
            " CAST(sum(quantity) AS BIGINT) AS quantity, NULL::VARCHAR AS threshold,"
            f" NULL::DECIMAL(38,0) AS trace_squares FROM ({good}) WHERE {month} = '{period}'"
            f" GROUP BY {keys} ORDER BY {_ORDER}"
        )
        try:
            tx.write(READINGS, relation, period=period)
        except EngineError as error:
            if "Conversion" in type(error).__name__ or "OutOfRange" in type(error).__name__:
                raise TooMuchError(batch.source.name) from error
            raise
    return sum(rows for _, rows in months)
