"""Addresses with a password are either read as they were meant or refused without being quoted."""

import pytest

from oddline.errors import NotConfigured
from oddline.settings import Settings

DATABASES = [
    "postgresql://oddline_ingest:p%2Fw@db.example:5432/oddline?sslmode=verify-full",
    "postgresql://u:p@ss@127.0.0.1:5432/x",
    "postgresql://u:p@[::1]:5432/x",
    "postgres://u@h1:5432,h2:5433/x",
    "postgresql:///x?host=/var/run",
    "postgresql://general",
]
REDIS = [
    "redis://:pw@127.0.0.1:6379/0",
    "rediss://:p%23w@master.cache.amazonaws.com:6379/0",
    "redis://local",
    "redis://u:p@[::1]:1/",
]
UNREADABLE = [
    "postgresql://u:MARK/x@127.0.0.1:1/x",
    "postgresql://u:12/MARK@127.0.0.1:1/x",
    "postgresql://u:MARK#x@127.0.0.1:1/x",
    "postgresql://u:MARK?x@127.0.0.1:1/x",
    "postgresql://u:12?MARK@127.0.0.1:1/x",
    "postgresql://u:MARK%zz@127.0.0.1:1/x",
    "postgresql://u:MARK@127.0.0.1:port/x",
    "postgresql://u:MARK@127.0.0.1:65536/x",
    "postgresql//u:MARK@127.0.0.1/x",
    "mysql://u:MARK@127.0.0.1/x",
    "host=127.0.0.1 password=MARK",
    "MARK",
]


@pytest.mark.parametrize("url", DATABASES)
def test_an_address_of_a_database_is_taken_in_every_form_that_its_driver_reads(url: str) -> None:
    assert Settings(database_url_worker=url).database_url_for("worker") == url


@pytest.mark.parametrize("url", REDIS)
def test_an_address_of_redis_is_taken(url: str) -> None:
    assert Settings(redis_url=url).redis_url == url


@pytest.mark.parametrize("url", UNREADABLE)
@pytest.mark.parametrize("name", ["database_url", "database_url_ingest", "redis_url", "smtp_url"])
def test_an_address_that_a_driver_would_misread_is_refused_unquoted(name: str, url: str) -> None:
    given = url if name.startswith("database") else url.replace("postgresql", name.removesuffix("_url"))

    with pytest.raises(NotConfigured, match="ODDLINE_") as raised:
        Settings(**{name: given})

    assert "MARK" not in str(raised.value)


def test_a_database_of_redis_is_a_number() -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_REDIS_URL"):
        Settings(redis_url="redis://:p@127.0.0.1:1/MARK")


def test_settings_do_not_show_what_is_secret_in_them() -> None:
    settings = Settings(
        database_url="postgresql://u:MARK1@h/x",
        database_url_search="postgresql://u:MARK2@h/x",
        redis_url="redis://:MARK3@h/0",
        smtp_url="smtp://u:MARK4@h",
        hmac_secret="MARK5",
        encryption_keys="MARK6",
        flower_password="MARK7",
    )

    assert "MARK" not in f"{settings!r} {settings}"
