"""Days come and go as partitions, and nobody who reads or writes is stopped by it."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, date, datetime, timedelta

import psycopg
import pytest
from inbox import Databases

from oddline.database import drop_partition, partition_days
from oddline.database.partitions import partition_name

pytestmark = pytest.mark.both_postgres

YESTERDAY = datetime.now(UTC).date() - timedelta(days=1)


@pytest.fixture
def connection(database_urls: dict[str, str]) -> Iterator[psycopg.Connection]:
    with psycopg.connect(database_urls["worker"], autocommit=True) as connection:
        yield connection


@contextmanager
def reader(db: Databases) -> Iterator[None]:
    """Somebody who has read from the day and whose transaction is still open."""
    with db("worker").transaction() as tx:
        tx.execute("SELECT count(*) FROM hot_chunks WHERE arrival_day = %s", [YESTERDAY])
        yield


def exists(connection: psycopg.Connection, day: date) -> bool:
    row = connection.execute("SELECT to_regclass(%s)", [partition_name("hot_chunks", day)]).fetchone()
    return row is not None and row[0] is not None


def test_a_day_is_detached_and_dropped(connection: psycopg.Connection) -> None:
    drop_partition(connection, "hot_chunks", YESTERDAY)

    assert YESTERDAY not in partition_days(connection, "hot_chunks")
    assert not exists(connection, YESTERDAY)


def test_a_day_that_somebody_reads_stays_until_it_is_tried_again(connection: psycopg.Connection, db: Databases) -> None:
    with reader(db), pytest.raises(psycopg.errors.LockNotAvailable):
        drop_partition(connection, "hot_chunks", YESTERDAY)
    stayed = exists(connection, YESTERDAY)

    drop_partition(connection, "hot_chunks", YESTERDAY)

    assert (stayed, exists(connection, YESTERDAY)) == (True, False)


def test_while_a_day_waits_to_be_dropped_others_can_write(connection: psycopg.Connection, db: Databases) -> None:
    with reader(db):
        with pytest.raises(psycopg.errors.LockNotAvailable):
            drop_partition(connection, "hot_chunks", YESTERDAY)
        with db("worker").transaction() as tx:
            tx.execute("SELECT set_config('lock_timeout', '1s', true)")
            tx.execute("SELECT count(*) FROM hot_chunks")
            tx.execute("INSERT INTO submissions VALUES (gen_random_uuid(), current_date, gen_random_uuid(), 'x', NULL)")

    drop_partition(connection, "hot_chunks", YESTERDAY)


def test_a_detach_that_was_interrupted_is_finished(connection: psycopg.Connection, db: Databases) -> None:
    name = partition_name("hot_chunks", YESTERDAY)
    connection.execute("SET statement_timeout = '300ms'")
    with reader(db), pytest.raises(psycopg.errors.QueryCanceled):
        connection.execute(f"ALTER TABLE hot_chunks DETACH PARTITION {name} CONCURRENTLY")
    connection.execute("RESET statement_timeout")
    pending = connection.execute(
        "SELECT inhdetachpending FROM pg_inherits WHERE inhrelid = %s::regclass", [name]
    ).fetchone()

    drop_partition(connection, "hot_chunks", YESTERDAY)

    assert (pending, exists(connection, YESTERDAY)) == ((True,), False)


def test_a_day_that_was_detached_and_not_dropped_is_dropped(connection: psycopg.Connection) -> None:
    name = partition_name("hot_chunks", YESTERDAY)
    connection.execute(f"ALTER TABLE hot_chunks DETACH PARTITION {name} CONCURRENTLY")

    assert YESTERDAY in partition_days(connection, "hot_chunks")
    drop_partition(connection, "hot_chunks", YESTERDAY)

    assert not exists(connection, YESTERDAY)


def test_the_connection_is_left_as_it_was(connection: psycopg.Connection) -> None:
    before = connection.execute("SHOW lock_timeout").fetchone()

    drop_partition(connection, "hot_chunks", YESTERDAY)

    assert connection.execute("SHOW lock_timeout").fetchone() == before
