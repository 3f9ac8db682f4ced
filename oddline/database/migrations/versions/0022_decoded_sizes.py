"""Decoded sizes: how much room the entries of a chunk take once they are unpacked: see 0022_decoded_sizes.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Let newborn chunks tell how much they come to unpacked."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
