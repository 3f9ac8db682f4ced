"""Put together what a connection is read with: its type, its row, its credentials and what it remembers."""

import json
from datetime import datetime
from typing import Any
from uuid import UUID

from pydantic import ValidationError

from oddline.errors import FeedRefused, InvalidParameter
from oddline.identity import find_project
from oddline.outgoing import open_outgoing
from oddline.streams import store
from oddline.streams.memory import HASH_BYTES, MOST_HASHES, Memory
from oddline.streams.model import Connection
from oddline.streams.reading import ConnectionType, Given, Link
from oddline.streams.types import TYPES
from oddline.submissions import MOST_PART_ENTRIES
from oddline.tasks import TaskContext


def check(model: type[Given], given: Any, *, field: str) -> Any:
    """What users gave, as its type's own class.

    Raises:
        InvalidParameter: it does not fit; the error names the first part that does not, and quotes nothing of it.
    """
    try:
        return model.model_validate(given)
    except ValidationError as error:
        faults = [
            {"field": ".".join(map(str, (field, *fault["loc"]))), "code": fault["type"], "detail": fault["msg"]}
            for fault in error.errors(include_url=False, include_input=False, include_context=False)
        ]
        first = faults[0]
        raise InvalidParameter(f"{first['field']}: {first['detail']}", field=first["field"], errors=faults) from None


def open_link(
    context: TaskContext,
    connection: Connection,
    *,
    since: datetime | None = None,
    most: int = MOST_PART_ENTRIES,
    ends: float | None = None,
) -> tuple[ConnectionType, Link]:
    """A connection's type, and what it is read with.

    Args:
        since: from when on, and from no cursor: for who only looks.
        ends: when the last call is to be over, by `time.monotonic`.

    Raises:
        FeedRefused: what was given once does not fit any more.
        Undecipherable, NotConfigured: its credentials cannot be opened.
    """
    if connection.type not in TYPES:
        raise FeedRefused(f"there is no type {connection.type!r} of connections any more")
    kind = TYPES[connection.type]
    with context.db.transaction() as tx:
        sealed = store.credentials_of(tx, connection.id)
        operators = context.settings.operator_project
        is_operators = bool(operators) and find_project(tx, operators) == connection.project
        remembered = b"" if since else store.read_memory(tx, connection.id, most_bytes=MOST_HASHES * HASH_BYTES)
    shown = None if sealed is None else json.loads(context.settings.cipher().decrypt(sealed.encode()))
    try:
        configuration = check(kind.configuration, connection.configuration, field="configuration")
        credentials = None if shown is None else check(kind.credentials, shown, field="credentials")
    except InvalidParameter as error:
        raise FeedRefused(error.detail) from error
    return kind, Link(
        project=connection.project,
        source=connection.source,
        configuration=configuration,
        credentials=credentials,
        cursor={} if since else connection.cursor,
        since=since or connection.since,
        memory=Memory(remembered),
        outgoing=open_outgoing(context.settings, ends=ends),
        ends=ends,
        settings=context.settings,
        most=most,
        is_operators=is_operators,
        now=context.clock,
    )


def find(context: TaskContext, connection: UUID, *, project: UUID) -> Connection | None:
    """The connection of a task, which may be gone."""
    with context.db.transaction() as tx:
        return store.find(tx, connection, project=project)
