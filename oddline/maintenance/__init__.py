"""Maintenance: health, reconciling, partitions, cleaning up, settling dead letters."""

from oddline.maintenance.health import Health, check_health, read_health
from oddline.maintenance.measuring import publish_metrics
from oddline.maintenance.renewing import renew_encryption
from oddline.maintenance.service import (
    cleanup_old_results,
    drop_dead_letter,
    make_partitions,
    reconcile,
    replay_dead_letter,
)
from oddline.maintenance.tasks import (
    CLEANUP_OLD_RESULTS,
    CREATE_PARTITIONS,
    HEALTH_CHECK,
    PUBLISH_METRICS,
    RECONCILE,
    RENEW_ENCRYPTION,
    TASKS,
)

__all__ = [
    "CLEANUP_OLD_RESULTS",
    "CREATE_PARTITIONS",
    "HEALTH_CHECK",
    "PUBLISH_METRICS",
    "RECONCILE",
    "RENEW_ENCRYPTION",
    "TASKS",
    "Health",
    "check_health",
    "cleanup_old_results",
    "drop_dead_letter",
    "make_partitions",
    "publish_metrics",
    "read_health",
    "reconcile",
    "renew_encryption",
    "replay_dead_letter",
]
