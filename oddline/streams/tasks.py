"""The catalogue entries of live connections."""

from datetime import timedelta
from typing import Final
from uuid import UUID

from oddline.tasks import Payload, Queue, Retry, Schedule, Starter, TaskSpec

_HOUR: Final = timedelta(hours=1)  # there are some thousand a day of each connection, and its row says how it is doing
MOST_IN_FLIGHT: Final = 4  # of one project: its slow servers are not to hold all workers
_NONE: Final = UUID(int=0)


class OfConnection(Payload):
    """A connection of a project."""

    project: UUID
    connection: UUID


POLL_ALL_CONNECTIONS: Final = TaskSpec(
    name="poll_all_connections",
    queue=Queue.DATA_ANALYSIS,
    idempotency="starts what is due, unless it waits already",
    schedule=Schedule("rate(1 minute)", again_after=timedelta(seconds=30)),
    result_kept=_HOUR,
)
POLL_CLOUD_LOGS: Final = TaskSpec(
    name="poll_cloud_logs",
    queue=Queue.DATA_ANALYSIS,
    payload=OfConnection,
    idempotency="the cursor moves in the transaction that stores what was read",
    retry=Retry(attempts=4, base=timedelta(seconds=10), cap=timedelta(seconds=60)),
    starters=frozenset({Starter.SYSTEM}),
    result_kept=_HOUR,
    smoke=OfConnection(project=_NONE, connection=_NONE),
    at_once=MOST_IN_FLIGHT,
)
PROCESS_LIVE_LOGS: Final = TaskSpec(
    name="process_live_logs",
    queue=Queue.FILE_PROCESSING,
    payload=OfConnection,
    # As of the files', so that the message of either can bring a turn of the other.
    soft_limit=timedelta(seconds=300),
    hard_limit=timedelta(seconds=600),
    idempotency="how far an object is stored is written in the transaction that stores its entries",
    retry=Retry(attempts=4, base=timedelta(seconds=10), cap=timedelta(seconds=60)),
    starters=frozenset({Starter.SYSTEM}),
    result_kept=_HOUR,
    smoke=OfConnection(project=_NONE, connection=_NONE),
    at_once=MOST_IN_FLIGHT,
)
TEST_CONNECTION: Final = TaskSpec(
    name="test_connection",
    queue=Queue.DATA_ANALYSIS,
    payload=OfConnection,
    idempotency="reads a little and stores nothing",
    retry=Retry(attempts=2, base=timedelta(seconds=5), cap=timedelta(seconds=5)),
    starters=frozenset({Starter.SYSTEM}),  # by its own route
    sealed=True,  # it tells entries
    smoke=OfConnection(project=_NONE, connection=_NONE),
    at_once=MOST_IN_FLIGHT,
)

POLLS: Final = (POLL_ALL_CONNECTIONS, POLL_CLOUD_LOGS, PROCESS_LIVE_LOGS)  # as many as connections and what they bring
TASKS: Final = (*POLLS, TEST_CONNECTION)
