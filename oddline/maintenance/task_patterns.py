"""Notice when tasks are started, fail or are cancelled in unusual numbers, and tell operators."""

import logging
from dataclasses import replace
from datetime import datetime

from oddline.database import Database
from oddline.maintenance import task_pattern_store
from oddline.maintenance.task_pattern_store import TaskPattern
from oddline.tasks import SEND_SYSTEM_ALERT, Catalogue, Publisher, raise_alert

log = logging.getLogger(__name__)


def check_task_patterns(db: Database, publisher: Publisher, *, catalogue: Catalogue, now: datetime) -> dict[str, int]:
    """Raise an alert for each unusual number of starts, failures and cancels; returns how many there were."""
    with db.transaction() as tx:
        counted = [_judged(pattern, catalogue) for pattern in task_pattern_store.count(tx, now=now)]
        unusual = [pattern for pattern in counted if pattern.is_unusual]
        sent = []
        for pattern in unusual:
            log.warning("unusual: %s", pattern.told())
            sent.append(
                raise_alert(
                    tx,
                    kind=f"unusual_{pattern.what}",
                    subject=pattern.name,
                    text=pattern.told(),
                    now=now,
                    project=pattern.project,
                )
            )
    for task_id in sent:
        if task_id is not None:
            publisher.wake(SEND_SYSTEM_ALERT, task_id=task_id)
    return {"unusual": len(unusual)}


def _judged(pattern: TaskPattern, catalogue: Catalogue) -> TaskPattern:
    """With what is usual for tasks of its name: folders are uploaded now and then, and not each day."""
    if pattern.what != "starts" or pattern.name not in catalogue:
        return pattern
    return replace(pattern, least_usual=catalogue[pattern.name].usual_an_hour)
