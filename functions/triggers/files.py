"""Read a text object of the uploads line by line, within one invocation: files have no processing of their own yet."""

import hashlib
from collections.abc import Iterator
from datetime import datetime
from io import BytesIO
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

from functions.parts import Parts
from oddline.errors import BadRequest, TooLarge
from oddline.submissions import (
    MOST_PART_ENTRIES,
    NAME_CHARACTERS,
    Limits,
    Part,
    derived_submission_id,
    rfc3339,
    storable_entry,
    unpack_body,
)

PREFIX = "uploads/"
MOST_BYTES = 32 * 1024 * 1024  # packed as well as unpacked
_LIMITS = Limits(wire_bytes=MOST_BYTES, unpacked_bytes=MOST_BYTES)
_GZIP = b"\x1f\x8b"
_UTF_8_MARK = b"\xef\xbb\xbf"
_LOOKED_AT = 8 * 1024  # bytes in which what is no text shows itself


def read_file(parts: Parts, *, bucket: str, key: str, size: int) -> Iterator[Part]:
    """The lines of an object, plain or gzip, with the time at which it was put.

    Their source is the folder that it stands in under `uploads/`, or else its name.

    The ids are derived from what was read: the same object gives the same ones, whichever event tells of it.

    Args:
        key: in the bucket, whatever part of it our store takes.
        size: bytes, packed where it is packed.

    Raises:
        TooLarge: it has over 32 MB.
        BadRequest: it is no upload, no text or no whole gzip stream.
        ObjectMissing, ObjectStoreUnavailable: it cannot be read.
    """
    key = _key(f"s3://{bucket}/{key}", objects_url=parts.settings.objects_url)
    if size == 0:
        return
    if size > MOST_BYTES:
        raise _too_large(key)
    raw = parts.objects.get(key)
    put_at = parts.objects.head(key).modified_at  # asked after: a newer object's text never bears an older one's time
    version = f"{key}\n{hashlib.sha256(raw).hexdigest()}"
    for start, end, entries in _entries(_text(raw, key=key), key=key, put_at=put_at):
        derived = derived_submission_id(at=put_at, of=f"{version}\n{start}-{end}".encode())
        yield Part(name=key, entries=entries, submission=derived)


def _key(address: str, *, objects_url: str) -> str:
    """The object's key within our store."""
    root = f"{objects_url.rstrip('/')}/"
    if not address.startswith(root + PREFIX):
        raise BadRequest(f"{address} does not lie under {root}{PREFIX}")
    return address.removeprefix(root)


def _text(raw: bytes, *, key: str) -> bytes:
    try:
        text = unpack_body(raw, content_encoding="gzip" if raw.startswith(_GZIP) else "", limits=_LIMITS)
    except TooLarge as error:
        raise _too_large(key) from error
    except BadRequest as error:
        raise BadRequest(f"{key}: {error.detail}") from error
    if b"\0" in text[:_LOOKED_AT]:
        raise BadRequest(f"{key} is no text in UTF-8, neither plain nor gzip")
    return text.removeprefix(_UTF_8_MARK)


def _entries(text: bytes, *, key: str, put_at: datetime) -> Iterator[tuple[int, int, list[dict[str, Any]]]]:
    """Up to 10,000 lines at a time, with the range of bytes that they take; blank lines are no entries."""
    folder, name = PurePosixPath(key.removeprefix(PREFIX)).parent.as_posix(), PurePosixPath(key).name
    source = (name if folder == "." else folder)[-NAME_CHARACTERS:]
    lines = enumerate(BytesIO(text), start=1)
    end = 0
    while some := list(islice(lines, MOST_PART_ENTRIES)):
        start, end = end, end + sum(len(line) for _, line in some)
        entries = [
            storable_entry(
                line.rstrip(b"\r\n").decode(errors="replace"),
                source=source,
                timestamp=rfc3339(put_at),
                attributes={"object": key, "line": at},
            )
            for at, line in some
            if line.strip()
        ]
        yield start, end, entries


def _too_large(key: str) -> TooLarge:
    return TooLarge(f"{key} has over {MOST_BYTES} bytes, packed or unpacked: split it", limit=MOST_BYTES, unit="bytes")
