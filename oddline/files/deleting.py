"""Let go of a file: its row, its parts, and its object with all that is kept of it."""

from typing import Final

from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.objects import ObjectStore
from oddline.tasks import TaskContext

PARTS_AT_ONCE: Final = 5_000  # rows in one transaction, so that none is long


def erase_object(objects: ObjectStore, key: str) -> int:
    """Delete an object with all that is kept of it; returns how many versions there were."""
    versions = [one for one in objects.versions(key) if one.key == key]
    for one in versions:
        objects.delete_version(one)
    return len(versions)


def delete_file(context: TaskContext, file: LogFile) -> None:
    """Delete a file, what is kept of its object, and what was uploaded of it."""
    with context.db.transaction() as tx:
        store.change(tx, file, was=[file.state], state=str(FileState.DELETED))
    if file.upload is not None:
        context.objects.abort_upload(file.object_key, upload=file.upload)
    erase_object(context.objects, file.object_key)
    is_left = True
    while is_left:
        with context.db.transaction() as tx:
            is_left = not store.delete(tx, file, limit=PARTS_AT_ONCE)
