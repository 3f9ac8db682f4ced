"""Patterns in a time, by the time of their entries: see 0024_seen_within.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Let a question with a time find patterns by the hours that their entries are counted in."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
