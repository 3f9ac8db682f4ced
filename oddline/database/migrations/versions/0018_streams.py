"""Live connections: see 0018_streams.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Add connections, what they remember and what they have found."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
