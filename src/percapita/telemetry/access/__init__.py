"""Access logs of web servers, load balancers and CDNs as readings."""

from percapita.telemetry.access.taking import WAY
from percapita.telemetry.access.telling import is_log

__all__ = ["WAY", "is_log"]
