"""The files of an export: Parquet of plain types and bounded size, and a manifest that says what they hold."""

import hashlib
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime
from io import BytesIO
from pathlib import Path
from typing import Any, Final, Protocol
from uuid import UUID

import orjson
import polars as pl

from oddline.chunks import SCHEMA, decoded_bytes, rows_of_groups, slices
from oddline.entries.model import EntryQuery
from oddline.errors import Conflict, ObjectStoreUnavailable
from oddline.objects import ObjectStore

MANIFEST: Final = "manifest.json"
VERSION: Final = 1  # of the columns and of the manifest
MOST_FILE_BYTES: Final = 32 * 1024 * 1024  # of a file, unpacked: it is held in memory
MOST_GROUP_ROWS: Final = 100_000
LEVEL: Final = 3  # of zstd
MOST_HELD_FRAMES: Final = 64  # one takes 15 KB, however few rows it has
_HEX: Final = pl.Series([f"{number:04x}" for number in range(2**16)])

_RENAMED: Final = {
    "severity": "severity_part",
    "novelty": "novelty_part",
    "score": "anomaly_score",
    "nearest_pattern": "nearest_pattern_id",
}
_COLUMNS: Final = (
    *("id", "timestamp", "received_at", "severity_text", "severity_number", "source", "message", "attributes"),
    *("trace_id", "span_id", "session", "pattern_id", "anomaly_score", "is_anomaly", "threshold", "severity_part"),
    *("novelty_part", "nearest_pattern_id", "model_version", "analyzed_at", "processing_time"),
)
_MAY_LACK: Final = ("attributes", "trace_id", "span_id", "session")


class Target(Protocol):
    """Where an export goes: a place that holds nothing else."""

    def check_empty(self) -> None:
        """See that nothing is there.

        Raises:
            Conflict: something is.
        """

    def write(self, name: str, data: bytes) -> None:
        """Write a file: whole, or not at all."""

    def delete(self, name: str) -> None:
        """Take a file away again."""


@dataclass(frozen=True, slots=True)
class FolderTarget:
    """A folder of this machine."""

    folder: Path

    def check_empty(self) -> None:
        """See `Target.check_empty`; makes the folder."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            is_empty = not any(self.folder.iterdir())
        except OSError as error:
            raise ObjectStoreUnavailable(f"{self.folder} cannot be written: {error}") from error
        if not is_empty:
            raise Conflict(f"{self.folder} is not empty")

    def write(self, name: str, data: bytes) -> None:
        """See `Target.write`."""
        unfinished = self.folder / f"{name}.partial"
        try:
            with unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            unfinished.replace(self.folder / name)
        except OSError as error:
            raise ObjectStoreUnavailable(f"{self.folder} cannot be written: {error}") from error

    def delete(self, name: str) -> None:
        """See `Target.delete`."""
        (self.folder / name).unlink(missing_ok=True)


@dataclass(frozen=True, slots=True)
class ObjectTarget:
    """An object store of its own, such as a prefix of a bucket."""

    objects: ObjectStore

    def check_empty(self) -> None:
        """See `Target.check_empty`."""
        if (found := next(iter(self.objects.list("")), None)) is not None:
            raise Conflict(f"the target is not empty: it holds {found.key}")

    def write(self, name: str, data: bytes) -> None:
        """See `Target.write`."""
        self.objects.put(name, data)

    def delete(self, name: str) -> None:
        """See `Target.delete`."""
        self.objects.delete(name)


@dataclass(frozen=True, slots=True)
class ExportedFile:
    """One file of an export."""

    name: str
    entries: int
    bytes: int
    sha256: str
    lowest_time: datetime
    highest_time: datetime


@dataclass(frozen=True, slots=True)
class Exported:
    """What an export came to; no entries, no files and no manifest."""

    entries: int
    files: tuple[ExportedFile, ...]


@dataclass(frozen=True, slots=True)
class Mark:
    """How far the files had got at a moment."""

    files: int
    held: tuple[pl.DataFrame, ...]
    held_bytes: int


@dataclass(slots=True)
class ExportFiles:
    """Collects entries (columns of SCHEMA) and writes them file by file."""

    target: Target
    _files: list[ExportedFile] = field(default_factory=list)
    _held: list[pl.DataFrame] = field(default_factory=list)
    _held_bytes: int = 0

    @property
    def entries(self) -> int:
        """Written and collected so far."""
        return sum(one.entries for one in self._files) + sum(frame.height for frame in self._held)

    def add(self, entries: pl.DataFrame) -> None:
        """Take some more."""
        if entries.is_empty():
            return
        for piece in slices(entries, most=MOST_FILE_BYTES):
            size = decoded_bytes(piece)
            if self._held_bytes + size > MOST_FILE_BYTES:
                self._write()
            self._held.append(piece)
            self._held_bytes += size
        if len(self._held) >= MOST_HELD_FRAMES:
            self._held[:] = [pl.concat(self._held, rechunk=True)]

    def mark(self) -> Mark:
        """Where `go_back` may go back to."""
        return Mark(len(self._files), tuple(self._held), self._held_bytes)

    def go_back(self, mark: Mark) -> None:
        """Forget all that was added since."""
        for one in self._files[mark.files :]:
            self.target.delete(one.name)
        del self._files[mark.files :]
        self._held[:] = mark.held
        self._held_bytes = mark.held_bytes

    def finish(self, query: EntryQuery, *, project: UUID, now: datetime) -> Exported:
        """Write what is left and, last of all, the manifest: where it stands, the export is whole."""
        self._write()
        exported = Exported(self.entries, tuple(self._files))
        if exported.files:
            self.target.write(
                MANIFEST, orjson.dumps(_manifest(exported, query, project=project, now=now), option=orjson.OPT_INDENT_2)
            )
        return exported

    def _write(self) -> None:
        if not self._held:
            return
        entries = pl.concat(self._held).sort("timestamp", "submission", "index")
        data = to_plain_parquet(entries)
        file = ExportedFile(
            name=f"entries-{len(self._files):06}.parquet",
            entries=entries.height,
            bytes=len(data),
            sha256=hashlib.sha256(data).hexdigest(),
            lowest_time=entries["timestamp"][0],
            highest_time=entries["timestamp"][-1],
        )
        self.target.write(file.name, data)
        self._files.append(file)
        self._held.clear()
        self._held_bytes = 0


def to_plain_parquet(entries: pl.DataFrame) -> bytes:
    """Entries as Parquet whose columns have the names of the API and types that every reader knows."""
    sink = BytesIO()
    _plain(entries).write_parquet(
        sink,
        compression="zstd",
        compression_level=LEVEL,
        statistics=True,
        row_group_size=rows_of_groups(entries, most=MOST_GROUP_ROWS),
    )
    return sink.getvalue()


def _plain(entries: pl.DataFrame) -> pl.DataFrame:
    low = pl.col("submission").bin.slice(14, 2).bin.reinterpret(dtype=pl.UInt16, endianness="big") | pl.col("index")
    digits = pl.col("submission").bin.encode("hex")
    last = pl.lit(_HEX, allow_object=False).gather(low.cast(pl.UInt32))
    parts = [digits.str.slice(start, length) for start, length in ((0, 8), (8, 4), (12, 4), (16, 4), (20, 8))]
    identifier = pl.concat_str([*(part + "-" for part in parts[:4]), parts[4], last]).alias("id")
    integers = [name for name, kind in SCHEMA.items() if kind.is_integer()]
    shaped = entries.with_columns(identifier).with_columns(
        *(pl.col(name).cast(pl.Int32) for name in integers),
        *(pl.when(pl.col(name) != "").then(pl.col(name)).alias(name) for name in _MAY_LACK),
    )
    return shaped.rename(_RENAMED).select(_COLUMNS).rename({"severity_text": "severity"})


def _manifest(exported: Exported, query: EntryQuery, *, project: UUID, now: datetime) -> Mapping[str, Any]:
    asked = {name: value for name, value in asdict(query).items() if value not in {None, ()}}
    return {
        "format": "oddline-entries",
        "version": VERSION,
        "project": str(project),
        "exported_at": now,
        "query": asked,
        "entries": exported.entries,
        "lowest_time": min(one.lowest_time for one in exported.files),
        "highest_time": max(one.highest_time for one in exported.files),
        "files": [asdict(one) for one in exported.files],
    }
