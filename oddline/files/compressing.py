"""Pack a file with zstd once it is processed; the original goes when the packed one was read back and is the same."""

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, Final

import zstandard

from oddline.errors import CorruptBody
from oddline.files import store
from oddline.files.deleting import delete_file, erase_object, packed_key
from oddline.files.holding import holds
from oddline.files.log_file import FileState, LogFile
from oddline.files.opening import stream
from oddline.files.tasks import FilePayload
from oddline.files.unpacking import NONE
from oddline.files.uploads import PART_BYTES
from oddline.ids import new_id
from oddline.objects import ObjectStore
from oddline.redaction import ErasedValues, Redactor, open_values, read_erased
from oddline.tasks import TaskContext

MOST_BYTES: Final = 50 * 1024**3  # can be packed and read back within the task's limits; larger ones stay as they are
LEVEL: Final = 3


def compress_log_file(payload: FilePayload, context: TaskContext) -> dict[str, Any]:
    """Put a packed file in the place of a processed one that was not packed; returns the sizes.

    What is told of the file stays as it came. One that holds what was erased meanwhile is deleted instead: its entries
    came in without.

    Raises:
        CorruptBody: what was packed is not what was there, so that the original stays (permanent).
        ObjectMissing: the file's object is gone (permanent).
        Unavailable: passing.
    """
    with context.db.transaction() as tx:
        file = store.find(tx, payload.project, file=payload.file)
    if file is None:  # it was deleted, and who packed it may have been killed before that was noticed
        erase_object(context.objects, packed_key(payload.project, payload.file))
        return {}
    if not (file.state.is_read or file.state is FileState.FAILED) or file.size is None:
        return {}
    if _holds_erased(file, context):
        delete_file(context, file)
        return {"deleted": True}
    if file.state is not FileState.PROCESSED or file.size > MOST_BYTES:
        return {}
    if file.kept is None or file.kept.compression != NONE:
        return {}
    key = packed_key(file.project, file.id)
    version, packed = _pack(context.objects, file, key=key)
    _check(context.objects, file, key=key, version=version)
    # As a deleted file, which is cleaned up where this is killed before it does so itself.
    original = replace(file, id=new_id(), state=FileState.DELETED, upload=None, request_key=None, task=None)
    with context.db.transaction() as tx:
        changed = store.change(
            tx,
            file,
            was=[FileState.PROCESSED],
            object_key=key,
            object_version=version,
            stored_size=packed,
            stored_compression="zstd",
        )
        if changed is not None:
            store.insert(tx, original)
    if changed is None:
        erase_object(context.objects, key)
    else:
        delete_file(context, original)
    return {"bytes": file.size, "packed_bytes": packed}


def _holds_erased(file: LogFile, context: TaskContext) -> bool:
    with context.db.transaction() as tx:
        listed = [
            ErasedValues(open_values(secret, context.settings.cipher()), ignore_case)
            for secret, ignore_case in read_erased(tx, file.project)
        ]
    if not listed:
        return False
    erase = Redactor((), erased=listed).erase
    return holds(context.objects, file, lambda text: erase(text) != text)


def _pack(objects: ObjectStore, file: LogFile, *, key: str) -> tuple[str, int]:
    """(version, size) of the packed object."""
    upload = objects.begin_upload(key, part_bytes=PART_BYTES, metadata={"project": str(file.project)})
    size = 0
    try:
        pieces = stream(objects, file)
        for number, part in enumerate(_in_parts(_packed(pieces)), start=1):
            objects.put_part(key, part, upload=upload, number=number)
            size += len(part)
        return objects.complete_upload(key, upload=upload), size
    except BaseException:
        objects.abort_upload(key, upload=upload)
        raise


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zstandard.ZstdCompressor(level=LEVEL, write_checksum=True).compressobj()
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()


def _in_parts(pieces: Iterable[bytes]) -> Iterator[bytes]:
    held = bytearray()
    for piece in pieces:
        held += piece
        while len(held) >= PART_BYTES:
            yield bytes(held[:PART_BYTES])
            del held[:PART_BYTES]
    yield bytes(held)


def _check(objects: ObjectStore, file: LogFile, *, key: str, version: str) -> None:
    unpacker = zstandard.ZstdDecompressor().decompressobj()
    unpacked = (unpacker.decompress(piece) for piece in objects.stream(key, version=version))
    if _digest(unpacked) != _digest(stream(objects, file)):
        erase_object(objects, key)
        raise CorruptBody(f"file {file.id} was packed, and unpacked it is not the same: it stays as it is")


def _digest(pieces: Iterable[bytes]) -> bytes:
    digest = hashlib.sha256()
    for piece in pieces:
        digest.update(piece)
    return digest.digest()
