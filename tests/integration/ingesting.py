"""What the tests of the function that takes logs share."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from oddline.submissions import Columns

HMAC_SECRET = "the older secret"


class MovableClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        """Let time go by."""
        self.now += by


@dataclass(frozen=True, slots=True)
class Stored:
    """A submission as the worker finds it."""

    id: UUID
    project: UUID
    columns: Columns
