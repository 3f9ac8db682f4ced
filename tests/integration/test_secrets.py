"""Secrets at run time: read through the extension, and read again for every new connection."""

from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Any

import boto3
import psycopg
import pytest
from psycopg import sql
from secrets_extension import SecretsExtension, running_extension

from functions.parts import open_parts
from oddline.database import Database
from oddline.errors import NotConfigured, SecretUnavailable
from oddline.settings import Settings, load_settings
from oddline.tasks import Publisher, Queue, TaskSpec

NAME = "arn:aws:secretsmanager:eu-central-1:123456789012:secret:oddline/ingest-AbCdEf"
WAKE = TaskSpec(
    name="any",
    queue=Queue.DEFAULT,
    idempotency="does nothing",
    ledger=False,
)


@pytest.fixture
def extension(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretsExtension]:
    with running_extension(SecretsExtension()) as extension:
        for name, value in extension.environment.items():
            monkeypatch.setenv(name, value)
        yield extension


@pytest.fixture
def settings() -> Settings:
    return Settings(_env_file=None, secrets=NAME, redis_url="redis://local")  # type: ignore[call-arg]


@pytest.fixture
def rotating_role(clusters: Callable[[int], Any]) -> Iterator[Callable[[str], str]]:
    """Sets the password of a role of its own, cuts its connections off, and tells its URL."""
    server = clusters(18).server
    name = "rotating"
    with psycopg.connect(server.superuser_url, autocommit=True) as connection:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(sql.Identifier(name)))

        def rotate(password: str) -> str:
            literal = sql.Literal(password)
            connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(sql.Identifier(name), literal))
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", [name])
            return f"postgresql://{name}:{password}@{server.owner_url.rpartition('@')[2]}"

        yield rotate
        rotate("over")
        connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(name)))


def user_of(database: Database) -> str:
    with database.transaction() as tx:
        row = tx.execute("SELECT current_user").fetchone()
    assert row is not None
    return str(row[0])


def test_its_members_are_settings(extension: SecretsExtension, settings: Settings) -> None:
    extension.put(NAME, {"database_url": "postgresql://told", "hmac_secret": "s", "username": "no setting", "port": 1})

    told = settings.with_secret()

    assert (told.database_url, told.hmac_secret, told.redis_url) == ("postgresql://told", "s", "redis://local")
    assert told.port == settings.port
    assert extension.asked == [NAME]


def test_without_one_nobody_is_asked(extension: SecretsExtension) -> None:
    settings = Settings(_env_file=None, database_url="postgresql://local")  # type: ignore[call-arg]

    assert settings.with_secret() is settings
    assert extension.asked == []


def test_what_cannot_be_read_now_may_be_read_later(
    extension: SecretsExtension, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(SecretUnavailable, match="400"):
        settings.with_secret()

    monkeypatch.setenv("AWS_SESSION_TOKEN", "another one")
    with pytest.raises(SecretUnavailable, match="401"):
        settings.with_secret()


@pytest.fixture
def secrets_manager(aws_url: str, closed_port: int, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A client of a server that stands in for Secrets Manager, where no extension runs."""
    for name, value in {
        "AWS_ENDPOINT_URL": aws_url,
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        "AWS_DEFAULT_REGION": "eu-central-1",
        "PARAMETERS_SECRETS_EXTENSION_HTTP_PORT": str(closed_port),
    }.items():
        monkeypatch.setenv(name, value)
    return boto3.client("secretsmanager")


def test_without_the_extension_secrets_manager_is_asked(settings: Settings, secrets_manager: Any) -> None:
    name = secrets_manager.create_secret(Name="ours", SecretString='{"redis_url": "rediss://told"}')["ARN"]

    told = settings.model_copy(update={"secrets": name}).with_secret()

    assert told.redis_url == "rediss://told"


def test_a_secret_that_is_not_there_is_unavailable(settings: Settings, secrets_manager: Any) -> None:
    with pytest.raises(SecretUnavailable, match="does not tell"):
        settings.with_secret()


@pytest.mark.parametrize("text", ["no json", '["a list"]'])
def test_a_secret_that_is_no_object_is_a_fault_of_the_configuration(
    extension: SecretsExtension, settings: Settings, text: str
) -> None:
    extension.put(NAME, text)

    with pytest.raises(NotConfigured):
        settings.with_secret()


def test_a_rotated_password_is_picked_up_by_the_next_connection(
    extension: SecretsExtension, settings: Settings, rotating_role: Callable[[str], str]
) -> None:
    extension.put(NAME, {"database_url": rotating_role("before")})
    with closing(Database(lambda: settings.with_secret().database_url_for("ingest"), size=1)) as database:
        before = user_of(database)
        extension.put(NAME, {"database_url": rotating_role("after")})

        after = user_of(database)

    assert (before, after) == ("rotating", "rotating")


def test_a_refused_password_is_read_again(settings: Settings, rotating_role: Callable[[str], str]) -> None:
    with pytest.MonkeyPatch.context() as environment, running_extension(SecretsExtension(ttl_s=0.5)) as extension:
        for name, value in extension.environment.items():
            environment.setenv(name, value)
        extension.put(NAME, {"database_url": rotating_role("before")})
        assert settings.with_secret().database_url  # so that the extension holds it
        extension.put(NAME, {"database_url": rotating_role("after")})

        with closing(Database(lambda: settings.with_secret().database_url_for("ingest"), size=1)) as database:
            connected = user_of(database)

    assert connected == "rotating"
    assert len(extension.asked) > 2


def test_a_publisher_asks_for_the_address_of_each_connection(
    extension: SecretsExtension, settings: Settings, redis_url: str, closed_port: int
) -> None:
    extension.put(NAME, {"redis_url": f"redis://:wrong@{redis_url.rpartition('@')[2]}"})
    with closing(Publisher(lambda: settings.with_secret().redis_url, pause_s=0)) as publisher:
        before = publisher.wake(WAKE)
        extension.put(NAME, {"redis_url": redis_url})
        after = publisher.wake(WAKE)

    assert (before, after) == (False, True)


def test_a_secret_that_cannot_be_read_fails_no_publish(extension: SecretsExtension, settings: Settings) -> None:
    with closing(Publisher(lambda: settings.with_secret().redis_url)) as publisher:
        assert publisher.wake(WAKE) is False


def test_a_function_opens_its_parts_by_its_secret(
    extension: SecretsExtension, database_urls: dict[str, str], redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ODDLINE_SECRETS", NAME)
    monkeypatch.setenv("ODDLINE_OBJECTS_URL", "s3://bucket")
    extension.put(NAME, {"database_url": database_urls["ingest"], "redis_url": redis_url})
    load_settings.cache_clear()

    parts = open_parts("ingest")

    with closing(parts.db), closing(parts.publisher):
        assert user_of(parts.db) == "oddline_ingest"
        assert parts.publisher.wake(WAKE) is True
    load_settings.cache_clear()
