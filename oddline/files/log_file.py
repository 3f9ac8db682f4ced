"""What an uploaded log file is: where it lies, how far it is read, and what it was found to hold."""

from collections.abc import Mapping
from dataclasses import dataclass, field
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
    FAILED = "failed"
    DELETED = "deleted"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A file of a project.

    Attributes:
        format, zone: as its owner told; empty where that is to be found, or UTC.
        size: bytes; None until it is known.
        part_bytes, upload: of its upload; None where it was not uploaded in parts by us.
        position: bytes of the unpacked stream that are stored as entries.
        progress: 0 to 1.
        tries: attempts to read on since a part of it was stored the last time.
        metadata: as `Metadata.view` tells it.
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
    error: str | None = None

    @property
    def known(self) -> Found | None:
        """What it was found to be, if anybody has looked."""
        return Found(**self.found) if self.found else None

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
            "error": self.error,
        }
