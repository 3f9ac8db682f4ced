"""Search: filters of words that are read in pieces, searches that a worker does: see 0019_search.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Let filters be read in pieces, and searches be started."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
