"""Maintenance: health, reconciling, partitions, cleaning up, settling dead letters."""

from oddline.maintenance.cancelling import Cancelled, cancel_task
from oddline.maintenance.dead_letters import (
    ReplayedLetters,
    drop_dead_letter,
    drop_dead_letters,
    replay_dead_letter,
    replay_dead_letters,
)
from oddline.maintenance.health import Health, check_health, read_health
from oddline.maintenance.measuring import publish_metrics
from oddline.maintenance.renewing import renew_encryption
from oddline.maintenance.service import (
    cleanup_expired_api_keys,
    cleanup_old_results,
    make_partitions,
    reconcile,
)
from oddline.maintenance.task_patterns import check_task_patterns
from oddline.maintenance.tasks import (
    CLEANUP_EXPIRED_API_KEYS,
    CLEANUP_OLD_RESULTS,
    RENEW_ENCRYPTION,
    TASKS,
)

__all__ = [
    "CLEANUP_EXPIRED_API_KEYS",
    "CLEANUP_OLD_RESULTS",
    "RENEW_ENCRYPTION",
    "TASKS",
    "Cancelled",
    "Health",
    "ReplayedLetters",
    "cancel_task",
    "check_health",
    "check_task_patterns",
    "cleanup_expired_api_keys",
    "cleanup_old_results",
    "drop_dead_letter",
    "drop_dead_letters",
    "make_partitions",
    "publish_metrics",
    "read_health",
    "reconcile",
    "renew_encryption",
    "replay_dead_letter",
    "replay_dead_letters",
]
