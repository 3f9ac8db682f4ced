"""Publish what a command put into the ledger."""

from collections.abc import Iterable
from uuid import UUID

from oddline.cli.connecting import operator_settings
from oddline.tasks import Publisher, TaskSpec


def wake(published: Iterable[tuple[TaskSpec, UUID | None]]) -> None:
    """Publish tasks, where a broker is named; what is not published the schedules find within minutes."""
    if redis_url := operator_settings().redis_url:
        publisher = Publisher(redis_url)
        for spec, task_id in published:
            publisher.wake(spec, task_id=task_id)
        publisher.close()
