"""Maintenance in the worker: compaction, retention, cleaning up, erasing, what people did put into words."""

from collections.abc import Mapping

from oddline.audit import PROCESS_USER_ACTION, process_user_action
from oddline.chunks import CLEANUP_OLD_LOGS, COMPACT_CHUNKS, cleanup_old_logs, compact_chunks
from oddline.maintenance import (
    CLEANUP_EXPIRED_API_KEYS,
    CLEANUP_OLD_RESULTS,
    RENEW_ENCRYPTION,
    cleanup_expired_api_keys,
    cleanup_old_results,
    renew_encryption,
)
from oddline.privacy import ERASE_PERSON, erase_person, mark_failed
from oddline.tasks import OnFailure
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    COMPACT_CHUNKS.name: lambda process: compact_chunks,  # noqa: ARG005  # needs nothing of the process
    CLEANUP_OLD_LOGS.name: lambda process: cleanup_old_logs,  # noqa: ARG005
    CLEANUP_OLD_RESULTS.name: lambda process: cleanup_old_results,  # noqa: ARG005
    PROCESS_USER_ACTION.name: lambda process: process_user_action,  # noqa: ARG005
    RENEW_ENCRYPTION.name: lambda process: renew_encryption,  # noqa: ARG005
    CLEANUP_EXPIRED_API_KEYS.name: lambda process: cleanup_expired_api_keys,  # noqa: ARG005
    ERASE_PERSON.name: lambda process: erase_person,  # noqa: ARG005
}

ON_FAILURE: Mapping[str, OnFailure] = {ERASE_PERSON.name: mark_failed}
