"""Let go of a file: its row, its parts, and its object with all that is kept of it."""

from typing import Any, Final
from uuid import UUID

from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.files.tasks import FilePayload
from oddline.objects import ObjectStore
from oddline.tasks import TaskContext

_PACKED: Final = ".zst"
PARTS_AT_ONCE: Final = 5_000  # rows in one transaction, so that none is long


def packed_key(project: UUID, file: UUID) -> str:
    """The object that a file is packed into, which no row names until that is done."""
    return f"files/{project}/{file}{_PACKED}"


def erase_object(objects: ObjectStore, key: str) -> int:
    """Delete an object with all that is kept of it; returns how many versions there were."""
    versions = [one for one in objects.versions(key) if one.key == key]
    for one in versions:
        objects.delete_version(one)
    return len(versions)


def delete_log_file(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """Take away what is left of a file that its project has deleted; another file stays as it is."""
    with context.db.transaction() as tx:
        file = store.find_deleted(tx, payload.project, file=payload.file)
    if file is None:
        return {"deleted": False}
    delete_file(context, file)
    return {"deleted": True}


def delete_file(context: TaskContext, file: LogFile) -> None:
    """Delete a file, what is kept of its object, and what was uploaded of it."""
    with context.db.transaction() as tx:
        store.change(tx, file, was=[file.state], state=str(FileState.DELETED))
    if file.upload is not None:
        context.objects.abort_upload(file.object_key, upload=file.upload)
    # Whoever packed it may have been killed before its row could name the packed one.
    for key in {file.object_key, packed_key(file.project, file.id)}:
        erase_object(context.objects, key)
    is_left = True
    while is_left:
        with context.db.transaction() as tx:
            is_left = not store.delete(tx, file, limit=PARTS_AT_ONCE)
