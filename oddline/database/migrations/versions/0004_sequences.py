"""Sequences by window and by attribute, and what people say of them: see 0004_sequences.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add what sequences without a session, and verdicts on sequences, need."""
    # psycopg itself: SQLAlchemy would read the percent signs of format() as placeholders.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
