"""A delivery on its way from files to lines: read, typed, checked, proven, handed to the store."""

from __future__ import annotations

import tempfile
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path

from percapita.bills import checks, lines, reading, rounding
from percapita.bills.cells import spent
from percapita.bills.files import find, opened
from percapita.bills.notes import notes_of
from percapita.bills.proof import Proof, prove
from percapita.bills.typed import Sheet
from percapita.core import money
from percapita.core.errors import InputError, nearest
from percapita.core.sources import Source
from percapita.core.tables import COSTS
from percapita.plugins import BillFormat, bill_formats
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine, EngineError, literal


class UnknownFormatError(InputError):
    """A file that is no bill any installed format knows."""

    def __init__(self, file: str, header: Sequence[str], formats: Sequence[str]) -> None:
        shown = ", ".join(header[:12]) + (" …" if len(header) > 12 else "")  # noqa: PLR2004
        super().__init__(
            f"{file} is not a bill that {' or '.join(formats)} knows. Its columns: {shown}",
            hint="Say which column is which under columns: with format: mapped, or name the files"
            " of the bill by a pattern such as bills/*.csv.gz.",
        )


class NothingError(InputError):
    """A delivery without a single readable bill."""

    def __init__(self, source: str, why: str) -> None:
        super().__init__(f"Source {source!r} delivers no bill: {why}.")


_ROUNDING = "bill_rounding"


@dataclass(slots=True)
class Delivery:
    """What a source delivers, as lines in the engine. Valid as long as its scratch folder."""

    format: str
    names: list[str]
    """Of its files, relative to the project where they lie in it."""
    sheets: list[Sheet]
    periods: Mapping[str, int]
    """Billing month -> lines in it, rounding lines included."""
    rows: int
    quarantined: list[Quarantined]
    sums: Mapping[str, Mapping[str, str]]
    keys: tuple[str, ...] = ()
    """The source's ``keys`` in our names."""
    notes: list[str] = field(default_factory=list)
    source: str = ""

    def lines(self, period: str | None = None) -> str:
        """Return the SQL of the lines, those of one month or all, rounding lines included."""
        where = "" if period is None else f" WHERE period = {literal(period)}"
        parts = [lines.relation(sheet, self.source) for sheet in self.sheets]
        parts.append(f"SELECT period, 0 AS number, * EXCLUDE (period) FROM {_ROUNDING}")
        return f"SELECT * EXCLUDE (number) FROM ({' UNION ALL '.join(parts)}){where}"


@contextmanager
def scratch(root: Path | None) -> Iterator[Path]:
    """Give a folder that vanishes with everything in it.

    Args:
        root: where, the system's own place for such folders unless said.
    """
    if root is not None:
        root.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="bill-", dir=root) as name:
        yield Path(name)


def read(engine: Engine, source: Source, root: Path, folder: Path, beside: str = "") -> Delivery:
    """Read a source's files into lines, and prove them.

    Args:
        engine: where lines are made; tables named ``bill_…`` are replaced.
        source: what to read and how.
        root: folder of the project.
        folder: scratch folder; the lines live as long as it.
        beside: relation of lines that will stay live next to these.

    Raises:
        InputError: the files are no bill that can be read.
        ProofError: the lines do not hold what the files write.
    """
    paths = find(source.path, root)
    names = [_named(path, root) for path in paths]
    notes: list[str] = []
    form, layouts = _layouts(engine, source, paths, folder, notes)
    sheets = [
        Sheet(number, layout, form.bind(layout.names, source), engine)
        for number, layout in enumerate(layouts)
    ]
    numbered = list(enumerate(names))
    engine.load(lines.FILES, {"number": "int32", "name": "string"}, numbered)
    lines.check(engine, sheets, source.name, beside)
    proof = _proven(engine, sheets, source.name, names)
    added = rounding.rows_of(engine, source.name, sheets, proof, names)
    engine.load(_ROUNDING, lines.SCHEMA, added)
    refused = [item for sheet in sheets for item in checks.quarantined(engine, sheet, names)]
    notes += notes_of(engine, sheets, proof, refused)
    periods = dict(engine.rows(
        f"SELECT period, count(*)::BIGINT FROM (SELECT period FROM {checks.CHECKED}"
        f" WHERE problem IS NULL UNION ALL SELECT period FROM {_ROUNDING}) GROUP BY ALL"
        " ORDER BY ALL"
    ))  # fmt: skip
    return Delivery(
        form.name, names, sheets, periods, sum(periods.values()), refused, _sums(proof),
        _keys(source, sheets), notes, source.name,
    )  # fmt: skip


def _proven(engine: Engine, sheets: Sequence[Sheet], source: str, names: Sequence[str]) -> Proof:
    plain = " UNION ALL ".join(lines.relation(sheet, source) for sheet in sheets)
    try:
        return prove(engine, sheets, plain, names)
    except EngineError as error:
        raise InputError(
            f"The amounts of source {source!r} sum to more than a money column holds.",
            hint="Look for an amount with too many digits before the point.",
        ) from error


def _named(path: Path, root: Path) -> str:
    inside = path.resolve().is_relative_to(root.resolve())
    return path.resolve().relative_to(root.resolve()).as_posix() if inside else str(path)


def _layouts(
    engine: Engine, source: Source, paths: Sequence[Path], folder: Path, notes: list[str]
) -> tuple[BillFormat, list[reading.Layout]]:
    layouts: dict[tuple[str, ...], reading.Layout] = {}
    form: BillFormat | None = None
    for number, path in enumerate(paths):
        file = opened(path, number, folder / f"{number}.csv")
        if file.note:
            notes.append(file.note)
        head = reading.header(file, engine)
        if head is None:
            notes.append(f"{path.name} is empty.")
            continue
        formed = format_of(source, path.name, head.names)
        if isinstance(formed, str):
            notes.append(f"{path.name} was left aside: it is the dataset {formed}, not a bill.")
            continue
        if form is not None and form.name != formed.name:
            raise NothingError(source.name, f"it mixes {form.name} and {formed.name}")
        form = formed
        key = (head.delimiter, *head.names)
        layout = layouts.setdefault(key, reading.Layout(head.names, head.delimiter))
        reading.add(engine, layout, file, head, folder / f"{number}.parquet")
        if not engine.rows(f"SELECT 1 FROM {layout.parts[-1]} LIMIT 1"):
            notes.append(f"{path.name} has a header and no rows.")
        if file.readable != file.path:
            file.readable.unlink()
    if form is None:
        raise NothingError(source.name, "; ".join(notes).rstrip(".") or "no file holds a row")
    return form, list(layouts.values())


def format_of(source: Source, file: str, header: Sequence[str]) -> BillFormat | str:
    """Return a file's format, or the name of the dataset it is that is no bill.

    Raises:
        InputError: the format that the user names is not installed, or none fits.
    """
    formats = bill_formats()
    if source.format:
        if source.format not in formats:
            raise InputError(
                f"Source {source.name!r} has the format {source.format!r}, which is not installed.",
                hint=nearest(source.format, formats),
            )
        chosen = formats[source.format]
        return chosen.aside(header) or chosen
    for form in formats.values():
        if form.recognises(header):
            return form
    asides = (form.aside(header) for form in formats.values())
    if dataset := next(filter(None, asides), None):
        return dataset
    if source.columns:
        return formats["mapped"]
    raise UnknownFormatError(file, header, [name for name in formats if name != "mapped"])


def _keys(source: Source, sheets: Sequence[Sheet]) -> tuple[str, ...]:
    """Return the key columns of an upsert in our names; what is not bound is ours already."""
    ours = {
        theirs: ours
        for sheet in sheets
        for ours, cell in sheet.binding.columns.items()
        for theirs in spent(cell)
    }
    return tuple(ours.get(key, key) for key in source.keys)


def _sums(proof: Proof) -> dict[str, dict[str, str]]:
    found: dict[tuple[str, str], list[Decimal]] = defaultdict(list)
    for part in (proof.lines, proof.rounding):
        for (_, currency, basis), amount in part.items():
            found[currency, basis].append(amount)
    sums: dict[str, dict[str, str]] = {}
    for currency in sorted({currency for currency, _ in found}):
        sums[currency] = {
            basis: money.text(money.total(found[currency, basis])) or "0.00"
            for basis in COSTS
            if (currency, basis) in found
        }
    return sums
