"""Open a file's object, whoever wrote its row: what is read says itself whose it is, where it says so."""

from collections.abc import Iterator

from oddline.errors import CorruptBody
from oddline.files.log_file import LogFile
from oddline.objects import PROJECT_METADATA, ObjectStore


def stream(objects: ObjectStore, file: LogFile, *, start: int = 0) -> Iterator[bytes]:
    """The bytes of a file as it is kept, from `start` on, in pieces of at most `PIECE_BYTES`.

    Raises:
        CorruptBody: the object is another project's (permanent).
        ObjectMissing: it is gone.
    """
    owner = objects.head(file.object_key, version=file.object_version).metadata.get(PROJECT_METADATA)
    if owner not in {None, str(file.project)}:  # what others put under uploads/ says nothing
        raise CorruptBody(f"the object of file {file.id} does not belong to project {file.project}")
    yield from objects.stream(file.object_key, start=start, version=file.object_version)
