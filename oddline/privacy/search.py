"""Look whether anything still holds the values: in every table, whatever is in it, and in all that Redis has."""

import base64
import binascii
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg import sql
from redis import Redis
from redis.exceptions import RedisError

from oddline.database import Database, Transaction
from oddline.errors import Unavailable
from oddline.privacy.finder import SEALED, Finder

READ_BY_PASSES: Final = frozenset({"submissions", "hot_chunks", "compacted_chunks"})
"""Tables of blobs that a pass opens one by one, going on where it was; here they would be read in one go."""

_SEALED: Final = {"erasures": {"secret"}}  # that is where the values must be kept
_ITEMS_AT_ONCE: Final = 1_000

_COLUMNS: Final = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace"
    " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    " AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
    " ORDER BY c.relname, a.attnum"
)


@dataclass(slots=True)
class Searched:
    """What was looked at, and where a value stands yet: how many rows by table, messages under `queue`."""

    tables: int = 0
    rows: int = 0
    messages: int = 0
    held: dict[str, int] = field(default_factory=dict)


def search_tables(db: Database, *, finder: Finder, project: UUID, searched: Searched) -> None:
    """Look through every table that there is, as far as it is the project's or nobody's."""
    with db.transaction() as tx:
        columns: dict[str, dict[str, str]] = defaultdict(dict)
        for table, column, kind in tx.execute(_COLUMNS).fetchall():
            columns[table][column] = kind
    for table, kinds in columns.items():
        with db.transaction() as tx:
            rows, held = _search_table(tx, table, kinds, finder=finder, project=project)
        searched.tables += 1
        searched.rows += rows
        if held:
            searched.held[table] = held


def _search_table(
    tx: Transaction, table: str, kinds: dict[str, str], *, finder: Finder, project: UUID
) -> tuple[int, int]:
    """(rows, those that hold a value)."""
    told = [name for name, kind in kinds.items() if kind != "bytea"]
    packed = [name for name, kind in kinds.items() if kind == "bytea" and name not in _SEALED.get(table, set())]
    scope = "true"
    if "project_id" in kinds:
        scope = "(project_id = %(project)s OR project_id IS NULL)"
    elif table == "projects":
        scope = "id = %(project)s"
    given = {"project": project, "pattern": finder.pattern, "sealed": SEALED}
    statement = sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE concat_ws(E'\\n', {}) {} %(pattern)s) FROM {} WHERE {}"
    )
    texts = sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in told)
    operator = sql.SQL("~*" if finder.ignore_case else "~")
    found = tx.execute(statement.format(texts, operator, sql.Identifier(table), sql.SQL(scope)), given).fetchall()
    rows, held = found[0]
    sealed = sql.SQL("SELECT concat_ws(E'\\n', {0}) FROM {1} WHERE {2} AND concat_ws(E'\\n', {0}) ~ %(sealed)s").format(
        texts, sql.Identifier(table), sql.SQL(scope)
    )
    held += sum(finder.in_text(row[0]) for row in tx.execute(sealed, given).fetchall())
    if packed and table not in READ_BY_PASSES:
        names = sql.SQL(", ").join(map(sql.Identifier, packed))
        blobs = sql.SQL("SELECT {} FROM {} WHERE {}").format(names, sql.Identifier(table), sql.SQL(scope))
        with tx.cursor(name="blobs", binary=True) as cursor:
            cursor.execute(blobs, given)
            held += sum(any(blob and finder.in_bytes(blob) for blob in row) for row in cursor)
    return int(rows), int(held)


def search_queue(url: str, *, finder: Finder, searched: Searched) -> None:
    """Look through everything in Redis: it is one broker for all projects, and nothing in it is changed.

    Raises:
        Unavailable: Redis does not answer.
    """
    held = 0
    try:
        with Redis.from_url(url, socket_timeout=30) as client:
            for key in client.scan_iter(count=_ITEMS_AT_ONCE):
                for item in [key, *_items(client, key)]:
                    searched.messages += 1
                    held += finder.in_bytes(item) or finder.in_bytes(_body(item))
    except RedisError as error:
        raise Unavailable(f"the queue cannot be searched: {type(error).__name__}") from error
    if held:
        searched.held["queue"] = held


def _items(client: Any, key: bytes) -> Iterator[bytes]:
    kind = client.type(key)
    if kind == b"string":
        yield client.get(key) or b""
    elif kind == b"list":
        for start in range(0, client.llen(key), _ITEMS_AT_ONCE):
            yield from client.lrange(key, start, start + _ITEMS_AT_ONCE - 1)
    elif kind == b"hash":
        for name, value in client.hscan_iter(key):
            yield name + b"\n" + value
    elif kind == b"set":
        yield from client.sscan_iter(key)
    elif kind == b"zset":
        yield from (member for member, _ in client.zscan_iter(key))


def _body(item: bytes) -> bytes:
    """What a message carries, which stands in it as base64 in JSON; nothing where it is no message."""
    try:
        message: Any = orjson.loads(item)
        return base64.b64decode(message["body"])
    except (orjson.JSONDecodeError, binascii.Error, KeyError, TypeError, ValueError):
        return b""
