"""What callers may use: so many requests a minute, so many entries and bytes a day, so many wrong keys."""

from oddline.limits.limiter import UNLIMITED, Limiter, default_limits, open_limiter
from oddline.limits.model import WINDOW_S, Kind, Limits, Standing
from oddline.limits.store import read_limits, write_limits

__all__ = [
    "UNLIMITED",
    "WINDOW_S",
    "Kind",
    "Limiter",
    "Limits",
    "Standing",
    "default_limits",
    "open_limiter",
    "read_limits",
    "write_limits",
]
