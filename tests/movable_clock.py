"""A clock that tests move."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """Stands still unless it is moved."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def move(self, by: timedelta) -> None:
        """Let time go by."""
        self.now += by
