"""What promises need that a review found broken: see 0015_promises.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Add what schedules trust, what answers are repeated, and what the audit trail must look like."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
