"""Objects in a folder: a key's file holds its metadata and its data, so that one rename replaces both."""

import json
import os
import struct
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import BinaryIO
from uuid import uuid4

from oddline.errors import CorruptBody, ObjectMissing, ObjectStoreUnavailable, OddlineError
from oddline.objects.folder_uploads import UPLOADS, FolderUploads
from oddline.objects.keys import check_key, check_metadata, check_prefix, check_range
from oddline.objects.model import NO_METADATA, PIECE_BYTES, ObjectInfo, ObjectVersion, StoredPart, Upload

INCOMING = ".incoming"  # beside the objects: a rename is atomic only within one file system
UNFINISHED_AFTER = timedelta(days=1)  # a file being written for longer belongs to a process that died
_HEADER = struct.Struct(">4sI")  # magic, bytes of metadata
_MAGIC = b"ODD1"
_OWN = {INCOMING, UPLOADS}


class FolderObjects:
    """An `ObjectStore` in a folder, for one machine.

    Unlike on S3 no key can be the folder of another: after `a/b` there is no `a`.

    Args:
        root: made if it is not there.
        clock: tells what is left over from a crash.
    """

    def __init__(self, root: Path, *, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self._root = root
        self._incoming = root / INCOMING
        self._unfinished = FolderUploads(root / UPLOADS)
        with _os_errors():
            self._incoming.mkdir(parents=True, exist_ok=True)
            self._drop_unfinished(clock() - UNFINISHED_AFTER)

    def put(self, key: str, data: bytes, *, metadata: Mapping[str, str] = NO_METADATA) -> None:
        """See `ObjectStore.put`. On return the object outlives a power cut."""
        target = self._path(key)
        unfinished = self._incoming / uuid4().hex
        with _os_errors():
            try:
                with unfinished.open("xb") as file:
                    file.write(_head(metadata))
                    file.write(data)
                    file.flush()
                    os.fsync(file.fileno())
                self._make_folder(target.parent)
                unfinished.replace(target)
                _sync_folder(target.parent)
            except (FileExistsError, IsADirectoryError, NotADirectoryError) as error:
                raise OddlineError(f"{key!r} cannot be a key: it or a part of it is another key's folder") from error
            finally:
                unfinished.unlink(missing_ok=True)

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        check_range(start, end)
        with self._open(key) as file:
            header = _HEADER.size + _metadata_bytes(file, key)
            file.seek(header + start)
            return file.read() if end is None else file.read(end - start)

    def stream(self, key: str, *, start: int = 0, version: str = "") -> Iterator[bytes]:  # noqa: ARG002
        """See `ObjectStore.stream`: of each key there is one version."""
        with self._open(key) as file:
            file.seek(_HEADER.size + _metadata_bytes(file, key) + start)
            while piece := file.read(PIECE_BYTES):
                yield piece

    def head(self, key: str, *, version: str = "") -> ObjectInfo:  # noqa: ARG002
        """See `ObjectStore.head`: of each key there is one version."""
        with self._open(key) as file:
            length = _metadata_bytes(file, key)
            return _info(file, key, length, metadata=json.loads(file.read(length)))

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """See `ObjectStore.list`."""
        folder = check_prefix(prefix).rpartition("/")[0]
        for key in self._keys(f"{folder}/" if folder else "", prefix):
            with suppress(ObjectMissing):  # deleted since its folder was read
                with self._open(key) as file:
                    info = _info(file, key, _metadata_bytes(file, key))
                yield info

    def delete(self, key: str) -> None:
        """See `ObjectStore.delete`."""
        with _os_errors(), suppress(FileNotFoundError, NotADirectoryError, IsADirectoryError):
            self._path(key).unlink()

    def versions(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """See `ObjectStore.versions`: a folder keeps nothing of what was replaced."""
        for found in self.list(prefix):
            if found.key > after:
                yield ObjectVersion(key=found.key, version="", is_current=True)

    def get_version(self, one: ObjectVersion) -> bytes:
        """See `ObjectStore.get_version`."""
        return self.get(one.key)

    def delete_version(self, one: ObjectVersion) -> None:
        """See `ObjectStore.delete_version`."""
        self.delete(one.key)

    def begin_upload(self, key: str, *, part_bytes: int, metadata: Mapping[str, str] = NO_METADATA) -> str:
        """See `ObjectStore.begin_upload`."""
        self._path(key)
        with _os_errors():
            return self._unfinished.begin(key, part_bytes=part_bytes, head=_head(metadata))

    def part_url(
        self,
        key: str,  # noqa: ARG002
        *,
        upload: str,  # noqa: ARG002
        number: int,  # noqa: ARG002
        expires: timedelta,  # noqa: ARG002
        size: int | None = None,  # noqa: ARG002
    ) -> str | None:
        """See `ObjectStore.part_url`: a folder has no URLs."""
        return None

    def put_part(self, key: str, data: bytes, *, upload: str, number: int) -> None:
        """See `ObjectStore.put_part`. On return the part outlives a power cut."""
        with _os_errors():
            self._unfinished.write(key, upload, number=number, data=data)

    def parts(self, key: str, *, upload: str) -> Sequence[StoredPart]:
        """See `ObjectStore.parts`."""
        with _os_errors():
            return self._unfinished.parts(key, upload)

    def complete_upload(self, key: str, *, upload: str) -> str:
        """See `ObjectStore.complete_upload`: the parts stand where they belong already."""
        target = self._path(key)
        with _os_errors():
            whole = self._unfinished.whole(key, upload)
            self._make_folder(target.parent)
            whole.replace(target)
            _sync_folder(target.parent)
            self._unfinished.drop(upload)
        return ""

    def abort_upload(self, key: str, *, upload: str) -> None:  # noqa: ARG002
        """See `ObjectStore.abort_upload`."""
        with _os_errors():
            self._unfinished.drop(upload)

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """See `ObjectStore.uploads`."""
        with _os_errors():
            yield from self._unfinished.all(check_prefix(prefix))

    def _path(self, key: str) -> Path:
        if check_key(key).split("/", 1)[0] in _OWN:
            raise OddlineError(f"not an object key: {key!r}")
        return self._root / key

    @contextmanager
    def _open(self, key: str) -> Iterator[BinaryIO]:
        path = self._path(key)
        with _os_errors():
            try:
                file = path.open("rb")
            except (FileNotFoundError, NotADirectoryError, IsADirectoryError) as error:
                raise ObjectMissing(f"there is no object {key!r}") from error
            with file:
                yield file

    def _keys(self, parent: str, prefix: str) -> Iterator[str]:
        for name in self._names(self._root / parent):
            key = parent + name
            if not key.startswith(prefix[: len(key)]) or key.rstrip("/") in _OWN:
                continue
            if name.endswith("/"):
                yield from self._keys(key, prefix)
            elif key.startswith(prefix):
                yield key

    def _names(self, folder: Path) -> Sequence[str]:
        with _os_errors():
            try:
                with os.scandir(folder) as entries:
                    # A folder sorts as if its name ended with "/": that is where S3 lists what is in it.
                    return sorted(entry.name + "/" * entry.is_dir(follow_symlinks=False) for entry in entries)
            except (FileNotFoundError, NotADirectoryError):
                return ()

    def _make_folder(self, folder: Path) -> None:
        if folder.is_dir():
            return
        folder.mkdir(parents=True, exist_ok=True)
        for above in folder.parents:
            _sync_folder(above)
            if above == self._root:
                return

    def _drop_unfinished(self, before: datetime) -> None:
        for path in self._incoming.iterdir():
            with suppress(FileNotFoundError):  # its writer has just finished
                if path.stat().st_mtime < before.timestamp():
                    path.unlink()


def _head(metadata: Mapping[str, str]) -> bytes:
    """What a file begins with."""
    kept = json.dumps(check_metadata(metadata)).encode()
    return _HEADER.pack(_MAGIC, len(kept)) + kept


def _metadata_bytes(file: BinaryIO, key: str) -> int:
    header = file.read(_HEADER.size)
    if len(header) < _HEADER.size or not header.startswith(_MAGIC):
        raise CorruptBody(f"the file of {key!r} was not written by this store")
    length: int = _HEADER.unpack(header)[1]
    return length


def _info(file: BinaryIO, key: str, length: int, *, metadata: Mapping[str, str] = NO_METADATA) -> ObjectInfo:
    status = os.fstat(file.fileno())
    return ObjectInfo(
        key=key,
        size=status.st_size - _HEADER.size - length,
        modified_at=datetime.fromtimestamp(status.st_mtime, UTC),
        metadata=metadata,
    )


def _sync_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


@contextmanager
def _os_errors() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise ObjectStoreUnavailable(f"the object folder fails: {error}") from error
