"""SQL that looks for values in every table there is, whatever is in it."""

from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Final
from uuid import UUID

from psycopg import sql

from oddline.database import Transaction
from oddline.privacy.finder import SEALED, Finder
from oddline.privacy.rows import ROWS, Form

READ_BY_PASSES: Final = frozenset({"submissions", "hot_chunks", "compacted_chunks"})
"""Tables of blobs that a pass opens one by one, going on where it was; here they would be read in one go."""

Columns = Mapping[str, str]
"""The types of a table's columns, by their names."""

_SEALED: Final = {"erasures": {"secret"}}  # that is where the values must be kept
_NAMED: Final = {
    (rows.table, column) for rows in ROWS for column, form in rows.columns.items() if form is Form.NAMED_JSON
}

_COLUMNS: Final = (
    "SELECT c.relname, a.attname, format_type(a.atttypid, NULL) FROM pg_class c"
    " JOIN pg_attribute a ON a.attrelid = c.oid WHERE c.relnamespace = 'public'::regnamespace"
    " AND c.relkind IN ('r', 'p') AND NOT c.relispartition"
    " AND a.attnum > 0 AND NOT a.attisdropped AND has_column_privilege(c.oid, a.attnum, 'SELECT')"
    " ORDER BY c.relname, a.attnum"
)
# What a JSON value says, without the names that are ours.
_SAID: Final = (
    "(SELECT string_agg(one #>> '{{}}', E'\\n') FROM jsonb_path_query({}, 'strict $.**') AS one"
    " WHERE jsonb_typeof(one) NOT IN ('object', 'array'))"
)


def list_tables(tx: Transaction) -> Mapping[str, Columns]:
    """Every table of which the transaction may read something, with those columns."""
    columns: dict[str, dict[str, str]] = defaultdict(dict)
    for table, column, kind in tx.execute(_COLUMNS).fetchall():
        columns[table][column] = kind
    return columns


def rows_within(table: str, columns: Columns, *, alone: bool) -> str | None:
    """SQL of the rows of a table that are a project's, and unless it is `alone` those of no project, too.

    None of a table that no project alone has anything in.
    """
    if "project_id" in columns:
        return "project_id = %(project)s" if alone else "(project_id = %(project)s OR project_id IS NULL)"
    if table == "projects":
        return "id = %(project)s"
    return None if alone else "true"


def count_rows(
    tx: Transaction, table: str, columns: Columns, *, within: str, finder: Finder, project: UUID
) -> tuple[int, int]:
    """(rows, those in which a value stands in the clear)."""
    statement = sql.SQL(
        "SELECT count(*), count(*) FILTER (WHERE concat_ws(E'\\n', {}) {} %(pattern)s) FROM {} WHERE {}"
    ).format(
        _texts(table, columns),
        sql.SQL("~*" if finder.ignore_case else "~"),
        sql.Identifier(table),
        sql.SQL(within),
    )
    [(rows, held)] = tx.execute(statement, {"project": project, "pattern": finder.pattern}).fetchall()
    return int(rows), int(held)


def count_sealed(
    tx: Transaction, table: str, columns: Columns, *, within: str, holds: Callable[[str], bool], project: UUID
) -> int:
    """How many rows hold what `holds` finds, of those in which something stands encrypted."""
    statement = sql.SQL(
        "SELECT concat_ws(E'\\n', {0}) FROM {1} WHERE {2} AND concat_ws(E'\\n', {0}) ~ %(sealed)s"
    ).format(_texts(table, columns), sql.Identifier(table), sql.SQL(within))
    return sum(holds(text) for (text,) in tx.execute(statement, {"project": project, "sealed": SEALED}).fetchall())


def count_blobs(
    tx: Transaction, table: str, columns: Columns, *, within: str, holds: Callable[[bytes], bool], project: UUID
) -> int:
    """How many rows have a blob in which `holds` finds something."""
    packed = [name for name, kind in columns.items() if kind == "bytea" and name not in _SEALED.get(table, set())]
    if not packed or table in READ_BY_PASSES:
        return 0
    names = sql.SQL(", ").join(map(sql.Identifier, packed))
    statement = sql.SQL("SELECT {} FROM {} WHERE {}").format(names, sql.Identifier(table), sql.SQL(within))
    with tx.cursor(name="blobs", binary=True) as cursor:
        cursor.execute(statement, {"project": project})
        return sum(any(blob and holds(blob) for blob in row) for row in cursor)


def _texts(table: str, columns: Columns) -> sql.Composed:
    return sql.SQL(", ").join(_text(table, name, kind) for name, kind in columns.items() if kind != "bytea")


def _text(table: str, name: str, kind: str) -> sql.Composed:
    if kind == "jsonb" and (table, name) not in _NAMED:
        return sql.SQL(_SAID).format(sql.Identifier(name))
    return sql.SQL("{}::text").format(sql.Identifier(name))
