"""Make the day partitions ahead of time and let the old ones go, without stopping anybody who reads or writes."""

from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta

import psycopg
from psycopg import sql

PARTITIONED = ("submissions", "hot_chunks", "chunk_patterns")
DAYS_AHEAD = 14  # a fortnight of failed runs of create_partitions harms nobody
LOCK_TIMEOUT = "200ms"  # a partition can wait for its lock; those who queue up behind that wait cannot

DROP_TRIES = 20  # four seconds of waiting in all


def today() -> date:
    """The current UTC day."""
    return datetime.now(UTC).date()


def create_partitions(connection: psycopg.Connection, *, day: Callable[[], date] = today) -> list[str]:
    """Make what is missing from yesterday to `DAYS_AHEAD` days from now; names what it made.

    A partition is made aside and attached, which takes a lock that lets others read and write (PostgreSQL
    documentation, 5.12.2.2). `connection` must be in autocommit, its role a member of the tables' owner.
    """
    made = []
    for table in PARTITIONED:
        existing = set(partition_days(connection, table))
        for ahead in range(-1, DAYS_AHEAD + 1):
            wanted = day() + timedelta(days=ahead)
            if wanted not in existing:
                made.append(_create(connection, table, wanted))
    return made


def partition_days(connection: psycopg.Connection, table: str) -> list[date]:
    """The days that `table` has a partition for, oldest first; also one that was detached and not yet dropped."""
    rows = connection.execute(
        "SELECT relname FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace AND relname ~ %s",
        [rf"^{table}_\d{{8}}$"],
    ).fetchall()
    return sorted(date.fromisoformat(name.rpartition("_")[2]) for (name,) in rows)


def drop_partition(connection: psycopg.Connection, table: str, day: date, *, tries: int = DROP_TRIES) -> None:
    """Detach and drop one day; safe to call again after a run that was stopped on the way.

    Raises:
        psycopg.errors.LockNotAvailable: in every try somebody held it for longer than `LOCK_TIMEOUT`. (It leaves
            `Database.autocommit` as the passing error DatabaseUnavailable.)
    """
    name = partition_name(table, day)
    connection.execute("SELECT set_config('lock_timeout', %s, false)", [LOCK_TIMEOUT])
    try:
        for left in reversed(range(tries)):
            try:
                _detach(connection, table, name)
                connection.execute(sql.SQL("DROP TABLE {}").format(sql.Identifier(name)))
            except psycopg.errors.LockNotAvailable:
                if not left:
                    raise
            else:
                return
    finally:
        connection.execute("RESET lock_timeout")


def partition_name(table: str, day: date) -> str:
    """`submissions_20261122` and the like."""
    return f"{table}_{day:%Y%m%d}"


def _detach(connection: psycopg.Connection, table: str, name: str) -> None:
    pending = connection.execute(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = to_regclass(%s)", [name]
    ).fetchone()
    if pending is None:
        return  # an earlier run detached it and was stopped before the drop
    how = sql.SQL("FINALIZE") if pending[0] else sql.SQL("CONCURRENTLY")
    connection.execute(
        sql.SQL("ALTER TABLE {} DETACH PARTITION {} {}").format(sql.Identifier(table), sql.Identifier(name), how)
    )


def _create(connection: psycopg.Connection, table: str, day: date) -> str:
    name = partition_name(table, day)
    with connection.transaction():
        connection.execute("SET LOCAL ROLE oddline_worker")
        connection.execute(
            sql.SQL("CREATE TABLE {} (LIKE {} INCLUDING ALL)").format(sql.Identifier(name), sql.Identifier(table))
        )
        # Rows go with their partition, so there is nothing for autovacuum to win here.
        connection.execute(
            sql.SQL("ALTER TABLE {} SET (autovacuum_enabled = off, toast.autovacuum_enabled = off)").format(
                sql.Identifier(name)
            )
        )
        connection.execute(
            sql.SQL("ALTER TABLE {} ATTACH PARTITION {} FOR VALUES FROM ({}) TO ({})").format(
                sql.Identifier(table),
                sql.Identifier(name),
                sql.Literal(day),
                sql.Literal(day + timedelta(days=1)),
            )
        )
    return name
