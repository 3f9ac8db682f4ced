"""Rates: see 0003_rates.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add what the rates of patterns need."""
    # psycopg itself: SQLAlchemy would read the percent signs of format() as placeholders.
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
