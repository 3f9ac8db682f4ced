"""What is done with files beside bringing them in and reading them: list, trace, delete, take what others have put."""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any, Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import Conflict
from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.files.tasks import DELETE_LOG_FILE, FilePayload
from oddline.files.uploads import existing
from oddline.files.workflow import Started, chain_of, task_of
from oddline.ids import new_id
from oddline.submissions import NAME_CHARACTERS, submission_of
from oddline.tasks import enqueue, start_workflow

UPLOADED: Final = "uploads/"  # objects that others put into the bucket


def list_files(
    tx: Transaction, project: UUID, *, state: FileState | None = None, before: UUID | None = None, limit: int = 100
) -> list[LogFile]:
    """Files, newest first, from behind the id `before`."""
    return store.newest(tx, project, state=state, before=before, limit=limit)


def find_behind(tx: Transaction, project: UUID, *, after: UUID) -> LogFile | None:
    """The next file behind an id, in the order of the ids; also one that was deleted and of which something is left."""
    return store.next_behind(tx, project, after=after)


def is_underway(tx: Transaction, file: LogFile) -> bool:
    """Whether a task has begun to read a file and is to go on: not where it was cancelled, or is gone."""
    return file.state is FileState.PROCESSING and store.has_reader(tx, file)


def delete(tx: Transaction, project: UUID, *, file: UUID, now: datetime) -> UUID | None:
    """Delete a file for everybody; the id of the task that takes its bytes away, unless one waits already.

    Raises:
        NotFound: the project has no such file.
        Conflict: it is being processed.
    """
    found = existing(tx, project, file=file, lock=True)
    if is_underway(tx, found):
        raise Conflict(f"file {file} is being processed: cancel its task first", field="file_id")
    store.change(tx, found, was=[found.state], state=str(FileState.DELETED))
    task = new_id()
    is_new = enqueue(
        tx,
        DELETE_LOG_FILE,
        FilePayload(project=project, file=file),
        task_id=task,
        project=project,
        now=now,
        unique_key=f"delete_log_file:{project}:{file}",
    )
    return task if is_new else None


def origin_of(tx: Transaction, project: UUID, *, entry: UUID) -> dict[str, Any] | None:
    """The file that an entry comes from, and the bytes of it, unpacked, that it is among; None where it is of none."""
    part = store.find_part(tx, project, submission=submission_of(entry))
    return None if part is None else {"file_id": str(part[0]), "start": part[1], "end": part[2]}


@dataclass(frozen=True, slots=True, kw_only=True)
class PutObject:
    """An object that somebody put into the bucket; `mark` is what no other put of its key has."""

    key: str
    version: str
    mark: str
    size: int
    at: datetime


def take_object(tx: Transaction, project: UUID, put: PutObject, *, now: datetime) -> Started | None:
    """Have an object processed that somebody put into the bucket; None when that was done before.

    Its source is the folder that it stands in under `uploads/`, or else its name.
    """
    file_id = new_id()
    chain = chain_of(project, file_id)
    inner = PurePosixPath(put.key.removeprefix(UPLOADED))
    source = inner.name if inner.parent == PurePosixPath() else inner.parent.as_posix()
    file = LogFile(
        project=project,
        id=file_id,
        name=inner.name[-NAME_CHARACTERS:],
        source=source[-NAME_CHARACTERS:],
        state=FileState.UPLOADED,
        size=put.size,
        object_key=put.key,
        object_version=put.version,
        request_key=hashlib.sha256(f"{put.key}\n{put.version or put.mark}".encode()).hexdigest(),
        created_at=now,
        uploaded_at=put.at,
        task=task_of(chain),
    )
    if not store.insert(tx, file):
        return None
    return Started(task_of(chain), start_workflow(tx, [chain], project=project, now=now))
