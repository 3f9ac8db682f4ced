"""Notice when tasks are started, fail or are cancelled in unusual numbers, and tell operators."""

import logging
from datetime import datetime

from oddline.database import Database
from oddline.maintenance import task_pattern_store
from oddline.tasks import SEND_SYSTEM_ALERT, Publisher, raise_alert

log = logging.getLogger(__name__)


def check_task_patterns(db: Database, publisher: Publisher, *, now: datetime) -> dict[str, int]:
    """Raise an alert for each unusual number of starts, failures and cancels; returns how many there were."""
    with db.transaction() as tx:
        unusual = [pattern for pattern in task_pattern_store.count(tx, now=now) if pattern.is_unusual]
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
