"""Analytics: rollups of what came, what they say, and what is different between two times."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.analytics.folding import Fold
    from oddline.analytics.model import PatternStep, Step, Window
    from oddline.analytics.pages import compare_windows, summary, timeline
    from oddline.analytics.reading import read_parts
    from oddline.analytics.recurring import calculate_log_patterns
    from oddline.analytics.service import (
        update_all_project_analytics,
        update_analytics,
        update_live_analytics,
        update_project_analytics,
    )
    from oddline.analytics.tasks import (
        CALCULATE_ANALYTICS,
        CALCULATE_LOG_PATTERNS,
        DETECT_ANOMALIES,
        TASKS,
        UPDATE_ALL_PROJECT_ANALYTICS,
        UPDATE_ANALYTICS,
        UPDATE_LIVE_ANALYTICS,
        UPDATE_PROJECT_ANALYTICS,
        OfProject,
        OfWindow,
    )
    from oddline.analytics.windows import calculate_analytics, detect_anomalies, find_odd, sum_up

__all__ = [
    "CALCULATE_ANALYTICS",
    "CALCULATE_LOG_PATTERNS",
    "DETECT_ANOMALIES",
    "TASKS",
    "UPDATE_ALL_PROJECT_ANALYTICS",
    "UPDATE_ANALYTICS",
    "UPDATE_LIVE_ANALYTICS",
    "UPDATE_PROJECT_ANALYTICS",
    "Fold",
    "OfProject",
    "OfWindow",
    "PatternStep",
    "Step",
    "Window",
    "calculate_analytics",
    "calculate_log_patterns",
    "compare_windows",
    "detect_anomalies",
    "find_odd",
    "read_parts",
    "sum_up",
    "summary",
    "timeline",
    "update_all_project_analytics",
    "update_analytics",
    "update_live_analytics",
    "update_project_analytics",
]

__getattr__ = face(
    __name__,
    {
        "folding": ["Fold"],
        "model": ["PatternStep", "Step", "Window"],
        "pages": ["compare_windows", "summary", "timeline"],
        "reading": ["read_parts"],
        "recurring": ["calculate_log_patterns"],
        "service": [
            "update_all_project_analytics",
            "update_analytics",
            "update_live_analytics",
            "update_project_analytics",
        ],
        "tasks": [
            "CALCULATE_ANALYTICS",
            "CALCULATE_LOG_PATTERNS",
            "DETECT_ANOMALIES",
            "TASKS",
            "UPDATE_ALL_PROJECT_ANALYTICS",
            "UPDATE_ANALYTICS",
            "UPDATE_LIVE_ANALYTICS",
            "UPDATE_PROJECT_ANALYTICS",
            "OfProject",
            "OfWindow",
        ],
        "windows": ["calculate_analytics", "detect_anomalies", "find_odd", "sum_up"],
    },
)
