"""What an object store offers, whichever one it is."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Protocol

NO_METADATA: Mapping[str, str] = MappingProxyType({})


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

    def head(self, key: str) -> ObjectInfo:
        """What is known of the object without reading it.

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
