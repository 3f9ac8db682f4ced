"""The catalogue entry of searches that take long."""

from datetime import timedelta
from typing import Any, Final
from uuid import UUID

from pydantic import Field

from oddline.tasks import Payload, Queue, TaskSpec

RESULT_KEPT: Final = timedelta(days=1)
_ROW_KEPT: Final = timedelta(days=2)  # who watches for unusual numbers of tasks looks back over more than a day


class SearchEntries(Payload):
    """What is searched for: an `EntryQuery` as JSON, how many entries at most, and whether all are counted."""

    project: UUID
    query: dict[str, Any]
    limit: int = Field(default=100, ge=1, le=1_000)
    facets: bool = False


SEARCH_ENTRIES: Final = TaskSpec(
    name="search_entries",
    queue=Queue.DATA_ANALYSIS,
    payload=SearchEntries,
    idempotency="reads, and writes one object under the task's own name",
    soft_limit=timedelta(seconds=1_500),
    hard_limit=timedelta(seconds=1_800),
    sealed=True,  # people look for names
    result_kept=_ROW_KEPT,
    at_once=2,  # each may take half an hour, of the few processes that others need as well
    smoke=SearchEntries(project=UUID(int=0), query={}, limit=1),
)

TASKS: Final = (SEARCH_ENTRIES,)
