"""Tables of the catalog that counting live signals needs, made when it first begins."""

from __future__ import annotations

import sqlalchemy as sa

from percapita.store.catalog import traced
from percapita.store.catalog.tables import METADATA, Instant

LIVE = sa.Table(
    "live",
    METADATA,
    # Facts of the live source: the entry of the spool up to which all is counted.
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
MARKED = sa.Table(
    "marked",
    METADATA,
    # A file of marks of signals that were counted; see dedup.py.
    sa.Column("name", sa.String(32), primary_key=True),
    sa.Column("rows", sa.BigInteger, nullable=False),
    sa.Column("since", Instant, nullable=False),
    sa.Column("until", Instant, nullable=False),
)
SERIES = sa.Table(
    "series",
    METADATA,
    # The last point of a cumulative series or a level, by the hash of what names it.
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("at", sa.BigInteger, nullable=False),  # nanoseconds since 1970
    sa.Column("point", sa.JSON, nullable=False),
    sa.Index("series_by_time", "at"),
)
CARRIES = sa.Table(
    "carries",
    METADATA,
    # The exact sum of a sampled reading, whose rounded share is in the readings.
    sa.Column("key", sa.String(32), primary_key=True),
    sa.Column("hour", sa.BigInteger, nullable=False),  # hours since 1970
    sa.Column("total", sa.BigInteger, nullable=False),
    sa.Index("carries_by_hour", "hour"),
)
LIVE_TABLES = (LIVE, MARKED, SERIES, CARRIES, *traced.TABLES)
"""What counting live signals needs; a store of before may not have them yet."""
