"""A delivery on its way from files to lines: read, typed, checked, proven, handed to the store."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import tempfile
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from percapita.bills import checks, layouts, lines, rounding
from percapita.bills.apart import tell_apart
from percapita.bills.cells import columns_of, spent
from percapita.bills.files.archives import unpacked
from percapita.bills.files.found import Found, found
from percapita.bills.identities import Masks
from percapita.bills.notes import notes_of
from percapita.bills.proof import Proof, prove
from percapita.bills.typed import Sheet
from percapita.core import money
from percapita.core.errors import InputError
from percapita.core.privacy import Key
from percapita.core.sources import Source
from percapita.core.tables import COSTS, LINES
from percapita.plugins import BillFormat, Binding, Fixed, Measured, unmeasured
from percapita.store.delivery import Quarantined
from percapita.store.engine import Engine, EngineError, literal, quote

_ROUNDING = "bill_rounding"


@dataclass(slots=True)
class Delivery:
    """What a source delivers, as lines in the engine. Valid as long as its scratch folder."""

    format: str
    names: list[str]
    """Of its files, relative to the project where they lie in it."""
    sheets: list[Sheet]
    written: list[lines.Written]
    """The lines, proven, rounding lines in files of their own."""
    quarantined: list[Quarantined]
    sums: Mapping[str, Mapping[str, str]]
    keys: tuple[str, ...] = ()
    """The source's ``keys`` in our names."""
    notes: list[str] = field(default_factory=list)
    assumed: bool = False
    """Amounts are in the source's currency, because no column of some file says any."""
    files: Mapping[str, Path] = field(default_factory=dict)
    """Name of each table -> the file that it is, or that holds it."""
    bare: tuple[str, ...] = ()
    """Tables that have a header and no rows."""

    @property
    def read_as(self) -> dict[str, tuple[str, str]]:
        """Layout -> how its dates and amounts were read."""
        read: dict[str, tuple[str, str]] = {}
        for sheet in self.sheets:
            layout = hashlib.sha256(repr(sheet.layout.key).encode()).hexdigest()
            same = read.setdefault(layout, sheet.read_as) == sheet.read_as
            read[layout] = sheet.read_as if same else ("", "unclear")
        return read

    def twins(self, engine: Engine) -> list[tuple[str, ...]]:
        """Return the tables that hold the very same lines, as bytes or in another wrapping."""
        if len(self.names) < 2:  # noqa: PLR2004 a pair
            return []
        parts = [file.select('"file"', "split_part(LineId, '-', 1) AS id") for file in self.written]
        same = (
            engine.rows(
                "SELECT list(name ORDER BY name) FROM"
                ' (SELECT "file" AS name, count(*) AS lines, bit_xor(hash(id)) AS said'
                f" FROM ({' UNION ALL '.join(parts)}) GROUP BY name)"
                " GROUP BY lines, said HAVING count(*) > 1"
            )
            if parts
            else []
        )
        return sorted(tuple(names) for (names,) in same)

    @property
    def whole(self) -> bool:
        """It is all that the source has, months without lines included."""
        return any(sheet.binding.whole for sheet in self.sheets)

    @property
    def periods(self) -> dict[str, int]:
        """Billing month -> lines in it, rounding lines included."""
        months = sorted({file.period for file in self.written})
        return {m: sum(file.rows for file in self.written if file.period == m) for m in months}

    @property
    def rows(self) -> int:
        """How many lines there are, rounding lines included."""
        return sum(file.rows for file in self.written)

    def lines(self) -> str:
        """Return the SQL of the lines with their ``period``, rounding lines included."""
        parts = [
            f"SELECT {literal(file.period)} AS period, * FROM ({file.select()})"
            for file in self.written
        ]
        none = f"SELECT '' AS period, {', '.join(f'NULL AS {quote(n)}' for n in LINES.names)}"
        return " UNION ALL ".join(parts) or f"{none} WHERE false"


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


def read(
    engine: Engine, source: Source, root: Path, folder: Path, beside: str = "",
    key: Key | None = None, only: Collection[Path] | None = None,
    measured: Measured = unmeasured,
) -> Delivery:  # fmt: skip
    """Read a source's files into lines, and prove them.

    Args:
        engine: where lines are made; tables named ``bill_…`` are replaced.
        source: what to read and how.
        root: folder of the project.
        folder: scratch folder; the lines live as long as it.
        beside: relation of lines that will stay live next to these.
        key: of the pseudonyms that the source's identity tags become.
        only: those of the source's files that are read; all unless said.
        measured: what is known of meters that files name.

    Raises:
        InputError: the files are no bill that can be read.
        ProofError: the lines do not hold what the files write.
    """
    delivered = found(source.path, root)
    paths, files, places = _files(delivered, root, folder, only)
    laid = layouts.of(engine, source, paths, folder, measured)
    tell_apart(laid, places)
    masks = Masks(source.identity_tags, key) if key and source.identity_tags else None
    sheets, assumed = _sheets(laid, folder, masks)
    names = list(files)
    checks.refuse(engine, sheets)
    written = lines.write(engine, sheets, source.name, names, folder)
    written = lines.number_equals(engine, written, source.name, beside)
    proof = _proven(engine, sheets, written, source.name, names)
    added = rounding.rows_of(engine, source.name, sheets, proof, names)
    written += _rounding(engine, added, folder)
    refused = [item for sheet in sheets for item in checks.quarantined(engine, sheet, names)]
    notes = [*delivered.notes, *laid.notes, *notes_of(engine, sheets, proof, refused)]
    return Delivery(
        laid.name, names, sheets, written, refused, _sums(proof), _keys(source, sheets), notes,
        assumed, files, tuple(names[number] for number in laid.bare),
    )  # fmt: skip


def _sheets(laid: layouts.Laid, folder: Path, masks: Masks | None) -> tuple[list[Sheet], bool]:
    """Bind and type every layout; tell whether some amounts are in the source's currency."""
    bound = [(layout, *_bound(form, layout.names, laid.source)) for form, layout in laid.layouts]
    sheets = [
        Sheet(number, layout, binding, laid.engine, folder, masks)
        for number, (layout, binding, _) in enumerate(bound)
    ]
    return sheets, any(said for *_, said in bound)


def _rounding(engine: Engine, rows: Sequence[tuple[Any, ...]], folder: Path) -> list[lines.Written]:
    """Write rounding lines, a file a month."""
    if not rows:
        return []
    engine.load(_ROUNDING, lines.SCHEMA, rows)
    found = []
    for period in sorted({row[0] for row in rows}):
        path = folder / f"rounding-{period}.parquet"
        added = f"SELECT * FROM {_ROUNDING} WHERE period = {literal(period)}"
        found.append(lines.Written(period, path, engine.copy(LINES, added, path)))
    return found


def _bound(form: BillFormat, names: Sequence[str], source: Source) -> tuple[Binding, bool]:
    """Bind a header; tell whether its amounts are in the source's currency for want of another."""
    binding = form.bind(names, source)
    said = binding.columns.get("BillingCurrency")
    known = "BillingCurrency" in binding.values or any(c in names for c in columns_of(said))
    if known or isinstance(said, Fixed) or not source.currency:
        return binding, False
    remark = (
        f"No column says the currency: amounts are taken as {source.currency}, the model's. If they"
        " are not, say values: {BillingCurrency: …} for the source."
    )
    values = {**binding.values, "BillingCurrency": source.currency}
    remarks = {**binding.remarks, "BillingCurrency": remark}
    return dataclasses.replace(binding, values=values, remarks=remarks), True


def _files(
    delivered: Found, root: Path, folder: Path, only: Collection[Path] | None
) -> tuple[list[Path], dict[str, Path], list[list[str]]]:
    """Return a delivery's tables, the file of each name, and what the place of each table says."""
    files = list(unpacked([p for p in delivered.paths if only is None or p in only], folder))
    names = {"/".join(filter(None, (_named(own, root), inner))): own for own, _, inner in files}
    above = Path(os.path.commonpath([path.parent for path in delivered.paths]))
    places = [
        [delivered.report(own), inner, *reversed(own.relative_to(above).parts)]
        for own, _, inner in files
    ]
    return [readable for _, readable, _ in files], names, places


def _proven(
    engine: Engine,
    sheets: Sequence[Sheet],
    written: Sequence[lines.Written],
    source: str,
    names: Sequence[str],
) -> Proof:
    try:
        return prove(engine, sheets, written, names)
    except EngineError as error:
        raise InputError(
            f"The amounts of source {source!r} sum to more than a money column holds.",
            hint="Look for an amount with too many digits before the point.",
        ) from error


def _named(path: Path, root: Path) -> str:
    inside = path.resolve().is_relative_to(root.resolve())
    return path.resolve().relative_to(root.resolve()).as_posix() if inside else str(path)


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
