"""What is masked before it is stored, and what was erased: see 0013_privacy.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Add masking rules and erasures."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
