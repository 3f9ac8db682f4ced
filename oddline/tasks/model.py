"""What a task is: its catalogue entry, its states, and the row that the ledger keeps of each run."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any
from uuid import UUID

from pydantic import BaseModel, ConfigDict

from oddline.tasks.sealing import shown


class WorkerClass(StrEnum):
    """The ECS services; each serves the queues of its class and is scaled by their backlog."""

    SCORING = "scoring"
    GENERAL = "general"
    BACKGROUND = "background"


WORKER_SEEN = timedelta(seconds=20)  # a worker lives that was seen since: three of its signs of life


class Queue(StrEnum):
    """The queues; each is served by the workers of one class."""

    ANALYSIS = "analysis"
    BATCH_PROCESSING = "batch_processing"
    FILE_PROCESSING = "file_processing"
    DATA_ANALYSIS = "data_analysis"
    NOTIFICATIONS = "notifications"
    DEFAULT = "default"
    MAINTENANCE = "maintenance"

    @property
    def worker_class(self) -> WorkerClass:
        """Whose workers serve it."""
        if self in {Queue.ANALYSIS, Queue.BATCH_PROCESSING}:
            return WorkerClass.SCORING
        return WorkerClass.BACKGROUND if self is Queue.MAINTENANCE else WorkerClass.GENERAL


class Priority(StrEnum):
    """Who goes first: alerts and notifications are high, maintenance and reports low."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


class State(StrEnum):
    """The states of a task, as clients of the older systems know them."""

    PENDING = "PENDING"
    STARTED = "STARTED"
    PROGRESS = "PROGRESS"
    RETRY = "RETRY"
    SUCCESS = "SUCCESS"
    FAILURE = "FAILURE"
    REVOKED = "REVOKED"

    @property
    def ready(self) -> bool:
        """Whether nothing more will happen by itself."""
        return self in {State.SUCCESS, State.FAILURE, State.REVOKED}


class Starter(StrEnum):
    """Who may start a task; each may start what those below it may."""

    SYSTEM = "system"
    ADMIN = "admin"
    MEMBER = "member"

    @property
    def included(self) -> frozenset["Starter"]:
        """This one and those below it."""
        return frozenset(list(Starter)[list(Starter).index(self) :])


class Payload(BaseModel):
    """What a task is given. JSON only."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class NoPayload(Payload):
    """For tasks that find out by themselves what is due."""


@dataclass(frozen=True, slots=True)
class Retry:
    """Exponential backoff with full jitter (AWS Architecture Blog, "Exponential Backoff And Jitter", 2015).

    The wait before attempt n + 1 is uniform between 0 and min(cap, base × 2^(n - 1)).
    """

    attempts: int = 4
    base: timedelta = timedelta(seconds=60)
    cap: timedelta = timedelta(minutes=15)

    def ceiling(self, attempt: int) -> timedelta:
        """The longest wait after `attempt` (1 for the first) failed."""
        return min(self.cap, self.base * (1 << min(attempt - 1, 20)))


@dataclass(frozen=True, slots=True)
class Schedule:
    """When EventBridge starts a task (UTC).

    `expression` is EventBridge Scheduler's own: `rate(5 minutes)` or `cron(30 3 * * ? *)`. Its finest rate is a minute:
    what is to run more often is started once more, `again_after` so long.
    """

    expression: str
    again_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class TaskSpec:
    """One entry of the catalogue: the contract between who starts a task and who runs it.

    `idempotency` says in a sentence why running it twice does what once does. A spec with `in_function` runs inside the
    schedules function itself: as a task it would wait behind the backlog that it is to mend. One without `ledger` is a
    mere wake-up: the database says what there is to do. What a `sealed` one is given, gives back and fails of is about
    people, and encrypted in the ledger. `smoke` is a payload with which it does no harm, so that operators can try
    every kind of task. When a `critical` one fails for good, operators are told. One that came back dead after
    `most_replays` replays is not replayed again unless somebody insists. Of one with `at_once` a project has at most so
    many running, and projects take turns at it (see `oddline.tasks.turns`). One that people start by the hundred, as
    they do who upload a folder, may be started `usual_an_hour` times by a project before anybody wonders.
    """

    name: str
    queue: Queue
    idempotency: str
    priority: Priority = Priority.NORMAL
    payload: type[Payload] = NoPayload
    soft_limit: timedelta = timedelta(seconds=60)
    hard_limit: timedelta = timedelta(seconds=120)
    retry: Retry = field(default_factory=Retry)
    rate_limit: str | None = None
    schedule: Schedule | None = None
    starters: frozenset[Starter] = frozenset({Starter.SYSTEM})
    in_function: bool = False
    ledger: bool = True
    sealed: bool = False
    result_kept: timedelta = timedelta(days=3)
    smoke: Payload = field(default_factory=NoPayload)
    critical: bool = False
    most_replays: int = 3
    at_once: int | None = None
    usual_an_hour: float = 2.0

    def may_be_started_by(self, starter: Starter) -> bool:
        """Whether this one may put it into the ledger; what runs in the schedules function nobody may."""
        return not self.in_function and bool(self.starters & starter.included)

    def view(self) -> dict[str, Any]:
        """What `GET /api/v1/tasks/catalogue` tells."""
        return {
            "name": self.name,
            "queue": str(self.queue),
            "priority": str(self.priority),
            "starters": sorted(map(str, self.starters)),
            "payload": self.payload.model_json_schema(),
            "soft_limit_s": self.soft_limit.total_seconds(),
            "hard_limit_s": self.hard_limit.total_seconds(),
            "attempts": self.retry.attempts,
            "backoff_s": {"base": self.retry.base.total_seconds(), "cap": self.retry.cap.total_seconds()},
            "rate_limit": self.rate_limit,
            "schedule": self.schedule.expression if self.schedule else None,
            "result_kept_s": self.result_kept.total_seconds(),
            "critical": self.critical,
            "most_replays": self.most_replays,
            "idempotency": self.idempotency,
        }


class Catalogue(Mapping[str, TaskSpec]):
    """Every task by its name.

    Raises:
        ValueError: two specs have one name, a soft limit is not below its hard one, or a smoke payload is of
            another kind.
    """

    def __init__(self, specs: Iterable[TaskSpec]) -> None:
        self._specs: dict[str, TaskSpec] = {}
        for spec in specs:
            if spec.name in self._specs:
                raise ValueError(f"two tasks are called {spec.name}")
            if not spec.soft_limit < spec.hard_limit:
                raise ValueError(f"{spec.name}: the soft limit must be below the hard one")
            if not isinstance(spec.smoke, spec.payload):
                raise ValueError(f"{spec.name}: its smoke payload is no {spec.payload.__name__}")
            self._specs[spec.name] = spec

    def __getitem__(self, name: str) -> TaskSpec:
        return self._specs[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._specs)

    def __len__(self) -> int:
        return len(self._specs)

    def scheduled(self) -> list[tuple[TaskSpec, Schedule]]:
        """Those that EventBridge starts, with when: the only table of schedules."""
        return [(spec, spec.schedule) for spec in self._specs.values() if spec.schedule]


@dataclass(frozen=True, slots=True)
class Task:
    """One row of the ledger; for a submission's scoring, the same read from the submission's state.

    `failures` are the last attempts that failed, also those before a replay: number, time, worker and error of each.
    """

    id: UUID
    project: UUID | None
    name: str
    state: State
    attempt: int
    created_at: datetime
    payload: Mapping[str, Any] = field(default_factory=dict)
    result: Any = None
    error: str | None = None
    progress: float | None = None
    not_before: datetime | None = None
    started_at: datetime | None = None
    finished_at: datetime | None = None
    worker: str | None = None
    cancelled_at: datetime | None = None
    replays: int = 0
    failures: Sequence[Mapping[str, Any]] = ()

    def view(self) -> dict[str, Any]:
        """What lists tell of it, and `GET /api/v1/tasks/{id}`; of what is sealed, only that there is something."""
        return {
            "task_id": str(self.id),
            "name": self.name,
            "status": str(self.state),
            "ready": self.state.ready,
            "successful": self.state is State.SUCCESS,
            "failed": self.state is State.FAILURE,
            "progress": self.progress,
            "attempt": self.attempt,
            "created_at": self.created_at,
            "due_at": self.not_before,
            "started_at": self.started_at,
            "finished_at": self.finished_at,
            "result": shown(self.result),
            "error": shown(self.error),
        }


@dataclass(frozen=True, slots=True)
class Search:
    """Which tasks are looked for: what is not given leaves all.

    Args:
        time_from: created then or later, and before `time_to`.
        text: in the name or the error, in whatever case, or the beginning of the id.
        due_after: those that wait for a moment after this one.
        project: theirs alone, where the transaction sees more.
    """

    states: Sequence[State] = ()
    name: str | None = None
    time_from: datetime | None = None
    time_to: datetime | None = None
    text: str | None = None
    due_after: datetime | None = None
    project: UUID | None = None


class Outcome(StrEnum):
    """What became of a cancel, in truth."""

    NEVER_STARTED = "never_started"
    STOPPED = "stopped"
    STOPPING = "stopping"
    TOO_LATE = "too_late"
    ALREADY_DONE = "already_done"
