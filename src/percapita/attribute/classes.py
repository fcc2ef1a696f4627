"""Classes of activity: a segment whose value is a band of what a subject used in the month."""

from __future__ import annotations

import ibis
import ibis.expr.types as ir

from percapita.core.subjects import NOBODY
from percapita.core.tables import READINGS
from percapita.model.match import reads
from percapita.model.spec import Driver, Segment
from percapita.plugins import named, stored

_DAYS = {"day": "date", "start": "timestamp", "end": "timestamp", "month": "string"}


def usage_by_month(usage: Driver) -> ir.Table:
    """Return who used how much in each month that ``days`` knows: subject, value, start, end.

    Months are those of the model's time zone; readings by the day or month are labelled with it.
    """
    rows = stored(READINGS)
    rows = rows.filter(reads(rows, usage), rows.subject > NOBODY, rows.quantity > 0)
    days = named("days", _DAYS)
    months = days.group_by("month").agg(start=days.start.min(), end=days["end"].max())
    hours = rows.filter(rows.grain == "hour")
    timed = hours.join(months, [hours.time >= months.start, hours.time < months.end])
    labels = rows.filter(rows.grain != "hour")
    labels = labels.mutate(label=labels.time.strftime("%Y-%m"))
    labelled = labels.join(months, labels.label == months.month)
    both = ibis.union(*(found.select("subject", "quantity", "start", "end")
                        for found in (timed, labelled)))  # fmt: skip
    summed = both.group_by(["subject", "start", "end"]).agg(used=both.quantity.sum())
    return summed.select("subject", "start", "end", value=summed.used.cast("string"))


def of_usage(segments: tuple[Segment, ...]) -> list[tuple[Segment, ir.Table]]:
    """Return the segments that are classes of activity, each with the usage it is cut from."""
    return [(segment, usage_by_month(segment.usage)) for segment in segments if segment.usage]
