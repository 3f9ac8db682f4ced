"""SQL that takes the values of a person out of the rows of any table that `rows` names."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from oddline.database import Database, Transaction
from oddline.privacy.finder import SEALED, Finder
from oddline.privacy.rows import Form, Rows

ROWS_AT_ONCE: Final = 100  # in one transaction, so that none is long
_JSON: Final = frozenset({Form.JSON, Form.NAMED_JSON})


def erase_rows(db: Database, rows: Rows, *, finder: Finder, project: UUID, whole_installation: bool) -> int:
    """Take the values out of a table's rows, those of a project or of no project, too; returns how many held one.

    Rows that hold something encrypted are opened to see.
    """
    key = sql.SQL(", ").join(map(sql.Identifier, rows.key))
    held = sql.SQL("concat_ws(E'\\n', {0}) {1} %(pattern)s OR concat_ws(E'\\n', {0}) ~ %(sealed)s").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in rows.columns),
        sql.SQL("~*" if finder.ignore_case else "~"),
    )
    chosen = sql.SQL("SELECT {0} FROM {1} WHERE {2} AND ({3}) ORDER BY {0}").format(
        key, sql.Identifier(rows.table), sql.SQL(rows.within(whole_installation=whole_installation)), held
    )
    with db.transaction() as tx:
        given = {"project": project, "pattern": finder.pattern, "sealed": SEALED}
        found = tx.execute(chosen, given).fetchall()
    changed = 0
    for start in range(0, len(found), ROWS_AT_ONCE):
        with db.transaction() as tx:
            for values in found[start : start + ROWS_AT_ONCE]:
                changed += _erase_row(tx, rows, at=dict(zip(rows.key, values, strict=True)), finder=finder)
    return changed


def _erase_row(tx: Transaction, rows: Rows, *, at: Mapping[str, Any], finder: Finder) -> bool:
    """Whether the row held a value."""
    columns = sql.SQL(", ").join(map(sql.Identifier, rows.columns))
    with tx.cursor(row_factory=dict_row) as cursor:
        row = cursor.execute(
            sql.SQL("SELECT {} FROM {} WHERE {} FOR UPDATE").format(columns, sql.Identifier(rows.table), _where(at)), at
        ).fetchone()
    if row is None:
        return False
    if changed := rows.erased(row, finder):
        _write(tx, rows, at=at, new=changed)
    return bool(changed)


def _where(at: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} IS NULL" if value is None else "{} = {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name, value in at.items()
    )


def _write(tx: Transaction, rows: Rows, *, at: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    stored = {name: Jsonb(value) if rows.columns[name] in _JSON else value for name, value in new.items()}
    try:
        with tx.transaction():
            _update(tx, rows, at=at, new=stored)
    except psycopg.errors.UniqueViolation:
        if rows.name:
            _update(tx, rows, at=at, new=stored | {rows.name: f"{stored[rows.name]}-{at['id']}"})
        else:
            statement = sql.SQL("DELETE FROM {} WHERE {}").format(sql.Identifier(rows.table), _where(at))
            tx.execute(statement, at)


def _update(tx: Transaction, rows: Rows, *, at: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    changes = sql.SQL(", ").join(
        sql.SQL("{} = {}").format(sql.Identifier(name), sql.Placeholder(f"new {name}")) for name in new
    )
    tx.execute(
        sql.SQL("UPDATE {} SET {} WHERE {}").format(sql.Identifier(rows.table), changes, _where(at)),
        {**at, **{f"new {name}": value for name, value in new.items()}},
    )
