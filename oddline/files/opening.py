"""Open a file as it was put, whoever wrote its row, to read its entries: the same ones each time."""

from collections.abc import Generator, Iterator
from zoneinfo import ZoneInfo

from oddline.errors import CorruptBody
from oddline.files.log_file import LogFile
from oddline.files.model import SAMPLE_BYTES, Found
from oddline.files.reading import MOST_ENTRIES, EntryReader, read_entries
from oddline.files.sniffing import look_at
from oddline.objects import PROJECT_METADATA, ObjectStore
from oddline.tasks import TaskContext


def stream(objects: ObjectStore, file: LogFile, *, start: int = 0) -> Generator[bytes, None, None]:
    """The bytes of a file as it is kept, from `start` on, in pieces of at most `PIECE_BYTES`.

    Raises:
        CorruptBody: the object is another project's (permanent).
        ObjectMissing: it is gone.
    """
    owner = objects.head(file.object_key, version=file.object_version).metadata.get(PROJECT_METADATA)
    if owner not in {None, str(file.project)}:  # what others put under uploads/ says nothing
        raise CorruptBody(f"the object of file {file.id} does not belong to project {file.project}")
    yield from objects.stream(file.object_key, start=start, version=file.object_version)


def found_in(file: LogFile, context: TaskContext) -> Found:
    """What a file is as it is kept: as was found before, or as its first bytes and its owner say.

    Raises:
        ObjectMissing: its object is gone.
    """
    if file.kept:
        return file.kept
    start = b""
    for piece in stream(context.objects, file):
        start += piece
        if len(start) >= SAMPLE_BYTES:
            break
    found = look_at(start[:SAMPLE_BYTES], name=file.name)
    return Found(file.format or found.format, found.encoding, found.compression)


def open_reader(
    pieces: Iterator[bytes], file: LogFile, *, found: Found, after: int = 0, most_entries: int = MOST_ENTRIES
) -> EntryReader:
    """What reads a file's entries from behind the byte `after`."""
    zone = ZoneInfo(file.zone) if file.zone else None
    return read_entries(
        pieces,
        found=found,
        now=file.put_at,
        year_hint=file.put_at,
        after=after,
        zone=zone,
        most_entries=most_entries,
    )
