"""Live connections in the worker."""

from collections.abc import Mapping

from oddline.streams import (
    POLL_ALL_CONNECTIONS,
    POLL_CLOUD_LOGS,
    PROCESS_LIVE_LOGS,
    TEST_CONNECTION,
    poll_all_connections,
    poll_cloud_logs,
    process_live_logs,
    try_connection,
)
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    POLL_ALL_CONNECTIONS.name: lambda process: poll_all_connections,  # noqa: ARG005  # needs nothing of the process
    POLL_CLOUD_LOGS.name: lambda process: poll_cloud_logs,  # noqa: ARG005
    PROCESS_LIVE_LOGS.name: lambda process: process_live_logs,  # noqa: ARG005
    TEST_CONNECTION.name: lambda process: try_connection,  # noqa: ARG005
}
