"""Live connections: feeds of others that are polled, each entry once."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.streams.model import LONGEST_INTERVAL_S, SHORTEST_INTERVAL_S, Connection, ConnectionState, Wish
    from oddline.streams.polling import poll_cloud_logs
    from oddline.streams.processing import process_live_logs
    from oddline.streams.renewal_store import renew_connections
    from oddline.streams.service import change, create, pause, remove, request_test, resume, show, view
    from oddline.streams.starting import poll_all_connections
    from oddline.streams.store import listed
    from oddline.streams.tasks import (
        POLL_ALL_CONNECTIONS,
        POLL_CLOUD_LOGS,
        POLLS,
        PROCESS_LIVE_LOGS,
        TASKS,
        TEST_CONNECTION,
        OfConnection,
    )
    from oddline.streams.trying import try_connection

__getattr__ = face(
    __name__,
    {
        "model": ("LONGEST_INTERVAL_S", "SHORTEST_INTERVAL_S", "Connection", "ConnectionState", "Wish"),
        "polling": ("poll_cloud_logs",),
        "processing": ("process_live_logs",),
        "renewal_store": ("renew_connections",),
        "service": ("change", "create", "pause", "remove", "request_test", "resume", "show", "view"),
        "starting": ("poll_all_connections",),
        "store": ("listed",),
        "tasks": (
            "POLL_ALL_CONNECTIONS",
            "POLL_CLOUD_LOGS",
            "POLLS",
            "PROCESS_LIVE_LOGS",
            "TASKS",
            "TEST_CONNECTION",
            "OfConnection",
        ),
        "trying": ("try_connection",),
    },
)

__all__ = [
    "LONGEST_INTERVAL_S",
    "POLLS",
    "POLL_ALL_CONNECTIONS",
    "POLL_CLOUD_LOGS",
    "PROCESS_LIVE_LOGS",
    "SHORTEST_INTERVAL_S",
    "TASKS",
    "TEST_CONNECTION",
    "Connection",
    "ConnectionState",
    "OfConnection",
    "Wish",
    "change",
    "create",
    "listed",
    "pause",
    "poll_all_connections",
    "poll_cloud_logs",
    "process_live_logs",
    "remove",
    "renew_connections",
    "request_test",
    "resume",
    "show",
    "try_connection",
    "view",
]
