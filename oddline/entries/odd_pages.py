"""Pages of odd entries, the newest or the oddest first."""

from datetime import datetime
from typing import Any
from uuid import UUID

from oddline.database import Transaction
from oddline.entries import store
from oddline.entries.model import OddQuery, Page, Position, Rank
from oddline.entries.view import odd_view


def list_odd_entries(
    tx: Transaction, query: OddQuery, *, project: UUID, now: datetime, after: str | None = None, limit: int = 100
) -> Page:
    """Odd entries of a project, from behind the cursor `after`.

    Raises:
        InvalidParameter: `after` is no cursor.
    """
    rows = store.list_odd(tx, query, project=project, after=after, limit=limit + 1, today=now.date())
    shown = rows[:limit]
    return Page(
        entries=[odd_view(row) for row in shown],
        next=odd_cursor_behind(shown[-1], query) if len(rows) > limit else None,
    )


def odd_cursor_behind(row: dict[str, Any], query: OddQuery) -> str:
    """The cursor of the page that begins behind a row."""
    if query.order == "newest":
        return Position(row["timestamp"], row["id"]).encode()
    return Rank(row["score"], row["id"]).encode()
