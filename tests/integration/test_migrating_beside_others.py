"""Migrations of a database that is in use: they give way to whoever holds a lock, and nobody waits behind them."""

import secrets
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from time import monotonic
from typing import Any

import psycopg
import pytest
from alembic.script import ScriptDirectory
from scored_frames import scored_frame
from stored_entries import Archive

from oddline.database import Database, create_partitions, partitions
from oddline.database import migrate as migrating
from oddline.database.migrate import migrate, upgrade
from oddline.entries import EntryQuery
from oddline.errors import DatabaseUnavailable
from oddline.ids import new_id

HEAD = ScriptDirectory(str(Path(migrating.__file__).parent / "migrations")).get_current_head()
BEFORE_OPERATIONS = "0005"
BEFORE_SEARCH = "0018"
LONGEST_S = 60.0


@pytest.fixture
def cluster(clusters: Callable[[int], Any]) -> Any:
    return clusters(18)


@pytest.fixture
def empty(cluster: Any) -> Iterator[str]:
    """The owner's URL of a database in which nothing is."""
    name = f"empty_{secrets.token_hex(6)}"
    with psycopg.connect(cluster.server.owner_url, autocommit=True) as connection:
        connection.execute(f"CREATE DATABASE {name}")
    urls = {"owner": f"{cluster.server.owner_url.rpartition('/')[0]}/{name}"}
    # As the server's own set-up does for the database that it makes.
    superuser = f"{cluster.server.superuser_url.rpartition('/')[0]}/{name}"
    with psycopg.connect(superuser, autocommit=True) as connection:
        connection.execute("CREATE EXTENSION IF NOT EXISTS vector")
    yield urls["owner"]
    cluster.drop(urls)


def version_of(url: str) -> str | None:
    with psycopg.connect(url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
    return row[0] if row else None


@contextmanager
def opened(owner_url: str, cluster: Any, side: str) -> Iterator[Database]:
    """A `Database` as that side sees it."""
    role = f"oddline_{side}"
    database = Database(f"postgresql://{role}:{cluster.passwords[role]}@{owner_url.rpartition('@')[2]}", size=2)
    yield database
    database.close()


def wait_until(what: Callable[[], bool]) -> None:
    deadline = monotonic() + LONGEST_S
    while not what():
        assert monotonic() < deadline, "it never comes to that"


def test_a_migration_that_does_not_get_its_lock_gives_way_and_keeps_what_was_done_before_it(
    empty: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "300ms")
    upgrade(empty, to=BEFORE_OPERATIONS)
    with psycopg.connect(empty) as blocking, ThreadPoolExecutor(1) as pool:
        blocking.execute("SELECT count(*) FROM tasks")  # an open transaction: what changes the table waits for it

        done = pool.submit(upgrade, empty)
        wait_until(lambda: version_of(empty) == "0006")
        with psycopg.connect(empty, autocommit=True) as other:
            other.execute("SET statement_timeout = '20s'")
            read = [other.execute("SELECT count(*) FROM tasks").fetchone() for _ in range(50)]
        still_runs, reached = not done.done(), version_of(empty)
        blocking.rollback()
        done.result(timeout=LONGEST_S)

    assert (still_runs, reached, set(read)) == (True, "0006", {(0,)})
    assert version_of(empty) == HEAD


def test_a_migration_that_never_gets_its_lock_ends_with_an_error_and_the_next_start_goes_on(
    empty: str, cluster: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(migrating, "LOCK_TIMEOUT", "50ms")
    monkeypatch.setattr(migrating, "PATIENCE_S", 0.0)
    upgrade(empty, to=BEFORE_OPERATIONS)
    with psycopg.connect(empty) as blocking:
        blocking.execute("SELECT count(*) FROM tasks")
        with pytest.raises(DatabaseUnavailable, match="cannot migrate"):
            migrate(empty, passwords=cluster.passwords)

    migrate(empty, passwords=cluster.passwords)

    assert version_of(empty) == HEAD


def test_two_who_migrate_at_once_do_each_migration_once(empty: str, cluster: Any) -> None:
    with ThreadPoolExecutor(2) as pool:
        done = [pool.submit(migrate, empty, passwords=cluster.passwords) for _ in range(2)]

    assert [one.exception() for one in done] == [None, None]
    assert version_of(empty) == HEAD


def test_what_workers_of_the_version_before_merge_after_the_migration_is_found_by_its_pattern(
    empty: str, cluster: Any, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    upgrade(empty, to=BEFORE_SEARCH)
    project = new_id()
    with psycopg.connect(empty, autocommit=True) as connection, monkeypatch.context() as before:
        before.setattr(partitions, "PARTITIONED", ("submissions", "hot_chunks"))
        create_partitions(connection)
        connection.execute("INSERT INTO projects (id, name, created_at) VALUES (%s, 'old', now())", [project])

    migrate(empty, passwords=cluster.passwords)
    with opened(empty, cluster, "worker") as worker, opened(empty, cluster, "search") as search:
        archive = Archive.make(worker=worker, search=search, project=project, folder=tmp_path)
        monkeypatch.setattr("oddline.chunks.pattern_store.insert_patterns", lambda *_, **__: None)  # as they do
        for pattern in (1, 1, 2):
            archive.store(scored_frame(3, pattern_id=pattern))
        merged = archive.compact()
        found = archive.read(EntryQuery(pattern_id=1))

    assert merged.chunks_replaced >= 3
    assert found == archive.expected(EntryQuery(pattern_id=1))
