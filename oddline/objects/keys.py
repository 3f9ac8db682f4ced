"""One rule for keys, ranges and metadata, so that what the folder takes S3 takes too, and the other way round."""

import re
from collections.abc import Mapping

from oddline.errors import OddlineError

LONGEST_KEY_BYTES = 900  # S3 takes 1,024, and the prefix of the store comes before it
LONGEST_SEGMENT_BYTES = 255  # of a file's name on Linux and macOS
MOST_METADATA_BYTES = 2_048  # S3, "Working with object metadata"

_METADATA_NAME = re.compile(r"[a-z0-9]([a-z0-9-]*[a-z0-9])?")  # HTTP headers lose the case of their names
_METADATA_VALUE = re.compile(r"([!-~]([ -~]*[!-~])?)?")  # printable ASCII, no space at an end


def check_key(key: str) -> str:
    """`key`, if it is one: segments joined by `/`, none of them empty, `.` or `..`, and no control character.

    Raises:
        OddlineError: it is not.
    """
    segments = key.split("/")
    if any(segment in {"", ".", ".."} for segment in segments) or any(ord(character) < 32 for character in key):
        raise OddlineError(f"not an object key: {key!r}")
    try:
        sizes = [len(segment.encode()) for segment in segments]
    except UnicodeEncodeError as error:
        raise OddlineError(f"not an object key: {key!r}") from error
    if max(sizes) > LONGEST_SEGMENT_BYTES or sum(sizes) + len(sizes) - 1 > LONGEST_KEY_BYTES:
        raise OddlineError(f"too long for an object key: {key!r}")
    return key


def check_prefix(prefix: str) -> str:
    """`prefix`, if a key can start with it.

    Raises:
        OddlineError: none can.
    """
    if prefix:
        check_key(prefix + "x" if prefix.endswith(("/", ".")) else prefix)
    return prefix


def check_range(start: int, end: int | None) -> None:
    """Do nothing, if these are bounds of a slice.

    Raises:
        OddlineError: `start` is negative, or `end` is before it.
    """
    if start < 0 or (end is not None and end < start):
        raise OddlineError(f"not a range of bytes: {start} to {end}")


def check_metadata(metadata: Mapping[str, str]) -> dict[str, str]:
    """A copy of `metadata`, if every store can keep it: lower-case names, printable ASCII values, 2 KB in all.

    Raises:
        OddlineError: it cannot be kept.
    """
    for name, value in metadata.items():
        if not _METADATA_NAME.fullmatch(name) or not _METADATA_VALUE.fullmatch(value):
            raise OddlineError(f"not metadata that an object can have: {name!r}: {value!r}")
    if sum(len(name) + len(value) for name, value in metadata.items()) > MOST_METADATA_BYTES:
        raise OddlineError("too much metadata for an object")
    return dict(metadata)
