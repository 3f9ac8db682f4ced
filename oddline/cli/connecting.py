"""What a command talks to: the servers named in the environment, else the local stack of this folder."""

import getpass
import logging
import socket
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from oddline.audit import Actor, operator_called
from oddline.database import Database
from oddline.errors import StackFailed
from oddline.local.stack import Stack
from oddline.settings import Settings, load_settings

REQUEST_TIMEOUT_S = 30.0
OWN_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})


def operator_settings() -> Settings:
    """Settings with a database: those of the environment, else the local stack's.

    Raises:
        StackFailed: there is neither.
    """
    settings = load_settings()
    if settings.database_url_worker or settings.database_url:
        return settings
    return Stack.load(settings.home).settings()


@contextmanager
def operator_database() -> Iterator[Database]:
    """The database, as the worker's side sees it: all projects."""
    # Of a database that does not answer the command itself tells, once.
    logging.getLogger("psycopg.pool").setLevel(logging.ERROR)
    database = Database(operator_settings().database_url_for("worker"), size=2, application="oddline-cli")
    try:
        yield database
    finally:
        database.close()


def operator() -> Actor:
    """Who types the command, for the audit trail: known there by a pseudonym, and by name as long as wanted."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container may run as a number without a name
        user = "unknown"
    return operator_called(f"{user}@{socket.gethostname()}", cipher=operator_settings().cipher())


def api_client(*, url: str | None, key: str | None) -> httpx.Client:
    """A client of the API at `url` with `key`; both of the local stack where they are not given.

    Raises:
        StackFailed: one is missing and there is no local stack.
    """
    if not (url and key):
        stack = Stack.load(load_settings().home)
        url, key = url or stack.url, key or stack.api_key
    if not url.startswith(("http://", "https://")):
        raise StackFailed(f"{url} is not the address of an API")
    # A proxy of the environment could not reach this machine's own address.
    is_elsewhere = httpx.URL(url).host not in OWN_HOSTS
    return httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=REQUEST_TIMEOUT_S, trust_env=is_elsewhere)
