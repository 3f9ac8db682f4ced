"""Schedules that users make: when they fire, what they start, what became of each run."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.schedules.expressions import parse
    from oddline.schedules.firing import fire, run_now
    from oddline.schedules.keeping import bring_in_line, fire_due, watch_schedules
    from oddline.schedules.model import CatchUp, UserSchedule, Wish
    from oddline.schedules.planning import system_schedules
    from oddline.schedules.renewal_store import renew_schedules
    from oddline.schedules.service import change, create, find, opened, pause, remove, resume, runs_of, view
    from oddline.schedules.store import due, listed
    from oddline.schedules.tasks import TASKS
    from oddline.schedules.timer import Timer, open_timer

__getattr__ = face(
    __name__,
    {
        "expressions": ("parse",),
        "firing": ("fire", "run_now"),
        "keeping": ("bring_in_line", "fire_due", "watch_schedules"),
        "model": ("CatchUp", "UserSchedule", "Wish"),
        "planning": ("system_schedules",),
        "renewal_store": ("renew_schedules",),
        "service": ("change", "create", "find", "opened", "pause", "remove", "resume", "runs_of", "view"),
        "store": ("due", "listed"),
        "tasks": ("TASKS",),
        "timer": ("Timer", "open_timer"),
    },
)

__all__ = [
    "TASKS",
    "CatchUp",
    "Timer",
    "UserSchedule",
    "Wish",
    "bring_in_line",
    "change",
    "create",
    "due",
    "find",
    "fire",
    "fire_due",
    "listed",
    "open_timer",
    "opened",
    "parse",
    "pause",
    "remove",
    "renew_schedules",
    "resume",
    "run_now",
    "runs_of",
    "system_schedules",
    "view",
    "watch_schedules",
]
