"""The way of a file from its upload to its entries: tasks, each of which starts when the one before it has ended."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final
from uuid import UUID

from oddline.database import Transaction
from oddline.errors import Conflict, NotFound
from oddline.files import store
from oddline.files.log_file import FileState, LogFile
from oddline.files.tasks import (
    CALCULATE_FILE_ANALYTICS,
    COMPRESS_LOG_FILE,
    EXTRACT_LOG_METADATA,
    PROCESS_LOG_FILE,
    PROCESS_LOG_FILES,
    SCORE_LOG_FILE,
    FileGroup,
)
from oddline.search import GENERATE_EMBEDDINGS
from oddline.tasks import Step, TaskSpec, find, start_workflow, step

STEPS: Final[tuple[TaskSpec, ...]] = (
    EXTRACT_LOG_METADATA,
    PROCESS_LOG_FILE,
    COMPRESS_LOG_FILE,
    SCORE_LOG_FILE,
    GENERATE_EMBEDDINGS,
    CALCULATE_FILE_ANALYTICS,
)
"""One after the other; each is given what its payload has room for: the project, and the file. What is done with the
entries once they are scored comes behind `SCORE_LOG_FILE`."""


@dataclass(frozen=True, slots=True)
class Started:
    """The task that tells how far it is, and what is to be published after the commit."""

    task: UUID
    due: Sequence[Step] = ()


def chain_of(project: UUID, file: UUID) -> list[Step]:
    """The steps of a file, and none of them begun."""
    given = {"project": project, "file": file}
    return [
        step(spec, spec.payload(**{name: given[name] for name in given if name in spec.payload.model_fields}))
        for spec in STEPS
    ]


def task_of(chain: Sequence[Step]) -> UUID:
    """The id of the step that makes entries: the file's task."""
    return next(one.id for one in chain if one.spec is PROCESS_LOG_FILE)


def start_processing(tx: Transaction, project: UUID, *, file: UUID, now: datetime) -> Started:
    """Have a file processed, unless it is or was: then its task is the same as before.

    One that failed or was cancelled goes on where it stopped.

    Raises:
        NotFound: the project has no such file.
        Conflict: it is not whole yet.
    """
    found = _ready(tx, project, file=file)
    if found.task is not None and not _has_stopped(tx, found):
        return Started(found.task)
    chain = chain_of(project, file)
    _mark(tx, found, chain)
    return Started(task_of(chain), start_workflow(tx, [chain], project=project, now=now))


def start_group(
    tx: Transaction, project: UUID, *, files: Sequence[UUID], now: datetime
) -> tuple[Started, dict[UUID, UUID]]:
    """Have files processed side by side; returns what waits for all of them, and the task of each.

    Raises:
        NotFound, Conflict: as `start_processing`; then none is started.
    """
    tasks: dict[UUID, UUID] = {}
    chains = []
    for file in sorted(set(files)):
        found = _ready(tx, project, file=file)
        if found.task is not None and not _has_stopped(tx, found):
            tasks[file] = found.task
            continue
        chain = chain_of(project, file)
        _mark(tx, found, chain)
        tasks[file] = task_of(chain)
        chains.append(chain)
    whole = step(PROCESS_LOG_FILES, FileGroup(project=project, files=tuple(tasks)))
    due = start_workflow(tx, chains, project=project, now=now, then=whole)
    return Started(whole.id, due or [whole]), tasks


def _ready(tx: Transaction, project: UUID, *, file: UUID) -> LogFile:
    found = store.find(tx, project, file=file, lock=True)
    if found is None:
        raise NotFound(f"there is no file {file}", field="file_id")
    if found.state is FileState.UPLOADING:
        raise Conflict(f"file {file} is not whole yet: complete its upload first", field="file_id")
    return found


def _has_stopped(tx: Transaction, file: LogFile) -> bool:
    """Whether nothing works on a file that is not done."""
    if file.state.is_read:
        return False
    task = find(tx, file.task) if file.task else None
    return task is None or task.state.ready


def _mark(tx: Transaction, file: LogFile, chain: Sequence[Step]) -> None:
    store.change(tx, file, was=[file.state], task_id=task_of(chain), state=str(FileState.UPLOADED), tries=0, error=None)
