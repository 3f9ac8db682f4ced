"""Take the values of a person out of rows: all columns that can hold what came from outside are named here."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Final
from uuid import UUID

import psycopg
from psycopg import sql
from psycopg.rows import dict_row
from psycopg.types.json import Jsonb

from oddline.database import Database, Transaction
from oddline.privacy.finder import SEALED, Finder
from oddline.redaction import ERASED

ROWS_AT_ONCE: Final = 100  # in one transaction, so that none is long
_OWN: Final = "project_id = %(project)s"
_OWN_OR_NOBODYS: Final = f"({_OWN} OR project_id IS NULL)"
# What the system does is not to be led astray by anybody's erasure; what it tells operators is only read.
_TASKS: Final = (
    f"({_OWN} OR project_id IS NULL AND (state IN ('SUCCESS', 'FAILURE', 'REVOKED') OR name = 'send_system_alert'))"
)


class Form(Enum):
    """How a column holds text."""

    TEXT = auto()
    JSON = auto()
    JSON_TEXT = auto()  # a document in a column of text
    ADDRESSES = auto()  # a list in which what held a value has no place any more
    SHOWN = auto()  # a list of what is shown of something that stands encrypted beside it: it goes along


@dataclass(frozen=True, slots=True)
class Rows:
    """The columns of a table that can hold what came from outside; `scope` is whose rows are looked at.

    `name` is a column in which a row gets its id where the name without the values is another's. A row without one that
    would be there twice goes: a key of the same request, or what is counted or learned anew.
    """

    table: str
    key: tuple[str, ...]
    columns: Mapping[str, Form]
    scope: str = _OWN
    name: str | None = None


_BY_ID: Final = ("project_id", "id")
ROWS: Final = (
    Rows("sources", _BY_ID, {"name": Form.TEXT, "session_attribute": Form.TEXT}, name="name"),
    Rows("projects", ("id",), {"mail_recipients": Form.ADDRESSES}, scope="id = %(project)s"),
    Rows("api_keys", ("id",), {"name": Form.TEXT}),
    Rows("masking_rules", ("project_id", "source"), {"source": Form.TEXT, "own": Form.JSON, "changed_by": Form.TEXT}),
    Rows("erasures", _BY_ID, {"reason": Form.TEXT, "requested_by": Form.TEXT}),
    Rows("submission_state", ("id",), {"result": Form.JSON, "error": Form.TEXT, "failures": Form.JSON}),
    Rows("idempotency_keys", ("project_id", "key"), {"key": Form.TEXT, "answer": Form.JSON}),
    Rows(
        "odd_entries",
        ("project_id", "id", "kind"),
        {"source": Form.TEXT, "message": Form.TEXT, "attributes": Form.JSON_TEXT, "explanation": Form.JSON},
    ),
    Rows("odd_sequences", ("project_id", "entry_id"), {"grouping": Form.TEXT}),
    Rows("sequence_sources", ("project_id", "source_id", "grouping"), {"grouping": Form.TEXT}),
    Rows("sequence_feedback", _BY_ID, {"grouping": Form.TEXT, "note": Form.TEXT}),
    Rows("feedback", _BY_ID, {"note": Form.TEXT}),
    Rows("replays", ("id",), {"source": Form.TEXT}),
    Rows("schedules", ("id",), {"name": Form.TEXT, "payload": Form.JSON, "actor": Form.TEXT}, name="name"),
    Rows(
        "connections",
        ("id",),
        {
            "name": Form.TEXT,
            "source": Form.TEXT,
            "configuration": Form.JSON,
            "credentials": Form.TEXT,
            "cursor": Form.JSON,
            "last_error": Form.TEXT,
        },
        name="name",
    ),
    Rows("connection_objects", ("id",), {"key": Form.TEXT, "last_error": Form.TEXT}),
    Rows("schedule_runs", ("schedule_id", "planned"), {"detail": Form.TEXT}),
    Rows(
        "tasks",
        ("id",),
        {
            "payload": Form.JSON,
            "result": Form.JSON,
            "error": Form.TEXT,
            "failures": Form.JSON,
            "unique_key": Form.TEXT,
        },
        scope=_TASKS,
    ),
    Rows(
        "deliveries",
        ("id",),
        {"recipients": Form.SHOWN, "detail": Form.TEXT, "sealed": Form.TEXT},
        scope=_OWN_OR_NOBODYS,
    ),
    Rows(
        "system_alerts",
        ("project_id", "kind", "subject"),
        {"subject": Form.TEXT, "text": Form.TEXT},
        scope=_OWN_OR_NOBODYS,
    ),
    Rows("queue_holds", ("queue",), {"reason": Form.TEXT}, scope="true"),
    Rows("health_checks", ("part",), {"detail": Form.TEXT}, scope="true"),
)


def erase_rows(db: Database, rows: Rows, *, finder: Finder, project: UUID) -> int:
    """Take the values out of a table's rows; returns how many held one.

    Rows that hold something encrypted are opened to see.
    """
    key = sql.SQL(", ").join(map(sql.Identifier, rows.key))
    held = sql.SQL("concat_ws(E'\\n', {0}) {1} %(pattern)s OR concat_ws(E'\\n', {0}) ~ %(sealed)s").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in rows.columns),
        sql.SQL("~*" if finder.ignore_case else "~"),
    )
    chosen = sql.SQL("SELECT {0} FROM {1} WHERE {2} AND ({3}) ORDER BY {0}").format(
        key, sql.Identifier(rows.table), sql.SQL(rows.scope), held
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
    new = {name: _erased(row[name], form, finder) for name, form in rows.columns.items()}
    changed = {name: value for name, value in new.items() if value != row[name]}
    if changed:
        changed |= {name: [ERASED] * len(row[name]) for name, form in rows.columns.items() if form is Form.SHOWN}
        _write(tx, rows, at=at, new=changed)
    return bool(changed)


def _where(at: Mapping[str, Any]) -> sql.Composed:
    return sql.SQL(" AND ").join(
        sql.SQL("{} IS NULL" if value is None else "{} = {}").format(sql.Identifier(name), sql.Placeholder(name))
        for name, value in at.items()
    )


def _write(tx: Transaction, rows: Rows, *, at: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    stored = {name: Jsonb(value) if rows.columns[name] is Form.JSON else value for name, value in new.items()}
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


def _erased(value: Any, form: Form, finder: Finder) -> Any:
    if value is None:
        return None
    if form is Form.TEXT:
        return finder.text(value)
    if form is Form.JSON:
        return finder.json(value)
    if form is Form.JSON_TEXT:
        return finder.json_text(value)
    if form is Form.SHOWN:
        return [finder.text(one) for one in value]
    return [one for one in value if not finder.in_text(one)]
