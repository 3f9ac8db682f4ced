"""The detector: see 0002_detector.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add what thresholds, verdicts, sequences and models need."""
    # psycopg itself: SQLAlchemy would read the percent signs of format() as placeholders.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
