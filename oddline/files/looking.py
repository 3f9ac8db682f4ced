"""Look at a file before it is processed, or without: what it is, and what its beginning holds."""

from collections.abc import Iterator
from dataclasses import asdict
from typing import Any, Final

from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.files.metadata import MetadataFold
from oddline.files.opening import found_in, open_reader, stream
from oddline.files.processing import metadata_told
from oddline.files.tasks import FilePayload
from oddline.tasks import TaskContext

MOST_BYTES: Final = 16 * 1024 * 1024
"""Of a file as it came. Of one that is longer this tells what its beginning holds; processing it, which reads all of it
anyway, tells the rest."""


def extract_log_metadata(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """Find out what a file is and what its beginning holds, unless it was read further already.

    Raises:
        UnreadableFile, ObjectMissing: it cannot be read (permanent).
        Unavailable: passing.
    """
    with context.db.transaction() as tx:
        file = store.find(tx, payload.project, file=payload.file)
    if file is None or file.state is FileState.UPLOADING:
        return {}
    if file.position:
        return metadata_told(dict(file.metadata or {}))
    found = found_in(file, context)
    fold = MetadataFold(found)
    reader = open_reader(_beginning(file, context), file, found=found)
    for block in reader:
        fold.add(block)
    if file.size is not None and reader.packed_bytes >= file.size:
        fold.end(packed_bytes=reader.packed_bytes, damaged=reader.problems.damaged)
    metadata = fold.metadata.view()
    with context.db.transaction() as tx:
        if (now := store.find(tx, file.project, file=file.id, lock=True)) is not None and not now.position:
            store.change(tx, file, was=[now.state], found=asdict(found), metadata=metadata)
    return metadata_told(metadata)


def _beginning(file: LogFile, context: TaskContext) -> Iterator[bytes]:
    read = 0
    for piece in stream(context.objects, file):
        yield piece
        read += len(piece)
        if read >= MOST_BYTES:
            return
