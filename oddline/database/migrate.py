"""Bring a database to the newest shape; the only module that connects as the owner."""

import logging
import random
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path

import psycopg
from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, text
from sqlalchemy.pool import NullPool

from oddline.database.partitions import create_partitions
from oddline.database.roles import provision_roles
from oddline.errors import DatabaseUnavailable

log = logging.getLogger(__name__)

MIGRATION_LOCK = 0x0DD1  # one number for all who migrate, so that two at once wait for each other
LOCK_TIMEOUT = "2s"  # so long everybody else may wait behind a migration that waits for a lock
PAUSE_S = (0.5, 2.0)  # between two tries, in which they get on
PATIENCE_S = 120.0  # ECS waits for three minutes


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


def upgrade(owner_url: str, *, to: str = "head") -> None:
    """Run the migrations that are missing up to a revision, each in a transaction of its own.

    None waits long for a lock, since whoever comes after it waits behind it: it gives way and is tried again. What was
    done before one that fails stays done, and the next start goes on from there.

    A database that a newer version has migrated is left as it is: a version works on the shape of the next one, so
    that code can be rolled back.

    Raises:
        psycopg.OperationalError: somebody holds what a migration needs for longer than `PATIENCE_S`.
    """
    engine = create_engine(owner_url.replace("postgresql://", "postgresql+psycopg://", 1), poolclass=NullPool)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    scripts = ScriptDirectory.from_config(config)
    known = {revision.revision for revision in scripts.walk_revisions()}
    wanted = [revision.revision for revision in scripts.iterate_revisions(to, "base")][::-1]
    with engine.connect() as connection:
        at = set(MigrationContext.configure(connection).get_current_heads())
    if not at <= known:
        log.warning("the database is newer than this version: it is at %s", ", ".join(sorted(at)))
        return
    done = {one.revision for head in at for one in scripts.iterate_revisions(head, "base")}
    for revision in wanted:
        if revision not in done:
            _patiently(partial(_run_one, engine, config, revision), name=revision)


def _run_one(engine: Engine, config: Config, revision: str) -> None:
    with engine.begin() as connection:
        # Here, too: the connection that holds the other lock may be lost meanwhile, and the lock with it.
        connection.execute(text(f"SELECT pg_advisory_xact_lock({MIGRATION_LOCK + 1})"))
        connection.execute(text(f"SET LOCAL lock_timeout = '{LOCK_TIMEOUT}'"))
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


def _patiently(migration: Callable[[], None], *, name: str) -> None:
    """Try a migration until it gets its locks."""
    until = time.monotonic() + PATIENCE_S
    while True:
        try:
            migration()
        except (psycopg.errors.LockNotAvailable, psycopg.errors.DeadlockDetected) as error:
            if time.monotonic() > until:
                raise
            log.warning("the migration %s gives way, and is tried again: %s", name, type(error).__name__)
            time.sleep(random.uniform(*PAUSE_S))
        else:
            return
