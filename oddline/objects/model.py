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
