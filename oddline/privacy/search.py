"""Look whether anything within reach still holds the values: in every table, and in what Redis has."""

import base64
import binascii
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice
from typing import Any, Final
from uuid import UUID

import orjson
from redis import Redis
from redis.exceptions import RedisError

from oddline.database import Database
from oddline.errors import Unavailable
from oddline.privacy import place_store, search_store
from oddline.privacy.finder import Finder

_ITEMS_AT_ONCE: Final = 1_000


@dataclass(slots=True)
class Searched:
    """What was looked at, and where a value stands yet: how many rows by table, messages under `queue`."""

    tables: int = 0
    rows: int = 0
    messages: int = 0
    held: dict[str, int] = field(default_factory=dict)


def search_tables(db: Database, *, finder: Finder, project: UUID, alone: bool, searched: Searched) -> None:
    """Look through every table that there is: the project's rows, and unless it is `alone` those of no project, too."""
    with db.transaction() as tx:
        tables = search_store.list_tables(tx)
    for table, columns in tables.items():
        within = search_store.rows_within(table, columns, alone=alone)
        if within is None:
            continue
        with db.transaction() as tx:
            rows, held = search_store.count_rows(tx, table, columns, within=within, finder=finder, project=project)
            held += search_store.count_sealed(tx, table, columns, within=within, holds=finder.in_text, project=project)
            held += search_store.count_blobs(tx, table, columns, within=within, holds=finder.in_bytes, project=project)
        searched.tables += 1
        searched.rows += rows
        if held:
            searched.held[table] = held


def search_queue(url: str, db: Database, *, finder: Finder, project: UUID | None, searched: Searched) -> None:
    """Look through Redis, which is one for all projects; nothing in it is changed.

    Args:
        project: whose messages alone are looked at, those of its tasks; None for everything.

    Raises:
        Unavailable: Redis does not answer.
    """
    held = 0
    try:
        with Redis.from_url(url, socket_timeout=30) as client:
            items = _items(client)
            while some := list(islice(items, _ITEMS_AT_ONCE)):
                own = some if project is None else _own(some, db, project=project)
                searched.messages += len(own)
                held += sum(finder.in_bytes(item) or finder.in_bytes(_body(item)) for item in own)
    except RedisError as error:
        raise Unavailable(f"the queue cannot be searched: {type(error).__name__}") from error
    if held:
        searched.held["queue"] = held


def _own(items: Sequence[bytes], db: Database, *, project: UUID) -> Sequence[bytes]:
    """Those that are messages about a task of the project."""
    tasks = [_task(item) for item in items]
    with db.transaction() as tx:
        own = place_store.own_tasks(tx, project, tasks={task for task in tasks if task is not None})
    return [item for item, task in zip(items, tasks, strict=True) if task in own]


def _items(client: Any) -> Iterator[bytes]:
    """Every key, and all that stands under it."""
    for key in client.scan_iter(count=_ITEMS_AT_ONCE):
        yield key
        yield from _held_by(client, key)


def _held_by(client: Any, key: bytes) -> Iterable[bytes]:
    kind = client.type(key)
    if kind == b"string":
        yield client.get(key) or b""
    elif kind == b"list":
        for start in range(0, client.llen(key), _ITEMS_AT_ONCE):
            yield from client.lrange(key, start, start + _ITEMS_AT_ONCE - 1)
    elif kind == b"hash":
        for name, value in client.hscan_iter(key):
            yield name
            yield value
    elif kind == b"set":
        yield from client.sscan_iter(key)
    elif kind == b"zset":
        yield from (member for member, _ in client.zscan_iter(key))


def _task(item: bytes) -> UUID | None:
    """The task that a message wakes a worker for; None of what is no such message."""
    try:
        arguments, _, _ = orjson.loads(_body(item))
        return UUID(arguments[0])
    except (orjson.JSONDecodeError, IndexError, TypeError, ValueError, AttributeError):
        return None


def _body(item: bytes) -> bytes:
    """What a message carries, which stands in it as base64 in JSON; nothing where it is no message."""
    try:
        message: Any = orjson.loads(item)
        if isinstance(message, list):  # taken and not acknowledged: with where it came from
            message = message[0]
        return base64.b64decode(message["body"])
    except (orjson.JSONDecodeError, binascii.Error, IndexError, KeyError, TypeError, ValueError):
        return b""
