"""The audit trail: see 0012_audit.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Add the trail, its chains, the keys of the persons in it, and the functions that alone change it."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
