"""Analytics in the worker: keep the rollups, and say what a window's entries come to."""

from collections.abc import Mapping

from oddline.analytics import (
    CALCULATE_ANALYTICS,
    CALCULATE_LOG_PATTERNS,
    DETECT_ANOMALIES,
    UPDATE_ALL_PROJECT_ANALYTICS,
    UPDATE_ANALYTICS,
    UPDATE_LIVE_ANALYTICS,
    UPDATE_PROJECT_ANALYTICS,
    calculate_analytics,
    calculate_log_patterns,
    detect_anomalies,
    update_all_project_analytics,
    update_analytics,
    update_live_analytics,
    update_project_analytics,
)
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    UPDATE_LIVE_ANALYTICS.name: lambda process: update_live_analytics,  # noqa: ARG005  # needs nothing of the process
    UPDATE_ANALYTICS.name: lambda process: update_analytics,  # noqa: ARG005
    UPDATE_ALL_PROJECT_ANALYTICS.name: lambda process: update_all_project_analytics,  # noqa: ARG005
    UPDATE_PROJECT_ANALYTICS.name: lambda process: update_project_analytics,  # noqa: ARG005
    CALCULATE_ANALYTICS.name: lambda process: calculate_analytics,  # noqa: ARG005
    DETECT_ANOMALIES.name: lambda process: detect_anomalies,  # noqa: ARG005
    CALCULATE_LOG_PATTERNS.name: lambda process: calculate_log_patterns,  # noqa: ARG005
}
