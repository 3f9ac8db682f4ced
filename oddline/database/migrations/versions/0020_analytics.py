"""Rollups of what came: see 0020_analytics.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Add rollups of entries and of patterns."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
