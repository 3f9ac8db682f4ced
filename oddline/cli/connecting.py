"""What a command talks to: the servers named in the environment, else the local stack of this folder."""

import getpass
import logging
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated, Any
from uuid import UUID

import httpx
import typer

from oddline.audit import Actor, operator_called
from oddline.client import Client, ClientError, Refused
from oddline.database import Database
from oddline.errors import NotFound, OddlineError, StackFailed, Unavailable
from oddline.identity import list_projects
from oddline.local.stack import Stack
from oddline.settings import Settings, load_settings

REQUEST_TIMEOUT_S = 30.0
OWN_HOSTS = frozenset({"127.0.0.1", "::1", "localhost"})

Url = Annotated[str | None, typer.Option(envvar="ODDLINE_URL", help="of the API; the local stack's if not given")]
Key = Annotated[
    str | None,
    typer.Option(envvar=["ODDLINE_API_KEY", "ODDLINE_KEY"], help="API key; the local stack's if not given"),
]


class NotTaken(OddlineError):
    """The API refused what was sent."""

    code, title = "not-taken", "The API refused what was sent"


def operator_settings() -> Settings:
    """Settings with a database: those of the environment, else the local stack's, which become this process's own.

    A local stack on servers of the environment lends the key that it made.

    Raises:
        StackFailed: there is neither.
    """
    settings = load_settings()
    own = settings.database_url_worker or settings.database_url
    if own and (settings.encryption_keys or not Stack.is_there(settings.home)):
        return settings
    stack = _local_stack("ODDLINE_DATABASE_URL names another database")
    # Whoever writes a task that is sealed asks the process's settings for the key.
    if not own:
        os.environ.update(stack.environment())
    elif stack.is_on(own):
        os.environ["ODDLINE_ENCRYPTION_KEYS"] = stack.encryption_keys
    load_settings.cache_clear()
    return load_settings()


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


def known_project(db: Database, name: str) -> UUID:
    """The id of a project, which may be given itself instead of the name.

    Raises:
        NotFound: there is no such project.
    """
    with db.transaction() as tx:
        projects = list_projects(tx)
    for project in projects:
        if name in {project.name, str(project.id)}:
            return project.id
    raise NotFound(f"there is no project {name!r}: `oddline projects list` shows all")


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
    url, key = _address(url, key)
    # A proxy of the environment could not reach this machine's own address.
    is_elsewhere = httpx.URL(url).host not in OWN_HOSTS
    return httpx.Client(base_url=url, headers={"X-API-Key": key}, timeout=REQUEST_TIMEOUT_S, trust_env=is_elsewhere)


@contextmanager
def oddline_client(*, url: str | None, key: str | None) -> Iterator[Client]:
    """The client that programs have, too, at the same address; its errors are ours.

    Raises:
        StackFailed: as `api_client`.
        Unavailable: the API does not answer, or a task is not over in time.
        NotTaken: it refuses.
    """
    url, key = _address(url, key)
    try:
        with Client(url, key, timeout_s=REQUEST_TIMEOUT_S) as client:
            yield client
    except Refused as error:
        raise NotTaken(str(error)) from error
    except ClientError as error:
        raise Unavailable(str(error)) from error


def call_api(method: str, path: str, *, url: str | None, key: str | None, **request: Any) -> Any:
    """What the API answers, as JSON; None where it answers nothing.

    Raises:
        StackFailed: as `api_client`.
        Unavailable: it does not answer.
        NotTaken: it refuses.
    """
    with api_client(url=url, key=key) as client:
        try:
            answer = client.request(method, path, **request)
        except httpx.TransportError as error:
            raise Unavailable(f"the API at {client.base_url} does not answer: {error}") from error
    return content_of(answer)


def content_of(answer: httpx.Response) -> Any:
    """The JSON that the API answered; None where it answered nothing.

    Raises:
        NotTaken: it refused, or something else answered.
    """
    if not answer.is_success:
        raise NotTaken(reason_of(answer))
    try:
        return answer.json() if answer.content else None
    except ValueError as error:
        raise NotTaken(f"the answer is no JSON: {reason_of(answer)}") from error


def reason_of(answer: httpx.Response) -> str:
    """Why the API refused, in its own words as far as they can be read."""
    try:
        return f"{answer.status_code} {answer.json()['detail']}"
    except (ValueError, KeyError, TypeError):  # something else answered: a proxy, another program
        return f"{answer.status_code} {answer.text[:200]}"


def _local_stack(otherwise: str) -> Stack:
    try:
        return Stack.load(load_settings().home)
    except StackFailed as error:
        raise StackFailed(f"{error}; {otherwise}") from error


def _address(url: str | None, key: str | None) -> tuple[str, str]:
    if not (url and key):
        stack = _local_stack("--url and --key (ODDLINE_URL, ODDLINE_API_KEY) name another API")
        url, key = url or stack.url, key or stack.api_key
    if not url.startswith(("http://", "https://")):
        raise StackFailed(f"{url} is not the address of an API")
    return url, key
