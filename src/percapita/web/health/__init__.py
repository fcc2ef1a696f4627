"""How the server itself is doing.

health.py     liveness, readiness and its counters    counting.py  the process that counts
"""

from percapita.web.health.health import PATHS, Health

__all__ = ["PATHS", "Health"]
