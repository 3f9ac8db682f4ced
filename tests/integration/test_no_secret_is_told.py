"""Whatever goes wrong with a part that has a password, neither a log nor an answer tells the password."""

import base64
import logging
import traceback
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import replace
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from uuid import UUID

import psycopg
import pytest
from commands import command_for, error_of
from reading import Databases, client_of, open_reading_parts
from secrets_extension import SecretsExtension, running_extension
from smtp_server import smtp_server

from functions.ingest.app import router
from functions.parts import Parts
from oddline.database import ROLES, Database
from oddline.database.roles import provision_roles
from oddline.errors import Undecipherable
from oddline.limits import open_limiter
from oddline.maintenance.health import check_health
from oddline.notifications.channels.email import smtp
from oddline.settings import Settings
from oddline.tasks import Publisher, Queue, TaskSpec

MARK = "MARKED"
SPEC = TaskSpec(name="wake_me", queue=Queue.ANALYSIS, idempotency="it does nothing")
ENTRY = {"message": "started"}
ENCODED = base64.b64encode(MARK.encode()).decode().rstrip("=")


@pytest.fixture(autouse=True)
def nothing_is_told(caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Everything that is logged, at the finest level, or printed bears no mark."""
    caplog.set_level(logging.DEBUG)
    yield
    printed = capfd.readouterr()
    for told in (*(caplog.handler.format(record) for record in caplog.get_records("call")), printed.out, printed.err):
        assert MARK not in told
        assert ENCODED not in told


def raised(work: Callable[[], Any]) -> str:
    """The traceback of what `work` raises, as it would stand in a log, without the mark."""
    with pytest.raises(Exception) as info:  # noqa: PT011  # whichever it is, it must not tell
        work()
    told = "".join(traceback.format_exception(info.value))
    assert MARK not in told
    return told


def answered(parts: Parts, **headers: str) -> Any:
    """The answer to a submission, without the mark."""
    with client_of(router, parts) as client:
        answer = client.post("/api/v1/logs", json=ENTRY, headers=headers)
    assert MARK not in f"{answer.text}{answer.headers}"
    return answer


@pytest.fixture
def parts(db: Databases, redis_url: str, tmp_path: Path) -> Iterator[Parts]:
    with open_reading_parts(db("ingest"), redis_url=redis_url, folder=tmp_path) as parts:
        yield replace(parts, limiter=open_limiter(parts.settings, parts.db))


# PostgreSQL


@pytest.mark.parametrize("fault", ["refused", "wrong password"])
def test_a_database_that_does_not_let_us_in(
    parts: Parts, database_urls: dict[str, str], closed_port: int, fault: str
) -> None:
    served = urlsplit(database_urls["ingest"])
    port = closed_port if fault == "refused" else served.port
    with closing(Database(f"postgresql://{served.username}:{MARK}@127.0.0.1:{port}{served.path}", size=1)) as database:
        database._pool.timeout = 0.5

        answer = answered(
            replace(parts, db=database, limiter=open_limiter(parts.settings, database)), **{"X-API-Key": "any"}
        )

    assert (answer.status_code, answer.json()["code"]) == (503, "database-unavailable")


def test_a_command_that_cannot_reach_its_database(tmp_path: Path, closed_port: int) -> None:
    oddline = command_for(tmp_path, database_url=f"postgresql://oddline_worker:{MARK}@127.0.0.1:{closed_port}/x")

    assert MARK not in error_of(oddline("keys", "list"))


def test_a_password_that_a_role_is_given(clusters: Callable[[int], Any]) -> None:
    server = clusters(18).server
    with psycopg.connect(server.superuser_url) as connection:
        connection.execute("SET LOCAL log_statement = 'all'")
        provision_roles(connection, passwords=dict.fromkeys(ROLES, MARK))
        connection.rollback()

    log = server._log_file.read_text()
    assert "SCRAM-SHA-256$" in log
    assert MARK not in log


# Redis


@pytest.mark.parametrize("fault", ["refused", "wrong password"])
def test_a_redis_that_does_not_let_us_in(parts: Parts, redis_url: str, closed_port: int, fault: str) -> None:
    port = closed_port if fault == "refused" else urlsplit(redis_url).port
    settings = parts.settings.model_copy(update={"redis_url": f"redis://:{MARK}@127.0.0.1:{port}/0"})
    limiter = open_limiter(settings, parts.db)

    with closing(Publisher(settings.redis_url)) as publisher:
        assert publisher.wake(SPEC) is False
    for _ in range(2):
        limiter.guesses.failed("198.51.100.7", None, now=parts.clock())


def test_a_look_at_a_redis_that_does_not_let_us_in(parts: Parts, db: Databases, closed_port: int) -> None:
    settings = parts.settings.model_copy(update={"redis_url": f"redis://:{MARK}@127.0.0.1:{closed_port}/0"})

    health = check_health(db("worker"), settings=settings, objects=parts.objects, now=parts.clock())

    assert "redis: does not answer" in health.message
    assert MARK not in str(health)


# Mail


@pytest.mark.parametrize("fault", ["refused", "wrong password", "no such server"])
def test_a_mail_server_that_does_not_let_us_in(closed_port: int, fault: str) -> None:
    with smtp_server(login=True, auth_require_tls=False) as mailbox:
        port = mailbox.port if fault == "wrong password" else closed_port
        host = "nowhere.invalid" if fault == "no such server" else "127.0.0.1"
        settings = Settings(smtp_url=f"smtp://user:{MARK}@{host}:{port}?starttls=off")

        told = raised(
            lambda: smtp.send(EmailMessage(), sender="a@b.example", recipients=["c@d.example"], settings=settings)
        )

    assert f"{host}:{port}" in told


# Secrets


@pytest.mark.parametrize(
    "secret",
    [
        MARK,
        f'{{"redis_url": "{MARK}"',
        f'["{MARK}"]',
        {"database_url": f"postgresql://u:{MARK}/x@h/x"},
        {"redis_url": f"redis://:{MARK}#x@h/0"},
        {"smtp_url": f"smtp://u:{MARK}?x@h"},
    ],
    ids=["no JSON", "broken off", "no object", "database", "redis", "mail"],
)
def test_a_secret_that_cannot_be_read(monkeypatch: pytest.MonkeyPatch, secret: Any) -> None:
    with running_extension(SecretsExtension()) as extension:
        extension.put("name", secret)
        for name, value in extension.environment.items():
            monkeypatch.setenv(name, value)

        told = raised(Settings(_env_file=None, secrets="name").with_secret)  # type: ignore[call-arg]

    assert "NotConfigured" in told


def test_a_token_that_no_key_opens() -> None:
    sealed = Settings(encryption_keys="another key of ours").cipher().encrypt(MARK.encode())

    with pytest.raises(Undecipherable) as info:
        Settings(encryption_keys=f"{MARK} and long enough to be a key").cipher().decrypt(sealed)

    assert MARK not in "".join(traceback.format_exception(info.value))


# Keys and signatures


@pytest.mark.parametrize("header", ["X-API-Key", "Authorization"])
def test_a_key_that_is_not_known(parts: Parts, header: str) -> None:
    presented = f"odl_12345678_{MARK}"

    assert answered(parts, **{header: presented if header == "X-API-Key" else f"Bearer {presented}"}).status_code == 401


def test_a_signature_that_does_not_fit(parts: Parts, project: UUID) -> None:
    own = replace(parts, settings=parts.settings.model_copy(update={"hmac_secret": MARK, "legacy_project": "first"}))
    with client_of(router, own) as client:
        answer = client.post("/api/logs/", json=ENTRY, headers={"X-HMAC-Signature": f"{MARK}00"})

    assert answer.status_code == 401
    assert MARK not in answer.text
