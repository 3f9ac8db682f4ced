"""`oddline keys`: keys are made, listed and revoked, and the API heeds it at once."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3
import pytest
from commands import Command, command_for, error_of, told

from oddline.database import Database
from oddline.errors import Forbidden, Unauthenticated
from oddline.identity import Caller, Scope, authenticate, find_project
from oddline.settings import Side

Databases = Callable[[Side], Database]


@pytest.fixture
def oddline(database_urls: dict[Side, str], tmp_path: Path) -> Command:
    """Runs `oddline` as the database's operator."""
    return command_for(tmp_path, database_url=database_urls["worker"])


def caller(db: Databases, key: str, *, scope: Scope = Scope.INGEST, after: timedelta = timedelta()) -> Caller:
    return authenticate(db("ingest"), presented=key, scope=scope, now=datetime.now(UTC) + after)


def test_a_key_is_printed_alone_on_its_line_and_opens_the_project_it_was_made_for(
    oddline: Command, db: Databases
) -> None:
    key = told(oddline("keys", "create", "--project", "shop")).splitlines()[0]

    with db("worker").transaction() as tx:
        assert caller(db, key).project == find_project(tx, "shop")


def test_a_project_that_a_key_is_the_first_of_is_told_to_be_new(oddline: Command) -> None:
    first, second = (oddline("keys", "create", "--project", "shpo") for _ in range(2))
    listed = json.loads(told(oddline("projects", "list", "--json")))

    assert first.stderr == "there was no project shpo: it was made, too\n"
    assert second.stderr == ""
    assert listed["shpo"]["id"] in told(oddline("projects", "list"))


def test_a_key_may_send_and_read_unless_told_otherwise(oddline: Command, db: Databases) -> None:
    usual = json.loads(told(oddline("keys", "create", "--json")))["key"]
    reader = json.loads(told(oddline("keys", "create", "--scope", "read", "--json")))["key"]

    assert caller(db, usual).scopes == {Scope.INGEST, Scope.READ}
    assert caller(db, reader, scope=Scope.READ).scopes == {Scope.READ}
    with pytest.raises(Forbidden):
        caller(db, reader, scope=Scope.INGEST)


def test_a_signed_key_comes_with_the_secret_that_signs(oddline: Command, db: Databases) -> None:
    made = json.loads(told(oddline("keys", "create", "--signed", "--json")))

    assert made["signing_secret"].startswith("whsec_")
    assert caller(db, made["key"]).signing_secrets == (made["signing_secret"],)


def test_a_key_for_a_day_is_refused_the_day_after(oddline: Command, db: Databases) -> None:
    key = json.loads(told(oddline("keys", "create", "--days", "1", "--json")))["key"]

    assert caller(db, key, after=timedelta(hours=23))
    with pytest.raises(Unauthenticated):
        caller(db, key, after=timedelta(hours=25))


def test_the_list_tells_all_but_the_keys_themselves(oddline: Command) -> None:
    key = json.loads(told(oddline("keys", "create", "--name", "[/odd] :name:", "--signed", "--json")))["key"]

    table, as_json = told(oddline("keys", "list")), told(oddline("keys", "list", "--json"))

    [listed] = json.loads(as_json)
    assert (listed["prefix"], listed["project"], listed["signed"]) == (key[:12], "default", True)
    assert listed["revoked_at"] is None
    for shown in (table, as_json):
        assert key[:12] in shown
        assert key not in shown
        assert "[/odd] :name:" in shown


@pytest.mark.parametrize("as_whole", [True, False], ids=["the whole key", "its prefix"])
def test_a_revoked_key_is_refused_at_once(oddline: Command, db: Databases, as_whole: bool) -> None:
    key = json.loads(told(oddline("keys", "create", "--json")))["key"]
    caller(db, key)

    said = told(oddline("keys", "revoke", key if as_whole else key[:12]))

    assert said == f"revoked {key[:12]}\n"
    with pytest.raises(Unauthenticated):
        caller(db, key)
    assert "revoked" in told(oddline("keys", "list"))


def test_a_changed_signing_secret_is_shown_once_beside_when_the_older_ends(oddline: Command, db: Databases) -> None:
    made = json.loads(told(oddline("keys", "create", "--signed", "--json")))

    changed = json.loads(told(oddline("keys", "rotate-secret", made["key"][:12], "--hours", "2", "--json")))

    both = caller(db, made["key"], after=timedelta(minutes=119)).signing_secrets
    assert both == (changed["signing_secret"], made["signing_secret"])
    assert caller(db, made["key"], after=timedelta(minutes=121)).signing_secrets == (changed["signing_secret"],)


def test_revoking_what_is_not_there_is_an_error_in_one_line(oddline: Command) -> None:
    assert error_of(oddline("keys", "revoke", "odl_00000000")) == "error: no key in force begins with odl_00000000"


def test_without_a_database_or_a_stack_the_error_says_what_to_do(tmp_path: Path) -> None:
    oddline = command_for(tmp_path, database_url="")

    assert error_of(oddline("keys", "list")).endswith(
        "no local stack was started in .oddline: `oddline up` does it; ODDLINE_DATABASE_URL names another database"
    )


def test_a_database_that_does_not_answer_is_an_error_in_one_line(tmp_path: Path) -> None:
    oddline = command_for(tmp_path, database_url="postgresql://nobody@127.0.0.1:1/none")

    assert error_of(oddline("keys", "list")).startswith("error: ")


def test_a_key_goes_into_a_secret_without_being_shown(
    database_urls: dict[Side, str], db: Databases, aws_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", aws_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    secrets = boto3.client("secretsmanager")
    secrets.create_secret(Name="first-key")
    oddline = command_for(tmp_path, database_url=database_urls["worker"])

    printed = told(oddline("keys", "create", "--scope", "admin", "--into-secret", "first-key"))
    kept = json.loads(secrets.get_secret_value(SecretId="first-key")["SecretString"])

    assert caller(db, kept["key"], scope=Scope.ADMIN).scopes == set(Scope)
    assert kept["key"] not in printed
    assert "first-key" in printed
