"""What users do with their connections: make, change, pause, resume, try and remove them, look at them."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import Conflict, InvalidParameter, NotFound
from oddline.ids import new_id
from oddline.settings import load_settings
from oddline.streams import object_store, store
from oddline.streams.linking import check
from oddline.streams.model import Connection, ConnectionState, Wish
from oddline.streams.tasks import TEST_CONNECTION, OfConnection
from oddline.streams.types import type_of
from oddline.tasks import enqueue

MOST_CONNECTIONS: Final = 500  # of one project; each is polled every half minute


def create(
    tx: Transaction,
    wish: Wish,
    *,
    credentials: Mapping[str, Any] | None,
    connection_id: UUID,
    project: UUID,
    now: datetime,
) -> Connection:
    """Make a connection, which is polled from now on.

    Raises:
        InvalidParameter: there is no such type, or its configuration or credentials cannot be.
        Conflict: the project has one of that name, or too many.
        NotConfigured: there is no key to encrypt its credentials with.
    """
    sealed = _sealed(wish, credentials, has_already=False)
    if store.count(tx, project=project) >= MOST_CONNECTIONS:
        raise Conflict(f"a project has {MOST_CONNECTIONS} connections at most")
    connection = _new(wish, connection_id, project=project, has_credentials=sealed is not None, now=now)
    store.insert(tx, connection, credentials=sealed)
    return connection


def change(
    tx: Transaction,
    connection_id: UUID,
    given: Mapping[str, Any],
    *,
    credentials: Mapping[str, Any] | None,
    project: UUID,
    now: datetime,
) -> Connection:
    """Change what is given, by the names of `Wish`; one that leads elsewhere then begins there anew, from now on.

    It is tried at once, also if it was failing. A paused one stays paused.

    Raises:
        NotFound: there is no such connection.
        InvalidParameter, Conflict, NotConfigured: as `create`; also where it leads to another server, and no
            credentials come with that: who cannot read those that it has shall not have them sent elsewhere either.
    """
    before = _locked(tx, connection_id, project=project)
    wished = replace(before, **given)
    sealed = _sealed(wished, credentials, has_already=before.has_credentials)
    if before.has_credentials and credentials is None and _shown_to(before) != _shown_to(wished):
        raise InvalidParameter(
            "it leads to another server, to which the credentials were not given: give them again", field="credentials"
        )
    if _place(before) != _place(wished):
        store.begin_anew(tx, connection_id)
        wished = replace(wished, cursor={}, since=given.get("since", now))
    is_paused = before.state is ConnectionState.PAUSED
    return _written(
        tx,
        replace(
            wished,
            has_credentials=before.has_credentials or sealed is not None,
            state=ConnectionState.PAUSED if is_paused else ConnectionState.ON,
            not_before=now,
            failures=0,
            last_error=None,
        ),
        credentials=sealed,
        now=now,
    )


def pause(tx: Transaction, connection_id: UUID, *, project: UUID, now: datetime) -> Connection:
    """Poll it no more until it is resumed; a poll that is under way stores nothing any more.

    Raises:
        NotFound: there is no such connection.
    """
    before = _locked(tx, connection_id, project=project)
    if before.state is ConnectionState.PAUSED:
        return before
    return _written(tx, replace(before, state=ConnectionState.PAUSED), now=now)


def resume(tx: Transaction, connection_id: UUID, *, project: UUID, now: datetime) -> Connection:
    """Poll it again, from where it was; a failing one is tried at once.

    Raises:
        NotFound: there is no such connection.
    """
    before = _locked(tx, connection_id, project=project)
    if before.state is ConnectionState.ON and not before.failures:
        return before
    resumed = replace(before, state=ConnectionState.ON, not_before=now, failures=0, last_error=None)
    return _written(tx, resumed, now=now)


def remove(tx: Transaction, connection_id: UUID, *, project: UUID) -> None:
    """Remove it with what is kept of it; what it has brought stays.

    Raises:
        NotFound: there is no such connection.
    """
    _locked(tx, connection_id, project=project)
    store.delete(tx, connection_id)


def show(tx: Transaction, connection_id: UUID, *, project: UUID) -> dict[str, Any]:
    """A connection, with the objects that it has found and not read yet.

    Raises:
        NotFound: there is no such connection.
    """
    connection = _there(store.find(tx, connection_id, project=project), connection_id)
    return view(tx, connection)


def view(tx: Transaction, connection: Connection) -> dict[str, Any]:
    """What callers get of one."""
    waiting, error = object_store.waiting(tx, connection.id)
    return connection.view() | {"objects_waiting": waiting, "object_error": error}


def request_test(tx: Transaction, connection_id: UUID, *, project: UUID, now: datetime) -> UUID:
    """Have a connection tried; the id of the task that tells what came of it, to be published after the commit.

    Raises:
        NotFound: there is no such connection.
        NotConfigured: there is no key to seal its result with.
    """
    _there(store.find(tx, connection_id, project=project), connection_id)
    task_id = new_id()
    payload = OfConnection(project=project, connection=connection_id)
    enqueue(tx, TEST_CONNECTION, payload, task_id=task_id, project=project, now=now)
    return task_id


def _new(wish: Wish, connection_id: UUID, *, project: UUID, has_credentials: bool, now: datetime) -> Connection:
    return Connection(
        **asdict(wish),
        id=connection_id,
        project=project,
        has_credentials=has_credentials,
        state=ConnectionState.ON,
        cursor={},
        version=1,
        not_before=now,
        failures=0,
        last_poll_at=None,
        last_entry_at=None,
        last_error=None,
        polls=0,
        entries=0,
        created_at=now,
        changed_at=now,
    )


def _sealed(wish: Wish, credentials: Mapping[str, Any] | None, *, has_already: bool) -> str | None:
    """The credentials as they are kept, once all fits; None where there are none, or they stay as they are."""
    kind = type_of(wish.type)
    configuration = check(kind.configuration, wish.configuration, field="configuration")
    if credentials is None:
        if kind.needs_credentials(configuration) and not has_already:
            raise InvalidParameter(f"a connection of the type {kind.name} needs credentials", field="credentials")
        return None
    check(kind.credentials, credentials, field="credentials")
    return load_settings().cipher().encrypt(json.dumps(dict(credentials)).encode()).decode()


def _place(wish: Wish) -> str:
    kind = type_of(wish.type)
    return kind.place(check(kind.configuration, wish.configuration, field="configuration"))


def _shown_to(wish: Wish) -> tuple[str, ...]:
    kind = type_of(wish.type)
    return kind.shown_to(check(kind.configuration, wish.configuration, field="configuration"))


def _locked(tx: Transaction, connection_id: UUID, *, project: UUID) -> Connection:
    return _there(store.find(tx, connection_id, project=project, lock=True), connection_id)


def _there(connection: Connection | None, connection_id: UUID) -> Connection:
    if connection is None:
        raise NotFound(f"there is no connection {connection_id}", field="connection_id")
    return connection


def _written(tx: Transaction, connection: Connection, *, now: datetime, credentials: str | None = None) -> Connection:
    written = replace(connection, version=connection.version + 1, changed_at=now)
    store.update(tx, written, credentials=credentials)
    return written
