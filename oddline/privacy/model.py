"""What an erasure is: whose wish it was, how far it is, and what proves it."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal
from uuid import UUID

State = Literal["listed", "erasing", "failed", "erased"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Erasure:
    """The erasure of some values; `secret` holds them, encrypted.

    `found` counts by place what held a value. A pass goes over all places; `place` and `after` are where the one that
    is under way has got to, `looked` how much it has looked at. `run` counts who has worked on it: what an earlier one
    notes counts no more.

    Attributes:
        whole_installation: an operator asked for it, so it reaches what belongs to no project, too.
    """

    project: UUID
    id: UUID
    secret: bytes = field(repr=False)
    ignore_case: bool
    reason: str
    requested_by: str
    requested_at: datetime
    task: UUID
    whole_installation: bool = False
    state: State = "listed"
    run: int = 0
    passes: int = 0
    pass_began_at: datetime | None = None
    place: int = 0
    after: str | None = None
    in_step: bool = False
    looked: dict[str, int] = field(default_factory=dict)
    found: dict[str, int] = field(default_factory=dict)
    found_in_pass: int = 0
    last_found_at: datetime | None = None
    proof: dict[str, Any] | None = None

    @property
    def reach(self) -> Literal["project", "installation"]:
        """Whose rows it changes and searches: the project's alone, or those of no project, too."""
        return "installation" if self.whole_installation else "project"

    def view(self) -> dict[str, Any]:
        """As clients get it: without the values."""
        return {
            "erasure_id": self.id,
            "task_id": self.task,
            "state": self.state,
            "reach": self.reach,
            "ignore_case": self.ignore_case,
            "reason": self.reason,
            "requested_by": self.requested_by,
            "requested_at": self.requested_at,
            "passes": self.passes,
            "found": self.found,
            "proof": self.proof,
        }
