"""How Celery is set: each choice answers a way in which tasks get lost, run twice or starve."""

from datetime import timedelta
from typing import Any

from kombu import Queue as KombuQueue

from oddline.settings import Settings
from oddline.tasks import Catalogue, Queue
from oddline.tasks.broker import tls_of

# Above every hard limit: a task that is still running must never be delivered a second time.
VISIBILITY_TIMEOUT = timedelta(seconds=2_400)
RESTORE_INTERVAL_S = 10  # how often messages of dead workers are put back; liveness itself is the ledger's lease


def configure(settings: Settings, catalogue: Catalogue) -> dict[str, Any]:
    """Celery's configuration.

    Raises:
        ValueError: a task's hard limit is not below the visibility timeout.
    """
    for spec in catalogue.values():
        if spec.hard_limit >= VISIBILITY_TIMEOUT:
            raise ValueError(f"{spec.name}: its hard limit must be below {VISIBILITY_TIMEOUT}")
    return {
        "broker_url": settings.redis_url,
        "broker_use_ssl": tls_of(settings.redis_url),
        "broker_connection_retry_on_startup": True,
        "broker_connection_max_retries": None,
        "broker_transport_options": {
            "visibility_timeout": int(VISIBILITY_TIMEOUT.total_seconds()),
            "unacked_restore_interval": RESTORE_INTERVAL_S,
            "unacked_restore_throttle": 1,
            "socket_connect_timeout": 5,
            "socket_timeout": 30,
            "health_check_interval": 10,
            "socket_keepalive": True,
        },
        "task_queues": [KombuQueue(str(queue), routing_key=str(queue)) for queue in Queue],
        "task_default_queue": str(Queue.DEFAULT),
        "task_acks_late": True,
        "task_reject_on_worker_lost": True,
        "task_ignore_result": True,
        "task_store_errors_even_if_ignored": False,
        "task_serializer": "json",
        "accept_content": ["json"],
        "worker_prefetch_multiplier": settings.worker_prefetch,
        # After a reconnect Celery would take fewer ahead, count a message that waits for its time as a place that is
        # free again, and never give that place back. Taking too many does no harm: the ledger decides.
        "worker_enable_prefetch_count_reduction": False,
        "worker_proc_alive_timeout": 60.0,  # a child loads the model before it says that it is up
        "worker_concurrency": settings.worker_concurrency,
        "worker_max_tasks_per_child": settings.worker_max_tasks_per_child,
        "worker_max_memory_per_child": settings.worker_max_memory_per_child_kb,
        "worker_soft_shutdown_timeout": settings.soft_shutdown_timeout,
        "worker_hijack_root_logger": False,
        "enable_utc": True,
        "timezone": "UTC",
    }
