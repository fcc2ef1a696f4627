"""What the named lines beside the rows are called on a screen."""

from typing import Final

NAMED: Final = {
    "idle": "idle",
    "anonymous": "anonymous usage",
    "bots": "bots",
    "erased": "erased users",
    "excluded": "excluded by the model",
    "unallocated": "unallocated",
    "rounding": "rounding",
    "outside_scope": "outside the scope",
    "filtered": "left out by filters",
    "acquisition": "free tier, as acquisition",
}
