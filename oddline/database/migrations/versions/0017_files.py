"""Log files and the parts that they became, and tasks that wait for others: see 0017_files.sql."""

from pathlib import Path
from typing import Any

from alembic import op

revision = "0017"
down_revision = "0015"


def upgrade() -> None:
    """Add log files, and let tasks wait for others."""
    connection: Any = op.get_bind().connection.driver_connection
    connection.execute(Path(__file__).with_suffix(".sql").read_text())
