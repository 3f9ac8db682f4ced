"""The spine: see 0001_spine.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Create everything from nothing."""
    # psycopg itself: SQLAlchemy would read the percent signs of format() as placeholders.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
