"""What is about people is encrypted, and operators steer workers: see 0008_workers.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add the encrypted part of deliveries, held queues, restarts, rate limits, and what workers tell of themselves."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
