"""Bring a database to the newest shape; the only module that connects as the owner."""

import logging
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine
from sqlalchemy.pool import NullPool

from oddline.database.partitions import create_partitions
from oddline.database.roles import provision_roles
from oddline.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

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
    """Run Alembic to its head, all that is missing in one transaction.

    A database that a newer version has migrated is left as it is: a version works on the shape of the next one, so
    that code can be rolled back.
    """
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    known = {revision.revision for revision in ScriptDirectory.from_config(config).walk_revisions()}
    with engine.connect() as connection:
        at = set(MigrationContext.configure(connection).get_current_heads())
        if not at <= known:
            log.warning("the database is newer than this version: it is at %s", ", ".join(sorted(at)))
            return
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
        connection.commit()
