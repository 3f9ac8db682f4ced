"""How far an erasure reaches, who works on it, and where it is among objects: see 0014_erasure_bounds.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Add what keeps erasures apart, from tenants that are not theirs and from each other."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
