"""SQL of what the operator grants single projects."""

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Final
from uuid import UUID

from psycopg import sql
from psycopg.rows import dict_row

from oddline.database import Transaction
from oddline.limits.model import Limits

_NAMES: Final = tuple(field.name for field in fields(Limits))


def read_limits(tx: Transaction, project: UUID, *, defaults: Limits) -> Limits:
    """The project's limits: its own where the operator granted such, else the defaults."""
    with tx.cursor(row_factory=dict_row) as cursor:
        query = sql.SQL("SELECT {} FROM project_limits WHERE project_id = %s")
        own = cursor.execute(query.format(_columns(_NAMES)), [project]).fetchone()
    return replace(defaults, **{name: value for name, value in (own or {}).items() if value is not None})


def write_limits(tx: Transaction, project: UUID, *, changed: Mapping[str, int | None]) -> None:
    """Set some of a project's own limits, by their names in `Limits`; None for the default."""
    query = sql.SQL(
        "INSERT INTO project_limits (project_id, {columns}) VALUES (%s, {values})"
        " ON CONFLICT (project_id) DO UPDATE SET ({columns}) = ROW ({excluded})"
    ).format(
        columns=_columns(changed),
        values=sql.SQL(", ").join([sql.Placeholder()] * len(changed)),
        excluded=sql.SQL(", ").join(sql.SQL("excluded.") + sql.Identifier(name) for name in changed),
    )
    tx.execute(query, [project, *changed.values()])


def _columns(names: Mapping[str, object] | tuple[str, ...]) -> sql.Composed:
    return sql.SQL(", ").join(map(sql.Identifier, names))
