"""The Python API: what ``percapita.open`` returns.

Every answer is that of the command of the same name, to the digit; here it is Decimals in Python,
an Arrow table, or a frame of pandas or Polars where these are installed.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Self

from percapita.core.errors import InputError
from percapita.core.tables import INPUTS, OUTPUTS, Table

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped, unused-ignore]
    import polars as pl  # type: ignore[import-not-found, unused-ignore]
    import pyarrow as pa

    from percapita.measure.practice import Item
    from percapita.project import Project
    from percapita.report.metrics.view import Valued
    from percapita.report.opened import Opened
    from percapita.report.statements.monthly import Month
    from percapita.report.statements.pricing import Priced
    from percapita.report.statements.showback import Kind, Showback
    from percapita.store import Store

_BATCH: Final = 100_000
_TABLES: Final[Mapping[str, Table]] = {table.name: table for table in (*INPUTS, *OUTPUTS)}


class NoFrameError(InputError):
    """A frame of a package that is not installed."""

    def __init__(self, package: str) -> None:
        super().__init__(
            f"{package} is not installed.",
            hint=f"Install it, or use arrow(): pip install {package}",
        )


class NoTableError(InputError):
    """No stored table of that name."""

    def __init__(self, name: str) -> None:
        from percapita.core.errors import nearest  # noqa: PLC0415

        super().__init__(f"{name!r} is no table.", hint=nearest(name, _TABLES))


@dataclass(frozen=True, slots=True)
class Result:
    """One answer: a table, and the whole statement that it is taken from."""

    header: Sequence[str]
    rows: Sequence[Sequence[Any]]
    """Amounts are ``Decimal``, counts ``int``; what is not known is ``None``."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """As ``--format json`` prints it."""

    def dicts(self) -> list[dict[str, Any]]:
        """Return a dictionary a row."""
        return [dict(zip(self.header, row, strict=True)) for row in self.rows]

    def arrow(self) -> pa.Table:
        """Return an Arrow table; amounts are DECIMAL(38,18)."""
        from percapita.report.export import arrow  # noqa: PLC0415

        return arrow(self.header, self.rows)

    def pandas(self) -> pd.DataFrame:
        """Return a frame of pandas; amounts stay ``Decimal``.

        Raises:
            NoFrameError: pandas is not installed.
        """
        try:
            import pandas as pd  # noqa: PLC0415 whoever asks for it has it
        except ImportError:
            raise NoFrameError("pandas") from None
        return pd.DataFrame(self.dicts(), columns=list(self.header))

    def polars(self) -> pl.DataFrame:
        """Return a frame of Polars; amounts are its Decimal.

        Raises:
            NoFrameError: Polars is not installed.
        """
        try:
            import polars as pl  # noqa: PLC0415 whoever asks for it has it
        except ImportError:
            raise NoFrameError("polars") from None
        found = pl.from_arrow(self.arrow())
        assert isinstance(found, pl.DataFrame)  # noqa: S101 a table becomes a frame
        return found


class Book:
    """A project's published figures, open for questions. Close it, or use it in ``with``."""

    def __init__(self, project: Project, store: Store) -> None:
        self._project = project
        self._store = store

    @classmethod
    def open(cls, folder: Path | str = ".", store: Path | str | None = None) -> Self:
        """Open the project in a folder.

        Args:
            folder: where ``percapita.yaml`` is.
            store: where the data is kept; ``.percapita`` in the folder unless said.

        Raises:
            NoProjectError: there is no ``percapita.yaml``.
            NoStoreError: nothing was ever taken in.
        """
        from percapita.project import Project  # noqa: PLC0415 opening pays, not importing

        project = Project.open(Path(folder), None if store is None else Path(store))
        return cls(project, project.store(create=False))

    def close(self) -> None:
        """Give back connections and memory."""
        self._store.close()

    def __enter__(self) -> Self:
        """Return the book."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Close it."""
        self.close()

    def periods(self, basis: str = "") -> list[str]:
        """Return the months that have figures, oldest first."""
        return sorted(self._opened(basis).runs)

    def cost(
        self,
        *by: str,
        where: Sequence[str] = (),
        period: str = "",
        scope: str = "fully loaded",
        unit: str = "",
        basis: str = "",
        run: str = "",
        top: int | None = None,
        facets: Sequence[str] = (),
    ) -> Result:
        """Return what things cost, cut by any names: ``cost("tier", period="2025-10")``.

        Rows and named lines always sum to the bill. ``data["facets"]`` has what each value of the
        names in ``facets`` would leave.

        Raises:
            InputError: a name is not known, or nothing was spent in the period.
        """
        from percapita.measure.question import ask  # noqa: PLC0415
        from percapita.report.cost import as_json  # noqa: PLC0415
        from percapita.report.cost.answer import answer  # noqa: PLC0415
        from percapita.report.cost.facets import facets as facets_of  # noqa: PLC0415

        opened = self._opened(basis, run)
        question = ask(
            opened.model, by=by, where=where, scope=scope, unit=unit, basis=opened.basis, top=top,
            period=opened.period(period),
        )  # fmt: skip
        found = answer(opened, question)
        data = as_json.statement(found)
        if facets:
            data["facets"] = facets_of(opened, question, facets)
        return Result(*as_json.flat(found), data)

    def metrics(self, *names: str, period: str = "", basis: str = "") -> Result:
        """Return the metrics of a period, all or those named; of the newest month unless said.

        Raises:
            UnknownMetricError: no metric has such a name.
        """
        from percapita.report.metrics import view  # noqa: PLC0415

        found = self.valued(*names, period=period, basis=basis)
        return Result(view.COLUMNS, view.flat(found), view.to_json(found))

    def valued(self, *names: str, period: str = "", basis: str = "", run: str = "") -> Valued:
        """Return the metrics of a period as records."""
        from percapita.report.metrics.view import values  # noqa: PLC0415

        opened = self._opened(basis, run)
        period = period or max(opened.runs)
        return values(opened, period, lambda: self._practice(period), names)

    def reconcile(self, period: str = "", basis: str = "") -> Result:
        """Return the bill against the figures, by billing period and pool.

        Raises:
            ProofError: the figures do not sum to the bill.
        """
        from percapita.report.close import reconciliation  # noqa: PLC0415

        opened = self._opened(basis)
        found = reconciliation.reconcile(opened, opened.period(period))
        return Result(*reconciliation.flat(found), reconciliation.to_json(found))

    def explain(
        self,
        subject: str = "",
        *,
        segment: Mapping[str, str] | None = None,
        period: str = "",
        pool: str = "",
        lines: int | None = None,
        basis: str = "",
    ) -> Result:
        """Follow a subject's or a segment's figure down to bill lines.

        Args:
            subject: a user as your systems write it, a tenant, a pseudonym or ``#NUMBER``.
            segment: attributes instead: ``{"tier": "Pro"}``.
            period: all published months unless said.
            pool: only this one.
            lines: how many are named, the rest summed; all unless said.
            basis: as of ``cost``.

        Raises:
            InputError: nobody is known so.
        """
        from percapita.project import checking  # noqa: PLC0415
        from percapita.report.explain import as_json, asked, bound, certain  # noqa: PLC0415
        from percapita.report.explain.explain import down  # noqa: PLC0415

        opened = self._opened(basis)
        question = asked.question(opened, period or None, pool, lines)
        sought = asked.sought(opened, subject, segment or {}, None)
        bind, choose = partial(bound.bind, opened), partial(sought.choose, opened)
        found = down(opened.engine, bind, question, choose)
        sought.check()
        sure = certain.interval(opened, sought, period or None, pool, found)
        meta = asked.meta(opened, period or None, pool) | sure
        units = checking.units(self._project, self._store)
        page = as_json.Asked(sought.title, sought.shown, meta, units, opened.zone)
        header, *rows = as_json.down_csv(found)
        return Result(list(map(str, header)), rows, as_json.down_json(page, found))

    def statement(
        self, of: str, *, period: str = "", basis: str = "", chargeback: bool = False
    ) -> Result:
        """Return what ``tier=Pro``, ``tenant=Acme`` or ``owner=platform`` cost, pool by pool.

        Raises:
            NotClosedError: it is to be charged, and the period may still change.
        """
        from percapita.report.statements import showback  # noqa: PLC0415

        kind: Kind = "chargeback" if chargeback else "showback"
        found = self.showback(of, period=period, basis=basis, kind=kind)
        return Result(*showback.flat(found), showback.to_json(found))

    def showback(
        self, of: str, *, period: str = "", basis: str = "", kind: Kind = "showback"
    ) -> Showback:
        """Return a statement as a record, from which reports are written."""
        from percapita.report.statements.showback import showback  # noqa: PLC0415

        opened = self._opened(basis)
        return showback(opened, of, period or max(opened.runs), kind)

    def month(self, *, period: str = "", basis: str = "", by: str = "", unit: str = "") -> Month:
        """Return what the report of a month is made of."""
        from percapita.report.statements.monthly import month  # noqa: PLC0415

        opened = self._opened(basis)
        return month(opened, period or max(opened.runs), by=by, unit=unit)

    def pricing(
        self,
        by: str = "",
        *,
        period: str = "",
        basis: str = "",
        margins: Sequence[str] = (),
        version: str = "",
    ) -> Result:
        """Return the pricing feed: cost and floor price by tier, price by driver.

        Raises:
            VersionError: a version is named, and the figures are not its own.
        """
        from percapita.report.statements import pricing  # noqa: PLC0415

        found = self.priced(by=by, period=period, basis=basis, margins=margins, version=version)
        return Result(*pricing.flat(found), pricing.to_json(found))

    def priced(
        self,
        *,
        by: str = "",
        period: str = "",
        basis: str = "",
        margins: Sequence[str] = (),
        version: str = "",
    ) -> Priced:
        """Return the pricing feed as a record."""
        from percapita.project import checking  # noqa: PLC0415
        from percapita.report.statements import pricing  # noqa: PLC0415

        run = ""
        if version:
            period, run, basis, by = pricing.named(version)
        opened = self._opened(basis, run)
        return pricing.pricing(
            opened, period or max(opened.runs), by=by, margins=margins, version=version,
            units=checking.units(self._project, self._store),
        )  # fmt: skip

    def decisions(self) -> Result:
        """Return the decisions log: each figure as it was then and as it is now."""
        from percapita.report.decisions import log as report  # noqa: PLC0415

        opened = self._opened()
        found = report.log(opened)
        return Result(report.COLUMNS, report.flat(found), report.to_json(opened, found))

    def live(self, by: str = "pool") -> Result:
        """Return the estimate of what everything costs right now.

        Asked again, it reads what came in since; past days are looked at anew every hour.

        Raises:
            InputError: it cannot be cut so.
        """
        from percapita.live.desks import desk_of  # noqa: PLC0415
        from percapita.live.standing import look  # noqa: PLC0415
        from percapita.project import now  # noqa: PLC0415
        from percapita.report.live import as_json  # noqa: PLC0415

        data = as_json.statement(look(desk_of(self._store), now(), by))
        return Result(*as_json.flat(data), data)

    def table(self, name: str, *, period: str = "", basis: str = "") -> pa.Table:
        """Return a stored table as Arrow: ``ledger``, ``lines``, ``readings`` and so on.

        Args:
            name: as the reference of tables has it.
            period: months; all unless said.
            basis: of a run's tables; the model's unless said.

        Raises:
            NoTableError: there is no such table.
        """
        import pyarrow as pa  # noqa: PLC0415

        from percapita.core.periods import months, parse  # noqa: PLC0415

        table = _TABLES.get(name)
        if table is None:
            raise NoTableError(name)
        opened = self._opened(basis)
        span = parse(period, opened.zone).span if period else None
        periods = [label for label, _ in months(span, opened.zone)] if span else None
        if table in INPUTS:
            self._store.bind(table, run=opened.last_run, periods=periods)
        else:
            opened.bind(table, periods=periods)
        where = f" WHERE basis = '{opened.basis}'" if "basis" in table.names else ""
        batches = list(opened.engine.arrow(f"SELECT * FROM {name}{where}", size=_BATCH))
        return pa.Table.from_batches(batches)

    def _opened(self, basis: str = "", run: str = "") -> Opened:
        from percapita.report.opened import open_figures  # noqa: PLC0415

        path = self._project.model_path
        text = path.read_text(encoding="utf-8-sig") if path.exists() else None
        return open_figures(
            self._store, now=self._project.now, basis=basis, run=run, model_text=text
        )

    def _practice(self, period: str) -> Sequence[Item]:
        from percapita.project import checking  # noqa: PLC0415
        from percapita.report.check.check import check  # noqa: PLC0415

        return check(self._store, checking.asked(self._project, period)).practice
