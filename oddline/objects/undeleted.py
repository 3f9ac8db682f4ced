"""Read objects as a bucket that keeps versions still has them, deleted or not: a backup's rows name them."""

from oddline.errors import ObjectMissing
from oddline.objects.model import ObjectInfo, ObjectStore, ObjectVersion


class Undeleted:
    """What can be read of an `ObjectStore`, and of what was deleted there, as long as its versions are kept."""

    def __init__(self, objects: ObjectStore) -> None:
        self._objects = objects
        self._last: tuple[str, bytes] = ("", b"")  # of an object that was deleted: it is read in several pieces

    def get(self, key: str, *, start: int = 0, end: int | None = None) -> bytes:
        """See `ObjectStore.get`."""
        try:
            return self._objects.get(key, start=start, end=end)
        except ObjectMissing:
            name, data = self._last
            if name != key:
                data = self._objects.get_version(self._newest(key))
                self._last = (key, data)
            return data[start:end]

    def head(self, key: str) -> ObjectInfo:
        """See `ObjectStore.head`."""
        try:
            return self._objects.head(key)
        except ObjectMissing:
            return self._objects.head(key, version=self._newest(key).version)

    def _newest(self, key: str) -> ObjectVersion:
        for one in self._objects.versions(key):  # of each key the newest comes first
            if one.key == key:
                return one
        raise ObjectMissing(f"there is no object {key!r}, and none was kept")
