"""What each database role may do, and that no role sees another project's rows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest

from oddline.database import Database
from oddline.settings import Side
from oddline.submissions import new_submission_id
from oddline.submissions.store import insert

pytestmark = pytest.mark.both_postgres

Databases = Callable[[Side], Database]


def submit(db: Databases, project: UUID) -> UUID:
    submission = new_submission_id()
    with db("ingest").transaction(project=project) as tx:
        insert(
            tx, submission, project=project, body=b"x", body_object=None, entries=1, utf8_bytes=1, now=datetime.now(UTC)
        )
    return submission


def test_ingest_writes_a_submission_and_cannot_read_its_body(db: Databases, project: UUID) -> None:
    submission = submit(db, project)

    with db("ingest").transaction(project=project) as tx:
        state = tx.execute("SELECT state FROM submission_state WHERE id = %s", [submission]).fetchone()
    assert state == ("accepted",)
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db("ingest").transaction(project=project) as tx:
        tx.execute("SELECT body FROM submissions")


def test_ingest_cannot_write_into_another_project(db: Databases, project: UUID, other_project: UUID) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        db("ingest").transaction(project=project) as tx,
    ):
        insert(
            tx,
            new_submission_id(),
            project=other_project,
            body=b"",
            body_object=None,
            entries=1,
            utf8_bytes=1,
            now=datetime.now(UTC),
        )


@pytest.mark.parametrize("side", ["console", "search"])
def test_a_role_sees_only_the_project_of_its_transaction(
    db: Databases, project: UUID, other_project: UUID, side: Side
) -> None:
    submission = submit(db, project)

    with db(side).transaction(project=project) as tx:
        own = tx.execute("SELECT id FROM submission_state").fetchall()
    with db(side).transaction(project=other_project) as tx:
        foreign = tx.execute("SELECT id FROM submission_state").fetchall()
    with db(side).transaction() as tx:
        nobodys = tx.execute("SELECT id FROM submission_state").fetchall()

    assert (own, foreign, nobodys) == ([(submission,)], [], [])


def test_the_project_of_a_transaction_does_not_outlive_it(db: Databases, project: UUID) -> None:
    submit(db, project)

    with db("console").transaction(project=project) as tx:
        assert tx.execute("SELECT count(*) FROM ledger").fetchone() == (1,)

    with db("console").transaction() as tx:
        assert tx.execute("SELECT count(*) FROM ledger").fetchone() == (0,)


@pytest.mark.parametrize("side", ["ingest", "console", "search"])
def test_no_function_sees_the_keys(db: Databases, project: UUID, side: Side) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db(side).transaction(project=project) as tx:
        tx.execute("SELECT hash FROM api_keys")


@pytest.mark.parametrize("side", ["ingest", "console", "search"])
def test_no_function_can_slip_a_table_of_its_own_under_those_of_the_owner(
    db: Databases, project: UUID, side: Side
) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="temporary"),
        db(side).transaction(project=project) as tx,
    ):
        tx.execute("CREATE TEMPORARY TABLE api_keys (hash bytea)")


def test_times_are_utc_whatever_the_servers_zone(db: Databases, project: UUID) -> None:
    with db("owner").autocommit() as connection:
        connection.execute("ALTER ROLE oddline_console SET TimeZone = 'Asia/Kolkata'")

    with db("console").transaction(project=project) as tx:
        row = tx.execute("SELECT created_at FROM projects").fetchone()

    with db("owner").autocommit() as connection:
        connection.execute("ALTER ROLE oddline_console RESET TimeZone")
    assert row is not None
    assert row[0].utcoffset() == timedelta()
