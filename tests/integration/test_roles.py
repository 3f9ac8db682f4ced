"""What each database role may do, and that no role sees another project's rows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from uuid import UUID

import psycopg
import pytest
from psycopg.types.json import Jsonb

from oddline.database import Database, Transaction
from oddline.identity import authenticate, create_key
from oddline.identity.store import rotate_secret
from oddline.settings import Side
from oddline.submissions import new_id, new_submission_id
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


@pytest.mark.parametrize(
    ("name", "of"),
    [("process_log_file", "another"), ("parse_structured_logs", "own"), ("delete_log_file", "own"), ("any", "own")],
)
def test_ingest_starts_only_the_steps_of_its_own_projects_files(
    db: Databases, project: UUID, other_project: UUID, name: str, of: str
) -> None:
    payload = {"project": str(project if of == "own" else other_project), "file": str(new_id())}

    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        db("ingest").transaction(project=project) as tx,
    ):
        tx.execute(
            "INSERT INTO tasks (id, project_id, name, queue, payload, created_at)"
            " VALUES (%s, %s, %s, 'file_processing', %s, now())",
            [new_id(), project, name, Jsonb(payload)],
        )


def _put_file(tx: Transaction, project: UUID, *, key: str, state: str = "uploaded") -> None:
    tx.execute(
        "INSERT INTO files (project_id, id, name, source, state, object_key, created_at)"
        " VALUES (%s, %s, 'a', 'a', %s, %s, now())",
        [project, new_id(), state, key],
    )


def test_ingest_files_only_what_others_have_put(db: Databases, project: UUID) -> None:
    with db("ingest").transaction(project=project) as tx:
        _put_file(tx, project, key="uploads/a.log")
    for key, state in ((f"files/{project}/a", "uploaded"), ("uploads/a.log", "deleted")):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
            db("ingest").transaction(project=project) as tx,
        ):
            _put_file(tx, project, key=key, state=state)


@pytest.mark.parametrize("side", ["console", "worker"])
def test_no_file_names_an_object_that_is_another_projects_or_no_file(
    db: Databases, project: UUID, other_project: UUID, side: Side
) -> None:
    for key in (f"files/{other_project}/a", f"bodies/{project}/a", f"files/{project}x/a"):
        with pytest.raises(psycopg.errors.CheckViolation), db(side).transaction(project=project) as tx:
            _put_file(tx, project, key=key)


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


def tenant_tables(tx: Transaction) -> list[str]:
    rows = tx.execute(
        "SELECT relname FROM pg_class JOIN pg_attribute ON attrelid = pg_class.oid"
        " WHERE relkind IN ('r', 'p') AND NOT relispartition AND relnamespace = 'public'::regnamespace"
        " AND (attname = 'project_id' OR relname = 'projects' AND attname = 'id') ORDER BY relname"
    ).fetchall()
    return [name for (name,) in rows]


def test_every_table_with_a_project_is_bound_to_it_for_every_role_but_the_worker(db: Databases) -> None:
    with db("owner").transaction() as tx:
        tables = tenant_tables(tx)
        secured = {row[0] for row in tx.execute("SELECT relname FROM pg_class WHERE relrowsecurity").fetchall()}
        policies = tx.execute(
            "SELECT tablename, roles::text[], qual, with_check FROM pg_policies"
            " WHERE permissive = 'PERMISSIVE' AND NOT roles::text[] = %s",  # the others only narrow these
            [["oddline_worker"]],
        ).fetchall()

    assert {"projects", "api_keys", "members", "submissions", "odd_entries", "feedback"} <= set(tables)
    assert set(tables) <= secured
    for table, roles, using, checked in policies:
        column = "id" if table == "projects" else "project_id"
        assert "oddline_worker" not in roles, table
        assert using == checked == f"({column} = ( SELECT oddline_project() AS oddline_project))", table


def test_every_table_that_a_function_may_touch_and_that_has_no_project_tells_of_no_tenant(db: Databases) -> None:
    with db("owner").transaction() as tx:
        open_to_functions = {
            row[0]
            for row in tx.execute(
                "SELECT DISTINCT table_name FROM information_schema.column_privileges JOIN information_schema.tables"
                " USING (table_schema, table_name) WHERE table_schema = 'public' AND table_type = 'BASE TABLE'"
                " AND grantee IN ('oddline_ingest', 'oddline_console', 'oddline_search', 'PUBLIC')"
            ).fetchall()
        }
        without_project = open_to_functions - set(tenant_tables(tx))

    fleet = {"workers", "worker_processes", "worker_restarts", "queue_holds", "rate_limits"}
    assert without_project == fleet | {"instance", "health_checks", "models", "model_choice", "model_history"}


def test_what_runs_with_the_owners_rights_finds_nothing_that_another_role_could_have_put_there(db: Databases) -> None:
    with db("owner").transaction() as tx:
        functions = tx.execute(
            "SELECT proname, proconfig FROM pg_proc WHERE prosecdef AND pronamespace = 'public'::regnamespace"
        ).fetchall()

    assert functions
    assert {tuple(settings) for _, settings in functions} == {("search_path=pg_catalog, pg_temp",)}


def test_every_view_sees_with_the_rights_of_who_asks(db: Databases) -> None:
    with db("owner").transaction() as tx:
        views = tx.execute(
            "SELECT relname, reloptions FROM pg_class WHERE relkind = 'v' AND relnamespace = 'public'::regnamespace"
        ).fetchall()

    assert views
    assert all("security_invoker=true" in (options or ()) for _, options in views)


@pytest.mark.parametrize("side", ["ingest", "console", "search", "worker"])
def test_no_side_connects_as_the_owner_or_as_one_who_is_above_policies(db: Databases, side: Side) -> None:
    with db(side).transaction() as tx:
        row = tx.execute(
            "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, current_user = datdba::regrole::text,"
            " pg_has_role(current_user, datdba, 'member')"
            " FROM pg_roles, pg_database WHERE rolname = current_user AND datname = current_database()"
        ).fetchone()

    assert row == (False,) * 6


def test_the_console_writes_keys_and_reads_no_secret_of_them(db: Databases, project: UUID) -> None:
    made = create_key(db("console"), project=project, name="a", key_id=new_id(), now=datetime.now(UTC), signed=True)

    with db("console").transaction(project=project) as tx:
        assert tx.execute("SELECT id, is_signed FROM api_keys").fetchall() == [(made.id, True)]
    for secret in ("hash", "signing_secrets", "retiring_secrets"):
        with pytest.raises(psycopg.errors.InsufficientPrivilege), db("console").transaction(project=project) as tx:
            tx.execute(f"SELECT {secret} FROM api_keys")


def test_the_console_makes_no_key_for_another_project(db: Databases, project: UUID, other_project: UUID) -> None:
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        db("console").transaction(project=project) as tx,
    ):
        tx.execute(
            "INSERT INTO api_keys (id, project_id, name, prefix, hash, scopes, created_at)"
            " VALUES (%s, %s, '', '', 'x', '{admin}', now())",
            [new_id(), other_project],
        )


def test_a_signing_secret_of_another_project_cannot_be_changed(
    db: Databases, project: UUID, other_project: UUID
) -> None:
    now = datetime.now(UTC)
    foreign = create_key(db("worker"), project=other_project, name="", key_id=new_id(), now=now, signed=True)

    with db("console").transaction(project=project) as tx:
        assert not rotate_secret(tx, foreign.id, secret="whsec_AAAA", older_until=now, now=now)

    assert authenticate(db("ingest"), presented=foreign.key, now=now).signing_secrets == (foreign.signing_secret,)
