"""Bring a file in by parts: where each is to be put, which are there, and the whole of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from oddline.database import Database, Transaction
from oddline.errors import Conflict, InvalidParameter, KeyReused, NotFound, ObjectMissing, TooLarge, TooManyOpen
from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.ids import new_id
from oddline.objects import MOST_PARTS, ObjectStore, StoredPart

PREFIX: Final = "files"  # of objects; what others put lies under uploads/
PART_BYTES: Final = 8 * 1024 * 1024  # what is lost at most where a line breaks; and a request's body locally
PART_BYTES_UNTOLD: Final = 64 * 1024 * 1024  # of a file whose size nobody told: 640 GB of them
URL_HOLDS: Final = timedelta(hours=1)
PARTS_AT_ONCE: Final = 100
MOST_OPEN: Final = 100  # of a project: parts of each are paid for until it is given up


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """What somebody wants to upload; `caller` is who, and `key` that of their request."""

    name: str
    source: str = ""
    size: int | None = None
    format: str = ""
    zone: str = ""
    key: str | None = None
    caller: str = ""

    @property
    def request_key(self) -> str | None:
        """By which the request is known again; another caller's is another one, whatever key it bears."""
        if self.key is None:
            return None
        return hashlib.sha256(f"{self.caller}\n{self.key}".encode()).hexdigest()


def begin(
    db: Database, objects: ObjectStore, *, project: UUID, wanted: Wanted, most_bytes: int, now: datetime
) -> LogFile:
    """Begin an upload, or go on with the one that was begun by the same key.

    Raises:
        TooLarge: the file has more than `most_bytes`.
        InvalidParameter: there is no such format or zone.
        KeyReused: by that key another file was asked for.
        TooManyOpen: the project has as many uploads open as it may.
    """
    if wanted.size is not None and wanted.size > most_bytes:
        raise TooLarge(f"a file may have {most_bytes:,} bytes", limit=most_bytes, unit="bytes", field="size")
    check_format(wanted.format)
    _check_zone(wanted.zone)
    if (known := _known(db, project, wanted)) is not None:
        return known
    file_id = new_id()
    key = f"{PREFIX}/{project}/{file_id}"
    part_bytes = _part_bytes(wanted.size)
    file = LogFile(
        project=project,
        id=file_id,
        name=wanted.name,
        source=wanted.source or wanted.name,
        format=wanted.format,
        zone=wanted.zone,
        size=wanted.size,
        part_bytes=part_bytes,
        upload=objects.begin_upload(key, part_bytes=part_bytes, metadata={"project": str(project)}),
        object_key=key,
        request_key=wanted.request_key,
        created_at=now,
    )
    with db.transaction(project=project) as tx:
        has_room = store.count_open(tx, project) < MOST_OPEN
        is_new = has_room and store.insert(tx, file)
    if not is_new and file.upload is not None:
        objects.abort_upload(key, upload=file.upload)
    if not has_room:
        raise TooManyOpen(f"{MOST_OPEN} uploads are open already: complete some, or delete them")
    return file if is_new else _known(db, project, wanted) or file  # the same request came at the same moment


def page(objects: ObjectStore, file: LogFile, *, after: int, limit: int = PARTS_AT_ONCE) -> dict[str, Any]:
    """The parts behind number `after`: their bytes, whether each is there, and the URL that takes it by PUT.

    Raises:
        Conflict: it is not being uploaded.
    """
    there = _stored(objects, file)
    last = _parts_of(file) if file.size is not None else MOST_PARTS
    numbers = range(after + 1, min(after + limit, last) + 1)
    told: dict[str, Any] = {
        "part_bytes": file.part_bytes,
        "parts": [_told(objects, file, number, is_there=number in there) for number in numbers],
    }
    if numbers and numbers[-1] < last:
        told["next"] = numbers[-1]
    return told


def put(objects: ObjectStore, file: LogFile, *, number: int, data: bytes) -> None:
    """Store a part, where the object store has no URL for it.

    Raises:
        Conflict: it is not being uploaded, or its parts go elsewhere.
        InvalidParameter: it has no such part.
        TooLarge: it is larger than that part.
    """
    upload, _ = _upload(file)
    last = _parts_of(file) if file.size is not None else MOST_PARTS
    if not 1 <= number <= last:
        raise InvalidParameter(f"the file has parts 1 to {last}", field="number")
    most = _most_of(file, number)
    if len(data) > most:
        raise TooLarge(f"part {number} has {most:,} bytes", limit=most, unit="bytes")
    if objects.part_url(file.object_key, upload=upload, number=number, expires=URL_HOLDS):
        raise Conflict("parts of this file go to the URLs that the upload names", field="number")
    objects.put_part(file.object_key, data, upload=upload, number=number)


def complete(db: Database, objects: ObjectStore, file: LogFile, *, most_bytes: int, now: datetime) -> LogFile:
    """Make the file of its parts; done again it changes nothing.

    Raises:
        Conflict: parts are missing, or they are not of the size that was told.
        TooLarge: it, or a part, has more bytes than it may: what was uploaded is thrown away.
    """
    if file.state is not FileState.UPLOADING:
        return file
    upload, _ = _upload(file)
    try:
        parts = objects.parts(file.object_key, upload=upload)
    except ObjectMissing:
        version, size = "", _size_of_whole(objects, file)  # it was completed, and nobody could write that down
    else:
        if (too_large := overgrown(file, parts, most_bytes=most_bytes)) is not None:
            _give_up(db, objects, file)
            raise too_large
        size = _checked_size(file, parts)
        version = objects.complete_upload(file.object_key, upload=upload)
    with db.transaction(project=file.project) as tx:
        store.change(
            tx,
            file,
            was=[FileState.UPLOADING],
            state=str(FileState.UPLOADED),
            size=size,
            object_version=version,
            upload=None,
            uploaded_at=now,
        )
        return existing(tx, file.project, file=file.id)


def overgrown(file: LogFile, parts: Sequence[StoredPart], *, most_bytes: int) -> TooLarge | None:
    """What is wrong with an upload that holds more than it may, as one can to whose URLs no size is bound."""
    size = sum(part.size for part in parts)
    if size > most_bytes:
        return TooLarge(f"a file may have {most_bytes:,} bytes, and {size:,} came", limit=most_bytes, unit="bytes")
    for part in parts:
        if part.size > (most := _most_of(file, part.number)):
            return TooLarge(
                f"part {part.number} may have {most:,} bytes and has {part.size:,}", limit=most, unit="bytes"
            )
    return None


def existing(tx: Transaction, project: UUID, *, file: UUID, lock: bool = False) -> LogFile:
    """A file by its id; with `lock` it stays as it is until the transaction ends.

    Raises:
        NotFound: the project has no such file.
    """
    found = store.find(tx, project, file=file, lock=lock)
    if found is None:
        raise NotFound(f"there is no file {file}", field="file_id")
    return found


def check_format(name: str) -> None:
    """Do nothing, if there is a format of that name.

    Raises:
        InvalidParameter: there is none.
    """
    from oddline.files.formats import FORMATS

    if name and name not in FORMATS:
        raise InvalidParameter(f"there is no format {name}; there are {', '.join(sorted(FORMATS))}", field="format")


def _known(db: Database, project: UUID, wanted: Wanted) -> LogFile | None:
    if wanted.request_key is None:
        return None
    with db.transaction(project=project) as tx:
        known = store.find_by_key(tx, project, request_key=wanted.request_key)
    if known is None:
        return None
    asked = (wanted.name, wanted.source or wanted.name, wanted.format, wanted.zone)
    told = (known.name, known.source, known.format, known.zone)
    if asked != told or (known.state is FileState.UPLOADING and wanted.size != known.size):
        raise KeyReused("the idempotency-key came before for another file")
    return known


def _check_zone(name: str) -> None:
    try:
        ZoneInfo(name or "UTC")
    except (ValueError, OSError, LookupError) as error:
        raise InvalidParameter(f"there is no time zone {name!r}", field="zone") from error


def _part_bytes(size: int | None) -> int:
    """Whole megabytes, so large that there are no more parts than there may be."""
    if size is None:
        return PART_BYTES_UNTOLD
    least = -(-size // MOST_PARTS)
    return max(PART_BYTES, -(-least // 1024**2) * 1024**2)


def _parts_of(file: LogFile) -> int:
    _, part_bytes = _upload(file)
    return max(1, -(-(file.size or 0) // part_bytes))


def _upload(file: LogFile) -> tuple[str, int]:
    if file.state is not FileState.UPLOADING or file.upload is None or file.part_bytes is None:
        raise Conflict(f"file {file.id} is {file.state}: nothing of it is being uploaded", field="file_id")
    return file.upload, file.part_bytes


def _stored(objects: ObjectStore, file: LogFile) -> set[int]:
    upload, _ = _upload(file)
    return {part.number for part in objects.parts(file.object_key, upload=upload)}


def _told(objects: ObjectStore, file: LogFile, number: int, *, is_there: bool) -> dict[str, Any]:
    upload, part_bytes = _upload(file)
    end = None if file.size is None else min(number * part_bytes, file.size)
    start = (number - 1) * part_bytes
    size = None if end is None else end - start
    url = objects.part_url(file.object_key, upload=upload, number=number, expires=URL_HOLDS, size=size)
    return {
        "number": number,
        "start": start,
        "end": end,
        "there": is_there,
        "url": url or f"/api/v1/files/{file.id}/parts/{number}",
    }


def _checked_size(file: LogFile, parts: Sequence[StoredPart]) -> int:
    missing = sorted(set(range(1, (parts[-1].number if parts else 1) + 1)) - {part.number for part in parts})
    if missing:
        raise Conflict(f"part {missing[0]} of file {file.id} is missing", field="parts", parts=missing[:100])
    size = sum(part.size for part in parts)
    if file.size is not None and size != file.size:
        raise Conflict(f"{size:,} of {file.size:,} bytes are there", field="parts")
    if any(part.size != file.part_bytes for part in parts[:-1]):
        raise Conflict(f"each part but the last has {file.part_bytes:,} bytes", field="parts")
    return size


def _give_up(db: Database, objects: ObjectStore, file: LogFile) -> None:
    """Throw away what was uploaded; `cleanup_old_files` does the same with the row."""
    upload, _ = _upload(file)
    with db.transaction(project=file.project) as tx:
        store.change(tx, file, was=[FileState.UPLOADING], state=str(FileState.DELETED))
    objects.abort_upload(file.object_key, upload=upload)


def _most_of(file: LogFile, number: int) -> int:
    """How many bytes a part has at most."""
    _, part_bytes = _upload(file)
    return part_bytes if file.size is None else max(0, min(part_bytes, file.size - (number - 1) * part_bytes))


def _size_of_whole(objects: ObjectStore, file: LogFile) -> int:
    try:
        return objects.head(file.object_key).size
    except ObjectMissing as error:
        raise Conflict(f"the upload of file {file.id} is over; begin another", field="file_id") from error
