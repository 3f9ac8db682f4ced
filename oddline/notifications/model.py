"""What is sent, what came of it, and an odd line as a mail tells it: plain data that every channel takes."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from uuid import UUID

from pydantic import BaseModel, ConfigDict


@dataclass(frozen=True, slots=True)
class Message:
    """One message to some people.

    Args:
        message_id: the same at each attempt, so that the receiver recognises a double.
        html: the same as `text` for those who see HTML; a channel without HTML leaves it.
    """

    message_id: str
    recipients: tuple[str, ...]
    subject: str
    text: str
    html: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What a channel made of a message: who has it, and for each of the others the reason.

    Args:
        accepted: they have it, as far as this side can know.
        deferred: another try may help.
        refused: none will.
    """

    accepted: tuple[str, ...]
    deferred: Mapping[str, str] = field(default_factory=dict)
    refused: Mapping[str, str] = field(default_factory=dict)


class AnomalyLine(BaseModel):
    """One odd line of a submission.

    Args:
        message: as it came, or its beginning.
        tokens: the message cut into pieces, each with its share of the severity's logit (may be negative); or none.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    entry_id: UUID
    timestamp: datetime
    severity: str
    source: str
    message: str
    score: float
    threshold: float
    tokens: tuple[tuple[str, float], ...] = ()
    pattern: str = ""
