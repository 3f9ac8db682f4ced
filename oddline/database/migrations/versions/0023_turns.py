"""Turns of projects at tasks that take long: see 0023_turns.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0023"
down_revision = "0022"


def upgrade() -> None:
    """Add who had a turn when, and an index by which the next is found."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
