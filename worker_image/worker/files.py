"""Files in the worker: look at them, read them into submissions, pack them, delete them."""

from collections.abc import Mapping

from oddline.files import (
    CALCULATE_FILE_ANALYTICS,
    CLEANUP_OLD_FILES,
    CLEANUP_TEMP_FILES,
    COMPRESS_LOG_FILE,
    DELETE_LOG_FILE,
    EXTRACT_LOG_METADATA,
    PARSE_STRUCTURED_LOGS,
    PROCESS_LOG_FILE,
    PROCESS_LOG_FILES,
    SCORE_LOG_FILE,
    calculate_file_analytics,
    cleanup_old_files,
    cleanup_temp_files,
    compress_log_file,
    delete_log_file,
    extract_log_metadata,
    mark_failed,
    parse_structured_logs,
    process_log_file,
    score_log_file,
    tell_of_group,
)
from oddline.tasks import OnFailure
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    EXTRACT_LOG_METADATA.name: lambda process: extract_log_metadata,  # noqa: ARG005  # needs nothing of the process
    PROCESS_LOG_FILE.name: lambda process: process_log_file,  # noqa: ARG005
    PARSE_STRUCTURED_LOGS.name: lambda process: parse_structured_logs,  # noqa: ARG005
    PROCESS_LOG_FILES.name: lambda process: tell_of_group,  # noqa: ARG005
    COMPRESS_LOG_FILE.name: lambda process: compress_log_file,  # noqa: ARG005
    SCORE_LOG_FILE.name: lambda process: score_log_file,  # noqa: ARG005
    CALCULATE_FILE_ANALYTICS.name: lambda process: calculate_file_analytics,  # noqa: ARG005
    DELETE_LOG_FILE.name: lambda process: delete_log_file,  # noqa: ARG005
    CLEANUP_OLD_FILES.name: lambda process: cleanup_old_files,  # noqa: ARG005
    CLEANUP_TEMP_FILES.name: lambda process: cleanup_temp_files,  # noqa: ARG005
}
ON_FAILURE: Mapping[str, OnFailure] = {PROCESS_LOG_FILE.name: mark_failed, PARSE_STRUCTURED_LOGS.name: mark_failed}
