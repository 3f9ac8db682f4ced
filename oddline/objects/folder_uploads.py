"""Objects that come in parts into a folder: each part is written where it belongs, so that the whole needs no copy."""

import json
import os
import shutil
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from uuid import uuid4

from oddline.errors import ObjectMissing, OddlineError
from oddline.objects.model import StoredPart, Upload

UPLOADS = ".uploads"  # beside the objects: a rename is atomic only within one file system


class FolderUploads:
    """Uploads under way: a folder each, with the data, what is known of it, and an empty file for each whole part."""

    def __init__(self, root: Path) -> None:
        self._root = root

    def begin(self, key: str, *, part_bytes: int, head: bytes) -> str:
        """Begin one whose data come behind `head`; returns its id."""
        upload = uuid4().hex
        folder = self._root / upload
        folder.mkdir(parents=True)
        (folder / "data").write_bytes(head)
        known = {"key": key, "part_bytes": part_bytes, "head_bytes": len(head)}
        (folder / "known").write_text(json.dumps(known), encoding="utf-8")
        return upload

    def write(self, key: str, upload: str, *, number: int, data: bytes) -> None:
        """Store a part.

        Raises:
            ObjectMissing: there is no such upload.
            OddlineError: it is larger than a part, or has no number that a part can have.
        """
        known = self._known(key, upload)
        if number < 1 or len(data) > known["part_bytes"]:
            raise OddlineError(f"part {number} of {len(data)} bytes cannot be one of {key!r}")
        folder = self._root / upload
        self._forget(upload, number)
        with (folder / "data").open("r+b") as file:
            file.seek(known["head_bytes"] + (number - 1) * known["part_bytes"])
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        (folder / f"{number}.{len(data)}").touch()

    def parts(self, key: str, upload: str) -> Sequence[StoredPart]:
        """The whole parts.

        Raises:
            ObjectMissing: there is no such upload.
        """
        self._known(key, upload)
        found = [path.name.split(".") for path in (self._root / upload).iterdir() if path.name[0].isdigit()]
        return sorted(
            (StoredPart(number=int(number), size=int(size), tag="") for number, size in found),
            key=lambda part: part.number,
        )

    def whole(self, key: str, upload: str) -> Path:
        """The file of an upload, cut where its last part ends.

        Raises:
            ObjectMissing: there is no such upload.
            OddlineError: a part is missing, or one but the last is too short.
        """
        known, parts = self._known(key, upload), self.parts(key, upload)
        full = [part.number for part in parts[:-1] if part.size == known["part_bytes"]]
        if not parts or full != list(range(1, parts[-1].number)):
            raise OddlineError(f"the parts of {key!r} leave gaps")
        path = self._root / upload / "data"
        with path.open("r+b") as file:
            file.truncate(known["head_bytes"] + sum(part.size for part in parts))
            os.fsync(file.fileno())
        return path

    def drop(self, upload: str) -> None:
        """Forget one."""
        shutil.rmtree(self._folder(upload), ignore_errors=True)

    def all(self, prefix: str) -> Iterator[Upload]:
        """Those of keys that start so."""
        for folder in sorted(self._root.glob("*")):
            try:
                known = json.loads((folder / "known").read_text(encoding="utf-8"))
                begun = (folder / "known").stat().st_mtime
            except FileNotFoundError:  # it is just beginning, or ending
                continue
            if known["key"].startswith(prefix):
                yield Upload(key=known["key"], id=folder.name, begun_at=datetime.fromtimestamp(begun, UTC))

    def _forget(self, upload: str, number: int) -> None:
        for path in (self._root / upload).glob(f"{number}.*"):
            path.unlink()

    def _known(self, key: str, upload: str) -> dict[str, int]:
        try:
            known = json.loads((self._folder(upload) / "known").read_text(encoding="utf-8"))
        except FileNotFoundError as error:
            raise ObjectMissing(f"there is no upload of {key!r} by that id") from error
        if known["key"] != key:
            raise ObjectMissing(f"there is no upload of {key!r} by that id")
        return {name: known[name] for name in ("part_bytes", "head_bytes")}

    def _folder(self, upload: str) -> Path:
        if not upload.isalnum():
            raise ObjectMissing("there is no upload by that id")
        return self._root / upload
