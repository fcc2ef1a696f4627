"""Questions to a store's published figures."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from figures.world import NOW
from percapita.measure.question import ask
from percapita.report.cost.answer import Answer, answer
from percapita.report.opened import open_figures
from percapita.store import Store

Asking = Callable[..., Answer]


def asking(store: Store) -> Asking:
    """Return a function that asks the published figures."""

    def asked(*by: str, period: str | None = None, **options: Any) -> Answer:  # noqa: ANN401
        opened = open_figures(store, now=NOW)
        question = ask(
            opened.model, by=by, period=opened.period(period), basis=opened.basis, **options
        )
        return answer(opened, question)

    return asked
