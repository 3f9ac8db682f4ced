"""Patterns by what they mean: see 0021_vectors.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Add vectors and words of patterns, and what finds patterns by them."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
