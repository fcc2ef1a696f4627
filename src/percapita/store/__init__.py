"""The only door to the database and the files.

``Store`` is all that other stages call. What is live is decided by the catalog (``catalog``);
every table is a Delta Lake table as well, whose log follows the catalog (``files/delta.py``).
"""

from percapita.store.catalog.records import Import, Run, RunGoneError, UnknownRunError
from percapita.store.delivery import FileStat, Quarantined, content_of
from percapita.store.runs.transaction import RunTransaction
from percapita.store.site import NoClockError, NoStoreError
from percapita.store.store import Store, UnboundError

__all__ = [
    "FileStat",
    "Import",
    "NoClockError",
    "NoStoreError",
    "Quarantined",
    "Run",
    "RunGoneError",
    "RunTransaction",
    "Store",
    "UnboundError",
    "UnknownRunError",
    "content_of",
]
