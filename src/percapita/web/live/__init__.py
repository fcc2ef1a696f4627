"""The live estimate.

estimates.py  over HTTP, once and as a stream         beside.py  for commands on this machine
"""

from percapita.web.live.estimates import Estimates, routes

__all__ = ["Estimates", "routes"]
