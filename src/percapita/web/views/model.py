"""The cost model as a document: what every pool takes and how it is split."""

from __future__ import annotations

from dataclasses import asdict

from percapita.model.describe import decisions
from percapita.web.desk import Bench
from percapita.web.desk.view import Asked, View


def view(bench: Bench, asked: Asked) -> View:  # noqa: ARG001 a page of one form
    """Show the model file as it is now."""
    model = bench.project.model()
    found = [asdict(decision) for decision in decisions(model)]
    data = {
        "model": model.hash,
        "currency": model.currency,
        "timezone": model.timezone,
        "basis": model.basis,
        "credits": model.credits,
        "free_tier": model.free_tier,
        "units": [unit.name for unit in model.units],
        "segments": [
            {"segment": s.name, "from": f"{s.source}.{s.column}" if s.source else "usage"}
            for s in model.segments
        ],
        "pools": found,
    }
    header = list(found[0]) if found else []
    return View(
        "model.html", "Cost model", data, header, [list(one.values()) for one in found],
        {"text": model.text},
    )  # fmt: skip
