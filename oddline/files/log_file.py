"""What an uploaded log file is: where it lies, how far it is read, and what it was found to hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

from oddline.files.model import Found


class FileState(StrEnum):
    """Where a file is on its way."""

    UPLOADING = "uploading"
    UPLOADED = "uploaded"
    PROCESSING = "processing"
    PROCESSED = "processed"
    DAMAGED = "damaged"  # processed up to where its packing is damaged or broken off
    FAILED = "failed"
    DELETED = "deleted"

    @property
    def is_read(self) -> bool:
        """Whether all that can be read of it became entries."""
        return self in {FileState.PROCESSED, FileState.DAMAGED}


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A file of a project.

    Attributes:
        format, zone: as its owner told; empty where that is to be found, or UTC.
        size: bytes as it came; None until it is known.
        stored_size, stored_compression: of the object that it is kept as, where that is not as it came.
        part_bytes, upload: of its upload; None where it was not uploaded in parts by us.
        position: bytes of the unpacked stream that are stored as entries.
        progress: 0 to 1.
        tries: attempts to read on since a part of it was stored the last time.
        metadata: as `Metadata.view` tells it.
        analytics: what its entries are like, once they are scored.
    """

    project: UUID
    id: UUID
    name: str
    source: str
    object_key: str
    created_at: datetime
    state: FileState = FileState.UPLOADING
    format: str = ""
    zone: str = ""
    size: int | None = None
    part_bytes: int | None = None
    upload: str | None = None
    object_version: str = ""
    request_key: str | None = None
    uploaded_at: datetime | None = None
    finished_at: datetime | None = None
    task: UUID | None = None
    found: Mapping[str, str] | None = None
    position: int = 0
    progress: float = 0.0
    tries: int = 0
    entries: int = 0
    refused: int = 0
    problems: Mapping[str, Any] = field(default_factory=dict)
    metadata: Mapping[str, Any] | None = None
    stored_size: int | None = None
    stored_compression: str | None = None
    analytics: Mapping[str, Any] | None = None
    error: str | None = None

    @property
    def known(self) -> Found | None:
        """What it was found to be as it came, if anybody has looked."""
        return Found(**self.found) if self.found else None

    @property
    def kept(self) -> Found | None:
        """What the object is that it is kept as."""
        known = self.known
        return replace(known, compression=self.stored_compression) if known and self.stored_compression else known

    @property
    def kept_size(self) -> int | None:
        """Bytes of the object that it is kept as."""
        return self.size if self.stored_size is None else self.stored_size

    @property
    def warning(self) -> str | None:
        """What whoever uploaded it must hear though it became entries."""
        if self.state is not FileState.DAMAGED:
            return None
        lines = (self.metadata or {}).get("lines", 0)
        return f"{self.problems.get('damaged', '')}: {lines:,} lines before that are kept, and what follows is lost"

    @property
    def put_at(self) -> datetime:
        """When it was whole: what its entries' ids and guessed times are derived from."""
        return self.uploaded_at or self.created_at

    def upload_view(self) -> dict[str, Any]:
        """What whoever uploads it gets, who may not be one who may read."""
        return {
            "file_id": str(self.id),
            "name": self.name,
            "state": str(self.state),
            "size": self.size,
            "task_id": str(self.task) if self.task else None,
        }

    def view(self) -> dict[str, Any]:
        """What those get who may read."""
        return {
            **self.upload_view(),
            "warning": self.warning,
            "source": self.source,
            "format": self.format or None,
            "zone": self.zone or None,
            "created_at": self.created_at,
            "uploaded_at": self.uploaded_at,
            "finished_at": self.finished_at,
            "progress": round(100 * self.progress, 1),
            "entries": self.entries,
            "refused": self.refused,
            "found": self.found,
            "problems": self.problems,
            "metadata": self.metadata,
            "stored": {"bytes": self.kept_size, "compression": self.kept.compression} if self.kept else None,
            "analytics": self.analytics,
            "error": self.error,
        }
