"""What stands in the audit trail: the actions that there are, a row of each, and how rows are chained."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, Final, Self
from uuid import UUID, uuid5

INSTALLATION: Final = UUID(int=0)
"""Stands for the project where an action belongs to none: models are of the whole installation."""

FIRST_LINK: Final = bytes(32)
"""What the first row of a chain is linked to."""

SOURCE: Final = "source:"

_FORM = 1  # of the hashed bytes


class Action(StrEnum):
    """Every action that is recorded, with what it says of its subject."""

    sentence: str

    def __new__(cls, value: str, sentence: str) -> Self:
        """A member whose value is its name in the trail."""
        member = str.__new__(cls, value)
        member._value_ = value
        member.sentence = sentence
        return member

    PROJECT_MADE = "project.made", "made {subject}"
    PROJECT_CHANGED = "project.changed", "changed the settings of {subject}"
    PROJECT_LIMITED = "project.limited", "changed how much {subject} may send and ask"
    MASKING_CHANGED = "masking.changed", "changed what of entries of {subject} is masked"
    SOURCE_CHANGED = "source.changed", "changed how {subject} is judged"
    FEEDBACK_GIVEN = "feedback.given", "gave the verdict {subject} on an anomaly"
    FEEDBACK_UNDONE = "feedback.undone", "took back the verdict {subject}"
    TASK_STARTED = "task.started", "started the {subject}"
    TASK_CANCELLED = "task.cancelled", "cancelled the {subject}"
    TASK_OPENED = "task.opened", "read what is sealed of the {subject}"
    TASK_REPLAYED = "task.replayed", "put the dead {subject} back to its beginning"
    TASK_DROPPED = "task.dropped", "settled the dead {subject} for good"
    TASKS_REPLAYED = "tasks.replayed", "put dead {subject} back to their beginning"
    TASKS_DROPPED = "tasks.dropped", "settled dead {subject} for good"
    SCHEDULE_MADE = "schedule.made", "made the {subject}"
    SCHEDULE_CHANGED = "schedule.changed", "changed the {subject}"
    SCHEDULE_PAUSED = "schedule.paused", "paused the {subject}"
    SCHEDULE_RESUMED = "schedule.resumed", "resumed the {subject}"
    SCHEDULE_REMOVED = "schedule.removed", "removed the {subject}"
    SCHEDULE_RUN = "schedule.run", "started the task of the {subject} beside its times"
    SCHEDULE_OPENED = "schedule.opened", "read what is sealed of the {subject}"
    CONNECTION_MADE = "connection.made", "made the {subject}"
    CONNECTION_CHANGED = "connection.changed", "changed the {subject}"
    CONNECTION_PAUSED = "connection.paused", "paused the {subject}"
    CONNECTION_RESUMED = "connection.resumed", "resumed the {subject}"
    CONNECTION_REMOVED = "connection.removed", "removed the {subject}"
    CONNECTION_TRIED = "connection.tried", "had the {subject} tried"
    WORKERS_RESTARTED = "workers.restarted", "had {subject} replaced"
    QUEUE_HELD = "queue.held", "held the {subject}"
    QUEUE_PURGED = "queue.purged", "held the {subject} and deleted its messages"
    QUEUE_RELEASED = "queue.released", "released the {subject}"
    RATE_LIMITED = "rate.limited", "changed how often workers start the {subject}"
    RATE_FREED = "rate.freed", "let the catalogue's limit hold again for the {subject}"
    KEY_MADE = "key.made", "made the API {subject}"
    KEY_REVOKED = "key.revoked", "revoked the API {subject}"
    KEY_SECRET_CHANGED = "key.secret_changed", "changed the signing secret of the API {subject}"
    SESSION_BEGUN = "session.begun", "began or renewed a session of the API {subject}"
    MEMBER_ADDED = "member.added", "let the {subject} into the project"
    MEMBER_CHANGED = "member.changed", "gave the {subject} another role"
    MEMBER_REMOVED = "member.removed", "took the {subject} out of the project"
    MODEL_ADDED = "model.added", "added the {subject} to the registry"
    MODEL_PROMOTED = "model.promoted", "let the {subject} score"
    MODEL_ROLLED_BACK = "model.rolled_back", "let the {subject} score again, as before the last promotion"
    MODEL_TRIED = "model.tried", "changed which model is tried beside the live one: {subject}"
    FILE_ADDED = "file.added", "began to upload the {subject}"
    FILE_PROCESSED = "file.processed", "had the {subject} made into entries"
    FILES_PROCESSED = "files.processed", "had {subject} made into entries"
    FILE_DELETED = "file.deleted", "deleted the {subject}"
    REPLAY_STARTED = "replay.started", "had a past range scored again: {subject}"
    ENTRIES_EXPORTED = "entries.exported", "took entries out of the project: {subject}"
    ENTRIES_RESTORED = "entries.restored", "brought entries back from a backup: {subject}"
    ERASURE_ASKED = "erasure.asked", "had values of a person erased everywhere: {subject}"
    PERSON_FORGOTTEN = "person.forgotten", "destroyed the key of {subject}: who that was can be read no more"


@dataclass(frozen=True, slots=True, kw_only=True)
class Personal:
    """What of an action names or leads to a person; `named`, as JSON, is what people have named things."""

    name: str | None = None
    address: str | None = None
    user_agent: str | None = None
    note: str | None = None
    named: str | None = None

    def given(self) -> dict[str, str]:
        """What of it is known."""
        return {name: value for name in self.__slots__ if (value := getattr(self, name)) is not None}


SHOWN: Final = ("name", "address", "user_agent", "note")
"""What of `Personal` is shown by itself; `named` stands among the details."""


def named_in(personal: Mapping[str, str] | None) -> dict[str, Any]:
    """What people have named things that an action was about; nothing where the person was forgotten."""
    named: dict[str, Any] = json.loads((personal or {}).get("named", "{}"))
    return named


def source_subject(project: UUID, name: str) -> str:
    """A source as a subject: by a pseudonym, the same for the same name, since a name may be a person's."""
    return f"{SOURCE}{uuid5(project, name)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Row:
    """A row of the trail as it is stored: `details` is JSON, `personal` encrypted; unsealed, it has no number."""

    id: UUID
    project: UUID
    at: datetime
    actor: str
    action: str
    subject: str
    details: str
    person_key: UUID
    personal: bytes
    number: int | None = None
    hash: bytes | None = None

    def numbered(self, number: int) -> Self:
        """The same row at another place."""
        return replace(self, number=number)

    def link(self, before: bytes) -> bytes:
        """Its hash behind the row whose hash is `before`: SHA-256 over that and everything that the row says.

        What is encrypted is hashed as it is, so that a chain holds when a person's key is gone.
        """
        said = [
            _FORM,
            str(self.project),
            self.number,
            str(self.id),
            self.at.astimezone(UTC).isoformat(),
            self.actor,
            self.action,
            self.subject,
            self.details,
            str(self.person_key),
            self.personal.decode("ascii"),
        ]
        written = json.dumps(said, ensure_ascii=False, separators=(",", ":"))
        return hashlib.sha256(before + written.encode()).digest()


@dataclass(frozen=True, slots=True, kw_only=True)
class Chain:
    """Where a project's chain ends, up to where its head is kept, up to where rows were enriched and cut off."""

    project: UUID
    number: int = 0
    hash: bytes = FIRST_LINK
    head_number: int = 0
    enriched_number: int = 0
    cut_number: int = 0
    cut_hash: bytes = FIRST_LINK


@dataclass(frozen=True, slots=True, kw_only=True)
class Query:
    """Which rows are asked for; `after` is the id that the page before ended with, a source is asked for by name."""

    actor: str | None = None
    actions: tuple[str, ...] = ()
    subject: str | None = None
    time_from: datetime | None = None
    time_to: datetime | None = None
    after: UUID | None = None

    def subjects(self, project: UUID) -> list[str]:
        """The subject in each form in which it stands in the trail: older rows have names of sources in the clear."""
        if self.subject is None:
            return []
        is_source = self.subject.startswith(SOURCE)
        return [self.subject, *([source_subject(project, self.subject.removeprefix(SOURCE))] if is_source else [])]


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """A row as it is read; `personal` is None where its person was forgotten, `sentence` until it was enriched."""

    row: Row
    personal: Mapping[str, str] | None
    enriched: Mapping[str, str] = field(default_factory=dict)

    def view(self) -> dict[str, Any]:
        """What callers get."""
        erased = self.personal is None
        personal = dict.fromkeys(SHOWN, "erased") if self.personal is None else self.personal
        return {
            "id": str(self.row.id),
            "number": self.row.number,
            "at": self.row.at,
            "actor": self.row.actor,
            "action": self.row.action,
            "subject": self.row.subject,
            "details": json.loads(self.row.details) | named_in(self.personal),
            **{name: personal.get(name) for name in SHOWN},
            "network": "erased" if erased else self.enriched.get("network"),
            "sentence": "erased" if erased else self.enriched.get("sentence"),
            "erased": erased,
            "hash": None if self.row.hash is None else self.row.hash.hex(),
        }
