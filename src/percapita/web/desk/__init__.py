"""Where a page's question is asked and answered.

view.py       what an address asks, and what it gets  addresses.py  where a choice leads next
desk.py       answers, worked out once and kept
"""

from percapita.web.desk.desk import Bench, Desk

__all__ = ["Bench", "Desk"]
