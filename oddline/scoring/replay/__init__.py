"""Replay: score a past range of time again with another model, beside what is stored, and tell the difference."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.scoring.replay.lifetime import drop_old_replays, start_replay
    from oddline.scoring.replay.overlay import overlay_replay
    from oddline.scoring.replay.service import replay

__all__ = ["drop_old_replays", "overlay_replay", "replay", "start_replay"]

__getattr__ = face(
    __name__,
    {
        "lifetime": ["drop_old_replays", "start_replay"],
        "overlay": ["overlay_replay"],
        "service": ["replay"],
    },
)
