"""Bring a database to the newest shape; the only module that connects as the owner."""

from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from oddline.database.partitions import create_partitions
from oddline.database.roles import provision_roles
from oddline.errors import DatabaseUnavailable

MIGRATION_LOCK = 0x0DD1  # one number for all who migrate, so that two at once wait for each other


def migrate(owner_url: str, *, passwords: dict[str, str]) -> None:
    """Create the roles, run the migrations that are missing, make the partitions ahead. Safe to run at any start.

    Args:
        owner_url: a role that owns the database and may create roles.
        passwords: one for each of `ROLES`.

    Raises:
        DatabaseUnavailable: nothing answers at `owner_url`.
    """
    try:
        with psycopg.connect(owner_url, autocommit=True) as connection:
            connection.execute("SELECT pg_advisory_lock(%s)", [MIGRATION_LOCK])
            provision_roles(connection, passwords=passwords)
            upgrade(owner_url)
            create_partitions(connection)
    except psycopg.OperationalError as error:
        raise DatabaseUnavailable(f"cannot migrate: {error}") from error


def upgrade(owner_url: str) -> None:
    """Run Alembic to its head, in one transaction a migration."""
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    with engine.connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
