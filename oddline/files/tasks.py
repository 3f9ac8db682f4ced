"""The catalogue entries of files."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from pydantic import Field

from oddline.tasks import Payload, Priority, Queue, Retry, Schedule, Starter, TaskSpec

NOBODY: Final = UUID(int=0)
_MOST_ATTEMPTS: Final = 30_000
"""A file may need many turns, each an attempt, and waits for scoring; what fails without getting on ends by itself."""

_GOES_ON: Final = Retry(attempts=_MOST_ATTEMPTS, base=timedelta(seconds=10), cap=timedelta(seconds=60))
MOST_AT_ONCE: Final = 4  # of one project: more would read beside each other, and no faster be scored
_BY_THE_FOLDER: Final = 1_000.0  # files that people upload in an hour, and nobody need wonder
_ON_REQUEST: Final = frozenset({Starter.MEMBER})


class FilePayload(Payload):
    """A file of a project."""

    project: UUID
    file: UUID


class FormattedFile(FilePayload):
    """A file of a project, and the format that it is in."""

    format: str = Field(min_length=1, max_length=100)


class FileGroup(Payload):
    """Files of a project that are processed side by side."""

    project: UUID
    files: tuple[UUID, ...]


_SMOKE: Final = FilePayload(project=NOBODY, file=NOBODY)

EXTRACT_LOG_METADATA: Final = TaskSpec(
    name="extract_log_metadata",
    queue=Queue.FILE_PROCESSING,
    payload=FilePayload,
    idempotency="the same bytes say the same of themselves",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    starters=_ON_REQUEST,
    smoke=_SMOKE,
    at_once=MOST_AT_ONCE,
    usual_an_hour=_BY_THE_FOLDER,
)
PROCESS_LOG_FILE: Final = TaskSpec(
    name="process_log_file",
    queue=Queue.FILE_PROCESSING,
    payload=FilePayload,
    idempotency="a part's id is derived from the object and its bytes, and the place reached is written with it",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    retry=_GOES_ON,
    smoke=_SMOKE,
    at_once=MOST_AT_ONCE,
    usual_an_hour=_BY_THE_FOLDER,
)
PARSE_STRUCTURED_LOGS: Final = TaskSpec(
    name="parse_structured_logs",
    queue=Queue.FILE_PROCESSING,
    payload=FormattedFile,
    idempotency="as process_log_file; a file that is read in part already goes on in the format that it began with",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    retry=_GOES_ON,
    starters=_ON_REQUEST,
    smoke=FormattedFile(project=NOBODY, file=NOBODY, format="json"),
    at_once=MOST_AT_ONCE,
    usual_an_hour=_BY_THE_FOLDER,
)
PROCESS_LOG_FILES: Final = TaskSpec(
    name="process_log_files",
    queue=Queue.FILE_PROCESSING,
    payload=FileGroup,
    idempotency="tells what became of the files",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    smoke=FileGroup(project=NOBODY, files=()),
    at_once=MOST_AT_ONCE,
    usual_an_hour=_BY_THE_FOLDER,
)
COMPRESS_LOG_FILE: Final = TaskSpec(
    name="compress_log_file",
    queue=Queue.FILE_PROCESSING,
    priority=Priority.LOW,
    payload=FilePayload,
    idempotency="what is packed stays so; the original goes when its row names the packed one",
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    starters=_ON_REQUEST,
    smoke=_SMOKE,
    at_once=1,  # it may take half an hour
    usual_an_hour=_BY_THE_FOLDER,
)
SCORE_LOG_FILE: Final = TaskSpec(
    name="score_log_file",
    queue=Queue.FILE_PROCESSING,
    payload=FilePayload,
    idempotency="looks whether all entries are scored, and wakes who scores them",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    retry=_GOES_ON,
    smoke=_SMOKE,
    at_once=MOST_AT_ONCE,
    usual_an_hour=_BY_THE_FOLDER,
)
CALCULATE_FILE_ANALYTICS: Final = TaskSpec(
    name="calculate_file_analytics",
    queue=Queue.FILE_PROCESSING,
    payload=FilePayload,
    idempotency="counts anew, and writes what it has counted over what stood there, unless that was more",
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    starters=_ON_REQUEST,
    smoke=_SMOKE,
    at_once=2,  # each reads all entries of a file
    usual_an_hour=_BY_THE_FOLDER,
)
DELETE_LOG_FILE: Final = TaskSpec(
    name="delete_log_file",
    queue=Queue.MAINTENANCE,
    priority=Priority.LOW,
    payload=FilePayload,
    idempotency="deletes what is left of a file that its project has deleted",
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    smoke=_SMOKE,
    usual_an_hour=_BY_THE_FOLDER,
)
CLEANUP_OLD_FILES: Final = TaskSpec(
    name="cleanup_old_files",
    queue=Queue.MAINTENANCE,
    priority=Priority.LOW,
    idempotency="deletes only what is past its time",
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    schedule=Schedule("rate(1 hour)"),
)
CLEANUP_TEMP_FILES: Final = TaskSpec(
    name="cleanup_temp_files",
    queue=Queue.MAINTENANCE,
    priority=Priority.LOW,
    idempotency="deletes only what is past its time",
    schedule=Schedule("rate(1 hour)"),
)

TASKS: Final = (
    EXTRACT_LOG_METADATA,
    PROCESS_LOG_FILE,
    PARSE_STRUCTURED_LOGS,
    PROCESS_LOG_FILES,
    COMPRESS_LOG_FILE,
    SCORE_LOG_FILE,
    CALCULATE_FILE_ANALYTICS,
    DELETE_LOG_FILE,
    CLEANUP_OLD_FILES,
    CLEANUP_TEMP_FILES,
)
