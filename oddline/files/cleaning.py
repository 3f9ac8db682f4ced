"""Delete files past their time, what their owners have deleted, and uploads that were left or hold too much."""

from datetime import timedelta
from typing import Final

from oddline.errors import ObjectMissing
from oddline.files import store
from oddline.files.deleting import delete_file
from oddline.files.log_file import LogFile
from oddline.files.uploads import PREFIX, overgrown
from oddline.tasks import NoPayload, TaskContext

ABANDONED_AFTER: Final = timedelta(days=7)  # a large upload over a slow line goes on for days
NAMED_AFTER: Final = timedelta(hours=1)  # an upload's row is written within a request
FILES_AT_ONCE: Final = 100


def cleanup_old_files(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001
    """Delete files that are past their time, with their objects in all versions; the entries stay for theirs."""
    now, deleted = context.clock(), 0
    kept_since, begun_since = now - timedelta(days=context.settings.file_days), now - ABANDONED_AFTER
    while True:
        with context.db.transaction() as tx:
            files = store.old(tx, kept_since=kept_since, begun_since=begun_since, limit=FILES_AT_ONCE)
        for file in files:
            delete_file(context, file)
            deleted += 1
        if len(files) < FILES_AT_ONCE:
            return {"files": deleted}


def cleanup_temp_files(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001
    """Abort uploads that no file names, since their maker died before it wrote that down, and what holds too much."""
    with context.db.transaction() as tx:
        named, untold = store.named_uploads(tx), store.untold_uploads(tx)
    before, aborted = context.clock() - NAMED_AFTER, 0
    for upload in list(context.objects.uploads(f"{PREFIX}/")):
        if upload.id not in named and upload.begun_at < before:
            context.objects.abort_upload(upload.key, upload=upload.id)
            aborted += 1
    for file in untold:
        aborted += _end_if_overgrown(context, file)
    return {"uploads": aborted}


def _end_if_overgrown(context: TaskContext, file: LogFile) -> bool:
    """Delete an upload to whose URLs no size is bound, so that anything could be put there, if it holds too much."""
    try:
        parts = context.objects.parts(file.object_key, upload=file.upload or "")
    except ObjectMissing:  # it was completed or aborted just now
        return False
    if overgrown(file, parts, most_bytes=context.settings.file_bytes) is None:
        return False
    delete_file(context, file)
    return True
