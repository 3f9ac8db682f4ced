"""Who calls: projects, API keys and what a key may do."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID


class Scope(StrEnum):
    """What a key may do."""

    INGEST = "ingest"
    READ = "read"
    ADMIN = "admin"


@dataclass(frozen=True, slots=True)
class Project:
    """The tenant."""

    id: UUID
    name: str
    created_at: datetime
    retention_days: int
    mail_recipients: tuple[str, ...]
    mail_minimum_score: float
    alarms_per_day: float | None


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is listed: never the key itself, of which only the hash is kept."""

    id: UUID
    project: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    signed: bool
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment at which it can be shown."""

    id: UUID
    key: str
    signing_secret: str | None


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request."""

    project: UUID
    key_id: UUID
    scopes: frozenset[str]
    signing_secrets: tuple[str, ...]

    @property
    def actor(self) -> str:
        """Its name in records of what it did."""
        return f"key:{self.key_id}"
