"""SQL of log files and of the parts that they became."""

from collections.abc import Collection
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.files.log_file import FileState, LogFile
from oddline.files.tasks import PARSE_STRUCTURED_LOGS, PROCESS_LOG_FILE

_NAMES: Final = {"project": "project_id", "task": "task_id"}
_COLUMNS: Final = ", ".join(
    f"{_NAMES[one.name]} AS {one.name}" if one.name in _NAMES else one.name for one in fields(LogFile)
)
_AT: Final = "project_id = %(project)s AND id = %(id)s"
_READERS: Final = [PROCESS_LOG_FILE.name, PARSE_STRUCTURED_LOGS.name]
# By what tasks are given: a file's row does not name one that somebody started beside its chain.
_HAS_READER: Final = (
    "EXISTS (SELECT 1 FROM tasks WHERE tasks.project_id = files.project_id AND tasks.name = ANY (%(readers)s)"
    " AND tasks.state IN ('PENDING', 'STARTED', 'PROGRESS', 'RETRY') AND tasks.payload ->> 'file' = files.id::text)"
)


def _file(**columns: Any) -> LogFile:
    return LogFile(**columns | {"state": FileState(columns["state"])})


def insert(tx: Transaction, file: LogFile) -> bool:
    """Write a file; False when one was asked for by the same key."""
    row = {
        "project_id": file.project,
        "id": file.id,
        "name": file.name,
        "source": file.source,
        "format": file.format,
        "zone": file.zone,
        "state": str(file.state),
        "size": file.size,
        "part_bytes": file.part_bytes,
        "upload": file.upload,
        "object_key": file.object_key,
        "object_version": file.object_version,
        "request_key": file.request_key,
        "created_at": file.created_at,
        "uploaded_at": file.uploaded_at,
        "task_id": file.task,
    }
    values = ", ".join(f"%({name})s" for name in row)
    return (
        tx.execute(f"INSERT INTO files ({', '.join(row)}) VALUES ({values}) ON CONFLICT DO NOTHING", row).rowcount == 1
    )


def count_open(tx: Transaction, project: UUID) -> int:
    """How many uploads of a project are open; until the transaction ends nobody else begins one."""
    tx.execute("SELECT pg_advisory_xact_lock(hashtextextended(%s, 0))", [f"uploads {project}"])
    row = tx.execute("SELECT count(*) FROM files WHERE project_id = %s AND state = 'uploading'", [project]).fetchone()
    return int(row[0]) if row else 0


def find(tx: Transaction, project: UUID, *, file: UUID, lock: bool = False) -> LogFile | None:
    """A file by its id, unless it was deleted."""
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE {_AT} AND state <> 'deleted' {'FOR UPDATE' if lock else ''}",
            {"project": project, "id": file},
        ).fetchone()


def find_deleted(tx: Transaction, project: UUID, *, file: UUID) -> LogFile | None:
    """A file that was deleted and of which something is left."""
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE {_AT} AND state = 'deleted'", {"project": project, "id": file}
        ).fetchone()


def find_by_key(tx: Transaction, project: UUID, *, request_key: str) -> LogFile | None:
    """The file that was asked for by a key."""
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE project_id = %s AND request_key = %s AND state <> 'deleted'",
            [project, request_key],
        ).fetchone()


def newest(
    tx: Transaction, project: UUID, *, state: FileState | None, before: UUID | None, limit: int
) -> list[LogFile]:
    """Files that were not deleted, newest first, from behind an id."""
    conditions = ["project_id = %(project)s", "state = %(state)s" if state else "state <> 'deleted'"]
    if before is not None:
        conditions.append("id < %(before)s")
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE {' AND '.join(conditions)} ORDER BY id DESC LIMIT %(limit)s",
            {"project": project, "state": state and str(state), "before": before, "limit": limit},
        ).fetchall()


def next_behind(tx: Transaction, project: UUID, *, after: UUID) -> LogFile | None:
    """The file with the next id, also one that was deleted and of which something is left."""
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE project_id = %s AND id > %s ORDER BY id LIMIT 1",
            [project, after],
        ).fetchone()


def has_reader(tx: Transaction, file: LogFile) -> bool:
    """Whether a task that makes entries of a file has not ended."""
    row = tx.execute(
        f"SELECT {_HAS_READER} FROM files WHERE {_AT}", {"readers": _READERS, "project": file.project, "id": file.id}
    ).fetchone()
    return bool(row and row[0])


def change(tx: Transaction, file: LogFile, *, was: Collection[FileState], **columns: Any) -> LogFile | None:
    """Set some columns of a file that is in one of these states; None when it is not."""
    given = {name: Jsonb(value) if isinstance(value, dict) else value for name, value in columns.items()}
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"UPDATE files SET {', '.join(f'{name} = %({name})s' for name in given)}"
            f" WHERE {_AT} AND state = ANY (%(was)s) RETURNING {_COLUMNS}",
            {**given, "project": file.project, "id": file.id, "was": [str(state) for state in was]},
        ).fetchone()


def advance(
    tx: Transaction,
    file: LogFile,
    *,
    start: int,
    end: int,
    entries: int,
    refused: int,
    progress: float,
    metadata: dict[str, Any],
) -> bool:
    """Note that the bytes from `start` to `end` are stored; False when somebody else is further, or not as far."""
    return (
        tx.execute(
            "UPDATE files SET position = %(end)s, entries = entries + %(entries)s, refused = refused + %(refused)s,"
            " progress = greatest(progress, %(progress)s), metadata = %(metadata)s, problems = %(problems)s, tries = 0"
            f" WHERE {_AT} AND position = %(start)s AND state = 'processing'",
            {
                "project": file.project,
                "id": file.id,
                "start": start,
                "end": end,
                "entries": entries,
                "refused": refused,
                "progress": progress,
                "metadata": Jsonb(metadata),
                "problems": Jsonb(metadata["problems"]),
            },
        ).rowcount
        == 1
    )


def insert_part(
    tx: Transaction, file: LogFile, *, start: int, end: int, submission: UUID, entries: int, now: datetime
) -> None:
    """Note which submission some bytes of a file became."""
    tx.execute(
        "INSERT INTO file_parts (project_id, file_id, first_byte, end_byte, submission_id, entries, stored_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s)",
        [file.project, file.id, start, end, submission, entries, now],
    )


def submissions_by_day(tx: Transaction, file: LogFile) -> dict[date, list[UUID]]:
    """What a file became, by the day of arrival."""
    rows = tx.execute(
        "SELECT (stored_at AT TIME ZONE 'UTC')::date, array_agg(submission_id) FROM file_parts"
        " WHERE project_id = %s AND file_id = %s GROUP BY 1",
        [file.project, file.id],
    ).fetchall()
    return dict(rows)


def count_unscored(tx: Transaction, file: LogFile) -> int:
    """How many parts of a file wait to be scored, or are being scored now."""
    row = tx.execute(
        "SELECT count(*) FROM file_parts JOIN submission_state ON submission_state.id = submission_id"
        " WHERE file_parts.project_id = %s AND file_id = %s AND submission_state.state IN ('accepted', 'claimed')",
        [file.project, file.id],
    ).fetchone()
    return int(row[0]) if row else 0


def find_part(tx: Transaction, project: UUID, *, submission: UUID) -> tuple[UUID, int, int] | None:
    """(file, first byte, end) of what a submission was made of; None where that was no file."""
    return tx.execute(
        "SELECT file_id, first_byte, end_byte FROM file_parts WHERE project_id = %s AND submission_id = %s",
        [project, submission],
    ).fetchone()


def old(tx: Transaction, *, kept_since: datetime, begun_since: datetime, limit: int) -> list[LogFile]:
    """What is to go: deleted files, those past their time, and uploads that were begun long ago; of all projects."""
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE state = 'deleted' OR state = 'uploading' AND created_at < %(begun)s"
            " OR created_at < %(kept)s AND (state IN ('uploaded', 'processed', 'damaged', 'failed')"
            f" OR state = 'processing' AND NOT {_HAS_READER}) ORDER BY created_at LIMIT %(limit)s",
            {"kept": kept_since, "begun": begun_since, "limit": limit, "readers": _READERS},
        ).fetchall()


def delete(tx: Transaction, file: LogFile, *, limit: int) -> bool:
    """Forget a file's parts, at most so many, and then itself; whether nothing of it is left."""
    gone = tx.execute(
        "DELETE FROM file_parts WHERE ctid IN (SELECT ctid FROM file_parts"
        " WHERE project_id = %s AND file_id = %s LIMIT %s)",
        [file.project, file.id, limit],
    ).rowcount
    if gone == limit:
        return False
    tx.execute("DELETE FROM files WHERE project_id = %s AND id = %s", [file.project, file.id])
    return True


def untold_uploads(tx: Transaction) -> list[LogFile]:
    """Uploads under way whose size nobody told, of all projects."""
    with tx.cursor(row_factory=kwargs_row(_file)) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM files WHERE state = 'uploading' AND size IS NULL AND upload IS NOT NULL"
        ).fetchall()


def named_uploads(tx: Transaction) -> set[str]:
    """The uploads that files name."""
    return {row[0] for row in tx.execute("SELECT upload FROM files WHERE upload IS NOT NULL").fetchall()}
