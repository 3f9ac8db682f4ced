"""What a connection is: where it leads, how far it has got, and how it is doing."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any
from uuid import UUID

SHORTEST_INTERVAL_S = 30  # connections are looked at as often
LONGEST_INTERVAL_S = 86_400


class ConnectionState(StrEnum):
    """Whether it is polled: a failing one is tried rarely, a paused one not at all."""

    ON = "on"
    PAUSED = "paused"
    FAILING = "failing"


@dataclass(frozen=True, slots=True, kw_only=True)
class Wish:
    """What a user says of a connection.

    Args:
        type: one of `oddline.streams.types`; it says which configuration and credentials there are.
        source: of its entries.
        interval_s: seconds from one poll to the next, 30 at the least.
        since: what is older is not taken.
    """

    name: str
    type: str
    source: str
    configuration: Mapping[str, Any]
    interval_s: int = SHORTEST_INTERVAL_S
    since: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Connection(Wish):
    """A connection as it is kept, without its credentials.

    Args:
        cursor: how far it has got, in its type's own form; empty at the beginning.
        version: goes up with each page that is stored, and with each change.
        not_before: it is polled then at the soonest.
        failures: polls that failed since the last one that did not.
        entries: that it has brought so far.
        refused: entries that could not be taken, and were left out.
    """

    id: UUID
    project: UUID
    has_credentials: bool
    state: ConnectionState
    cursor: Mapping[str, Any]
    version: int
    not_before: datetime
    failures: int
    last_poll_at: datetime | None
    last_entry_at: datetime | None
    last_error: str | None
    polls: int
    entries: int
    refused: int = 0
    created_at: datetime
    changed_at: datetime

    def view(self) -> dict[str, Any]:
        """What callers get; `external_id` is what a role of AWS is to ask for."""
        return {
            "id": self.id,
            "name": self.name,
            "type": self.type,
            "source": self.source,
            "configuration": self.configuration,
            "has_credentials": self.has_credentials,
            "external_id": external_id(self.project),
            "interval_s": self.interval_s,
            "since": self.since,
            "state": str(self.state),
            "cursor": self.cursor,
            "next_poll_at": None if self.state is ConnectionState.PAUSED else self.not_before,
            "failures": self.failures,
            "last_poll_at": self.last_poll_at,
            "last_entry_at": self.last_entry_at,
            "last_error": self.last_error,
            "polls": self.polls,
            "entries": self.entries,
            "refused": self.refused,
            "created_at": self.created_at,
            "changed_at": self.changed_at,
        }


@dataclass(frozen=True, slots=True)
class FoundObject:
    """An object that a poll has found; `id` and what follows it once it is kept.

    Args:
        position: bytes of the unpacked stream that are stored as entries.
    """

    key: str
    etag: str
    size: int
    modified_at: datetime
    id: UUID | None = None
    position: int = 0
    version: int = 0
    failures: int = 0


@dataclass(frozen=True, slots=True)
class Page:
    """What was read at once, and the cursor behind it: both are stored in one transaction, or neither.

    Args:
        cursor: from which the next page is read.
        entries: 10,000 at most.
        objects: that are to be read by `process_live_logs`.
        hashes: of what is to be remembered as taken; see `Memory`.
        latest: the time of the last of those.
        forget_before: what was remembered of before this moment is not asked for again.
        more: whether there may be more at once.
    """

    cursor: Mapping[str, Any]
    entries: list[dict[str, Any]] = field(default_factory=list)
    objects: list[FoundObject] = field(default_factory=list)
    hashes: bytes = b""
    latest: datetime | None = None
    forget_before: datetime | None = None
    more: bool = False


def external_id(project: UUID) -> str:
    """What names the project to roles in its people's AWS accounts, so that no other project can use them."""
    return f"oddline-{project}"
