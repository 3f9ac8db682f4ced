"""`python -m worker_image.migrate`, as the tasks on ECS run it before their workers start."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from oddline.database import ROLES
from oddline.local.postgres import PostgresServer

SIDES = [role.removeprefix("oddline_") for role in ROLES]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresServer]:
    """A server of its own: here the roles, which all databases of a server share, get other passwords."""
    server = PostgresServer(tmp_path_factory.mktemp("migrated") / "postgres")
    server.start()
    yield server
    server.remove()


def url_of(server: PostgresServer, role: str, password: str) -> str:
    return f"postgresql://{role}:{password}@{server.owner_url.rpartition('@')[2]}"


def migrate(server: PostgresServer, folder: Path, **passwords: str) -> subprocess.CompletedProcess[str]:
    """Run it with the owner's password apart from the owner's URL, as on ECS."""
    owner, _, address = server.owner_url.rpartition("@")
    user, _, password = owner.removeprefix("postgresql://").partition(":")
    ours = {name: value for name, value in os.environ.items() if not name.startswith("ODDLINE_")}
    env = {
        "ODDLINE_DATABASE_URL": f"postgresql://{user}@{address}",
        "PGPASSWORD": password,
        **{
            f"ODDLINE_DATABASE_URL_{side.upper()}": url_of(server, f"oddline_{side}", password)
            for side, password in passwords.items()
        },
    }
    command = [sys.executable, "-m", "worker_image.migrate"]
    return subprocess.run(command, cwd=folder, env=ours | env, capture_output=True, text=True, check=False)


def test_each_role_gets_the_password_that_its_side_connects_with(server: PostgresServer, tmp_path: Path) -> None:
    done = migrate(server, tmp_path, **{side: f"first%2F{side}" for side in SIDES})

    assert done.returncode == 0, done.stderr
    for side in SIDES:
        with psycopg.connect(url_of(server, f"oddline_{side}", f"first%2F{side}")) as connection:
            assert connection.execute("SELECT current_user").fetchone() == (f"oddline_{side}",)


def test_another_run_changes_a_password_that_was_changed(server: PostgresServer, tmp_path: Path) -> None:
    before = dict.fromkeys(SIDES, "before")
    assert migrate(server, tmp_path, **before).returncode == 0

    done = migrate(server, tmp_path, **before | {"worker": "after"})

    assert done.returncode == 0, done.stderr
    with psycopg.connect(url_of(server, "oddline_worker", "after")) as connection:
        assert connection.execute("SELECT current_user").fetchone() == ("oddline_worker",)
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(url_of(server, "oddline_worker", "before"))


def test_a_database_that_a_newer_version_has_migrated_is_left_as_it_is(server: PostgresServer, tmp_path: Path) -> None:
    passwords = dict.fromkeys(SIDES, "same")
    assert migrate(server, tmp_path, **passwords).returncode == 0
    with psycopg.connect(server.owner_url) as connection:
        row = connection.execute("SELECT version_num FROM alembic_version").fetchone()
        assert row is not None
        connection.execute("UPDATE alembic_version SET version_num = 'newer'")

    done = migrate(server, tmp_path, **passwords)

    assert done.returncode == 0, done.stderr
    assert "the database is newer than this version: it is at newer" in done.stderr
    with psycopg.connect(server.owner_url) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("newer",)
        connection.execute(sql.SQL("UPDATE alembic_version SET version_num = {}").format(row[0]))


def test_without_a_password_for_each_role_nothing_is_done(server: PostgresServer, tmp_path: Path) -> None:
    done = migrate(server, tmp_path, ingest="a", console="b", search="c")

    assert done.returncode != 0
    assert "ODDLINE_DATABASE_URL_WORKER does not name oddline_worker and its password" in done.stderr
