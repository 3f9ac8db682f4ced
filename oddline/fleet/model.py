"""What operators see of workers and queues, and what they wish of them: plain data."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from oddline.tasks.model import Queue


@dataclass(frozen=True, slots=True)
class Hold:
    """A queue of which nobody takes work, since when, by whose wish and why."""

    queue: str
    held_at: datetime
    held_by: str
    reason: str


@dataclass(frozen=True, slots=True)
class QueueState:
    """A queue on both sides.

    Args:
        messages: in Redis; None where it does not answer. A message is a mere wake-up.
        due: what waits in the ledger and could be done now: tasks, and at `analysis` submissions.
        later: what waits there for its time.
        oldest: since when the oldest of what is due has been so.
    """

    queue: Queue
    messages: int | None
    due: int = 0
    later: int = 0
    oldest: datetime | None = None
    hold: Hold | None = None

    def view(self) -> dict[str, Any]:
        """As the API and `--json` tell it."""
        return {
            "queue": str(self.queue),
            "class": str(self.queue.worker_class),
            "messages": self.messages,
            "due": self.due,
            "later": self.later,
            "oldest": self.oldest,
            "held": {name: value for name, value in asdict(self.hold).items() if name != "queue"}
            if self.hold
            else None,
        }


@dataclass(frozen=True, slots=True)
class Work:
    """What a process has in hand: a task of the ledger, or a claim of submissions that it scores.

    `since` is None for a claim, whose row does not say it.
    """

    worker: str
    name: str
    task_id: UUID | None
    attempt: int
    since: datetime | None
    progress: float | None
    submissions: int | None
    entries: int | None

    def view(self) -> dict[str, Any]:
        """As the API and `--json` tell it."""
        return {name: value for name, value in asdict(self).items() if name != "worker" and value is not None}


@dataclass(frozen=True, slots=True)
class WorkerProcess:
    """One process of a worker, which does one thing at a time.

    `stats`: `rss_bytes`, where the system tells it, and `tasks_done`, the messages that it has dealt with.
    """

    name: str
    worker: str
    started_at: datetime
    seen_at: datetime
    stats: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class WorkerState:
    """A worker: a main process that takes messages, and processes that do the work.

    `stats`: `pid`, `rss_bytes` and `concurrency` of the main process. `ending_at` is when it was asked to end.
    """

    name: str
    classes: tuple[str, ...]
    started_at: datetime
    seen_at: datetime
    ending_at: datetime | None
    stats: Mapping[str, Any]
    processes: tuple[WorkerProcess, ...] = ()
    work: tuple[Work, ...] = ()

    def view(self) -> dict[str, Any]:
        """As the API and `--json` tell it."""
        return {
            "worker": self.name,
            "classes": list(self.classes),
            "started_at": self.started_at,
            "seen_at": self.seen_at,
            "ending_at": self.ending_at,
            **self.stats,
            "processes": [
                {
                    "process": process.name,
                    "started_at": process.started_at,
                    **process.stats,
                    "doing": [work.view() for work in self.work if work.worker == process.name],
                }
                for process in self.processes
            ],
        }


@dataclass(frozen=True, slots=True)
class RateLimit:
    """How often each worker may start a task, instead of what the catalogue says; `0` is as often as it can."""

    task: str
    rate: str
    set_at: datetime
    set_by: str

    def view(self) -> dict[str, Any]:
        """As the API and `--json` tell it."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What a worker is to do now."""

    held: frozenset[str]
    limits: Mapping[str, str]
    restart: bool
