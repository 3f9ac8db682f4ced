"""What a running task may use, and the forms of its code."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.metrics import OFF, Metrics
from oddline.objects import ObjectStore
from oddline.settings import Settings
from oddline.tasks.model import Catalogue, Task
from oddline.tasks.publisher import Publisher

Clock = Callable[[], datetime]


def utc_now() -> datetime:
    """The clock that everybody uses outside tests."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True)
class TaskContext:
    """What a running task may use.

    Args:
        report: notes how far it is, 0 to 1; where it was cancelled, it ends there with `TaskCancelled`.
        end_process: ends this process at once, for a task that was cancelled and cannot be interrupted.
    """

    db: Database
    objects: ObjectStore
    publisher: Publisher
    settings: Settings
    catalogue: Catalogue
    worker: str
    clock: Clock = utc_now
    metrics: Metrics = OFF
    task_id: UUID | None = None
    report: Callable[[float], None] = lambda _: None
    end_process: Callable[[], None] = lambda: None


Run = Callable[[Any, TaskContext], Any]
"""The code of a task: (payload, context) → a result that JSON can hold."""

OnFailure = Callable[[Transaction, Task], None]
"""Marks what a task worked on as failed, in the transaction that makes the task a dead letter."""
