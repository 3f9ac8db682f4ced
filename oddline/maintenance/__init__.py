"""Maintenance: health, reconciling, partitions, cleaning up, settling dead letters."""

from oddline.maintenance.health import Health, check_health, read_health
from oddline.maintenance.measuring import publish_metrics
from oddline.maintenance.service import (
    cleanup_expired_api_keys,
    cleanup_old_results,
    drop_dead_letter,
    make_partitions,
    reconcile,
    replay_dead_letter,
)
from oddline.maintenance.tasks import (
    CLEANUP_EXPIRED_API_KEYS,
    CLEANUP_OLD_RESULTS,
    CREATE_PARTITIONS,
    HEALTH_CHECK,
    PUBLISH_METRICS,
    RECONCILE,
    TASKS,
)

__all__ = [
    "CLEANUP_EXPIRED_API_KEYS",
    "CLEANUP_OLD_RESULTS",
    "CREATE_PARTITIONS",
    "HEALTH_CHECK",
    "PUBLISH_METRICS",
    "RECONCILE",
    "TASKS",
    "Health",
    "check_health",
    "cleanup_expired_api_keys",
    "cleanup_old_results",
    "drop_dead_letter",
    "make_partitions",
    "publish_metrics",
    "read_health",
    "reconcile",
    "replay_dead_letter",
]
