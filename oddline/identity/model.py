"""Who calls: projects, API keys, people, and what each may do."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Final, Literal
from uuid import UUID


class Scope(StrEnum):
    """What a caller may do; `admin` includes the others."""

    INGEST = "ingest"
    READ = "read"
    WRITE = "write"
    ADMIN = "admin"


class Role(StrEnum):
    """What a person is in a project, the lowest first."""

    VIEWER = "viewer"
    MEMBER = "member"
    ADMIN = "admin"


SCOPES_OF: Final[Mapping[Role, frozenset[Scope]]] = {
    Role.VIEWER: frozenset({Scope.READ}),
    Role.MEMBER: frozenset({Scope.INGEST, Scope.READ, Scope.WRITE}),
    Role.ADMIN: frozenset(Scope),
}


def effective(scopes: Collection[str]) -> frozenset[Scope]:
    """The scopes with those that `admin` includes."""
    return frozenset(Scope) if Scope.ADMIN in scopes else frozenset(map(Scope, scopes))


def role_of(scopes: Collection[str]) -> Role | None:
    """The highest role that may do no more than these scopes; None where they are less than any."""
    return max(
        (role for role, needed in SCOPES_OF.items() if needed <= set(scopes)), key=list(Role).index, default=None
    )


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
    """A key as it is listed: never the key itself, of which only the hash is kept.

    `older_secret_until` is set while the signing secret is being changed: until then the one before is valid, too.
    """

    id: UUID
    project: str
    name: str
    prefix: str
    scopes: tuple[str, ...]
    signed: bool
    older_secret_until: datetime | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None
    last_used_at: datetime | None

    def state(self, now: datetime) -> Literal["in force", "revoked", "expired"]:
        """Whether it is taken."""
        if self.revoked_at is not None:
            return "revoked"
        return "expired" if self.expires_at is not None and self.expires_at <= now else "in force"


@dataclass(frozen=True, slots=True)
class NewKey:
    """A key at the only moment at which it can be shown."""

    id: UUID
    key: str
    signing_secret: str | None


@dataclass(frozen=True, slots=True)
class Member:
    """A person in a project. Who was invited by e-mail has no subject until the first sign-in."""

    id: UUID
    issuer: str
    subject: str | None
    email: str | None
    role: Role
    created_at: datetime
    last_seen_at: datetime | None


@dataclass(frozen=True, slots=True)
class Membership:
    """A project that a person belongs to."""

    project: UUID
    name: str
    role: Role


@dataclass(frozen=True, slots=True)
class Caller:
    """Who sent a request, and what they may do.

    Args:
        id: of the key, or of the person: the same in each of their projects.
        scopes: all that they may do, those included that `admin` includes.
        memberships: the projects that a person may choose among; empty for a key, which belongs to one.
    """

    project: UUID
    kind: Literal["key", "person"]
    id: UUID
    scopes: frozenset[Scope]
    role: Role | None
    signing_secrets: tuple[str, ...] = ()
    memberships: tuple[Membership, ...] = ()

    @property
    def actor(self) -> str:
        """The caller's name in records: `key:<id>` or `person:<id>`."""
        return f"{self.kind}:{self.id}"
