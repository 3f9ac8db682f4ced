"""What an object store offers, whichever one it is."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Final, Protocol

PROJECT_METADATA: Final = "project"  # the name under which an object says whose it is
NO_METADATA: Mapping[str, str] = MappingProxyType({})
PIECE_BYTES: Final = 4 * 1024 * 1024  # of a stream: what one request of S3 brings without making the next one wait
MOST_PARTS: Final = 10_000  # S3, "Amazon S3 multipart upload limits"; as the next two
SMALLEST_PART_BYTES: Final = 5 * 1024 * 1024
LARGEST_PART_BYTES: Final = 5 * 1024**3


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One object without its data; `size` in bytes, `modified_at` aware UTC."""

    key: str
    size: int
    modified_at: datetime
    metadata: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class ObjectVersion:
    """What was once put under a key; `is_current` where nothing has come in its place and nobody deleted it."""

    key: str
    version: str
    is_current: bool


@dataclass(frozen=True, slots=True)
class StoredPart:
    """A part of an upload, numbered from 1; `size` in bytes, `tag` is what the store knows it by."""

    number: int
    size: int
    tag: str


@dataclass(frozen=True, slots=True)
class Upload:
    """An object that comes in parts and is not there yet; `begun_at` aware UTC."""

    key: str
    id: str
    begun_at: datetime


class Readable(Protocol):
    """Bytes by key, to read: a part of `ObjectStore`."""

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """See `ObjectStore.get`."""

    def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""


class ObjectStore(Protocol):
    """Bytes by key.

    Every method raises `ObjectStoreUnavailable` when the store does not answer, and `OddlineError` for a key, a range
    or metadata that not every store takes (`oddline.objects.keys`).
    """

    def put(self, key: str, data: bytes, *, metadata: Mapping[str, str] = NO_METADATA) -> None:
        """Store `data`, in the place of what is there: readers see the old or the new object, never a part."""

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """The bytes from `start` up to, not including, `end`; fewer where the object ends before.

        Raises:
            ObjectMissing: there is no such object.
        """

    def stream(self, key: str, *, start: int = 0, version: str = "") -> Iterator[bytes]:
        """The bytes from `start` on, in pieces of at most `PIECE_BYTES`, each read when it is asked for.

        Args:
            version: which one of the key; the current one if it is not said.

        Raises:
            ObjectMissing: there is no such object (when the first piece is asked for).
        """

    def head(self, key: str, *, version: str = "") -> ObjectInfo:
        """What is known of the object, or of one of its versions, without reading it.

        Raises:
            ObjectMissing: there is no such object.
        """

    def list(self, prefix: str) -> Iterator[ObjectInfo]:
        """The objects whose key starts with `prefix`, in the order of their keys.

        Without their metadata: S3 does not tell it in lists. Ask `head`.
        """

    def delete(self, key: str) -> None:
        """Remove the object; one that is not there is fine."""

    def versions(self, prefix: str, *, after: str = "") -> Iterator[ObjectVersion]:
        """All that is kept under keys that start with `prefix`, also what was overwritten or deleted.

        In the order of the keys, from behind the key `after`.
        """

    def get_version(self, one: ObjectVersion) -> bytes:
        """The bytes of a version.

        Raises:
            ObjectMissing: it is gone.
        """

    def delete_version(self, one: ObjectVersion) -> None:
        """Remove a version for good, so that nobody can bring it back; one that is not there is fine."""

    def begin_upload(self, key: str, *, part_bytes: int, metadata: Mapping[str, str] = NO_METADATA) -> str:
        """Begin an object that comes in parts, each of `part_bytes` but the last; returns the upload's id."""

    def part_url(
        self, key: str, *, upload: str, number: int, expires: timedelta, size: int | None = None
    ) -> str | None:
        """The URL that takes the part by PUT, for so long; None where only `put_part` does.

        Args:
            size: bytes that it takes, no more and no less; any number if it is not said.
        """

    def put_part(self, key: str, data: bytes, *, upload: str, number: int) -> None:
        """Store a part, in the place of one with the same number.

        Raises:
            ObjectMissing: there is no such upload (any more); so do the three below.
        """

    def parts(self, key: str, *, upload: str) -> Sequence[StoredPart]:
        """The parts that are there, by their numbers."""

    def complete_upload(self, key: str, *, upload: str) -> str:
        """Make the object of the parts that are there, in the order of their numbers; returns its version."""

    def abort_upload(self, key: str, *, upload: str) -> None:
        """Forget an upload with its parts; one that is not there is fine."""

    def uploads(self, prefix: str) -> Iterator[Upload]:
        """What was begun under keys that start with `prefix`, and neither completed nor aborted."""
