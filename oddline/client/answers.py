"""What the API's answers become: small things with names, each with all that the API told beside it."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Receipt:
    """An entry that was taken. `task_id`: of its scoring, whose result holds the score."""

    id: str
    task_id: str
    timestamp: str


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why an entry was not taken. `index`: its place, from 0 on, in all that the caller gave to send."""

    index: int
    field: str
    code: str
    detail: str


@dataclass(frozen=True, slots=True)
class Sent:
    """What became of entries that were sent, of one batch or of many. `task_ids`: of their scorings, one a batch."""

    task_ids: tuple[str, ...] = ()
    accepted: int = 0
    refused: tuple[Refusal, ...] = ()

    def __add__(self, other: "Sent") -> "Sent":
        return Sent(self.task_ids + other.task_ids, self.accepted + other.accepted, self.refused + other.refused)


@dataclass(frozen=True, slots=True)
class Task:
    """A task as it stood when it was asked for; `view` is the whole of what the API told.

    Args:
        status: PENDING, STARTED, PROGRESS, RETRY, SUCCESS, FAILURE or REVOKED.
        ready: it is over.
        progress: 0 to 1; None where it tells none.
        error: why it failed, as the API tells it.
    """

    id: str
    name: str
    status: str
    ready: bool
    successful: bool
    progress: float | None
    result: Any
    error: Any
    view: Mapping[str, Any] = field(repr=False)

    @classmethod
    def of(cls, view: Mapping[str, Any]) -> "Task":
        """From the API's answer."""
        return cls(
            id=view["task_id"],
            name=view.get("name", ""),
            status=view["status"],
            ready=view["ready"],
            successful=view["successful"],
            progress=view.get("progress"),
            result=view.get("result"),
            error=view.get("error"),
            view=view,
        )


@dataclass(frozen=True, slots=True)
class Page:
    """Some of a list. `next`: where it goes on; None at its end."""

    items: tuple[dict[str, Any], ...]
    next: str | None
