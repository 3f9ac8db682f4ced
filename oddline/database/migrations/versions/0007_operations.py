"""What operators do with tasks, and what they are told: see 0007_operations.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add cancels, the history of failures, replays that are counted, and system alerts."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
