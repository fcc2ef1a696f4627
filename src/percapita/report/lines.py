"""Bill lines for questions that need no run: under the tag rules and the rates of now."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

from percapita.bills.converting import TABLE, convert, foreign
from percapita.core.rates import NO_RATES, Rates
from percapita.core.tables import LINES
from percapita.model.spec import Model
from percapita.store import Store
from percapita.store.read import check as read_check
from percapita.store.runs.lines import converted


def none() -> Rates:
    """Return no rates."""
    return NO_RATES


def bind_lines(
    store: Store,
    model: Model | None,
    rates: Callable[[], Rates],
    months: Collection[str] | None = None,
    *,
    raw: bool = False,
    keys: Sequence[str] = (),
) -> None:
    """Bind ``lines`` in the model's currency, as far as there are rates.

    Lines without a rate keep their currency; a run would refuse them.

    Args:
        store: where they are.
        model: names currency and time zone; without it nothing is converted.
        rates: reads what other currencies are worth.
        months: these billing months alone.
        raw: tags as imported, before any rule.
        keys: of ``Extra``; become columns ``Extra.KEY``.
    """
    seen_by = "" if raw else None
    if model is None:
        store.bind(LINES, periods=months, seen_by=seen_by, keys=keys)
        return
    plain = store.bind(LINES, "imported_lines", periods=months, seen_by="")
    currency, zone = model.currency, model.timezone
    mixed = bool(foreign(store.engine, plain, currency, zone))
    if mixed:
        convert(store.engine, plain, rates(), currency=currency, zone=zone, needed=())
    tagged = store.bind(LINES, "tagged_lines", periods=months, seen_by=seen_by, keys=keys)
    lines = f"SELECT * FROM {tagged}"
    if mixed:
        lines = converted(lines, f"SELECT * FROM {TABLE}", keys)
    store.engine.view("lines", lines)


def currency_of(store: Store, model: Model | None) -> str:
    """Return the model's currency if the bound lines have it, else the one with most lines."""
    seen = [name for name, _ in read_check.currencies(store.engine)]
    if model and (model.currency in seen or not seen):
        return model.currency
    return seen[0] if seen else ""
