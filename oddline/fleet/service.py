"""What operators do with workers and queues, and what they see of them."""

import logging
import re
from collections.abc import Collection
from dataclasses import replace
from datetime import datetime

from oddline.database import Database, Transaction
from oddline.errors import InvalidParameter, NotConfigured, NotFound, Unavailable, UnknownTask
from oddline.fleet import store
from oddline.fleet.model import QueueState, WorkerState
from oddline.tasks import WORKER_SEEN, Catalogue, Queue, WorkerClass

log = logging.getLogger(__name__)

_RATE = re.compile(r"\d{1,9}(/[smh])?")  # as Celery writes it: so many a second, where no unit is named


def list_queues(db: Database, *, redis_url: str, now: datetime) -> list[QueueState]:
    """All queues: their messages beside what waits in the ledger, and whether they are held."""
    from oddline.fleet.broker import count_messages

    with db.transaction() as tx:
        holds, waiting = store.holds(tx), store.waiting(tx, now=now)
    messages: dict[Queue, int] = {}
    try:
        messages = count_messages(redis_url)
    except (Unavailable, NotConfigured) as error:
        log.warning("the queues' messages cannot be counted: %s", error)
    return [
        QueueState(queue, messages.get(queue), *waiting.get(queue, (0, 0, None)), hold=holds.get(queue))
        for queue in Queue
    ]


def list_workers(db: Database, *, now: datetime) -> list[WorkerState]:
    """The workers that are alive, each with its processes and what these do."""
    with db.transaction() as tx:
        found = store.workers(tx, since=now - WORKER_SEEN)
        processes = store.processes(tx, since=now - WORKER_SEEN)
        work = store.work_in_hand(tx)
    of_worker = {worker.name: tuple(one for one in processes if one.worker == worker.name) for worker in found}
    return [
        replace(
            worker,
            processes=of_worker[worker.name],
            work=tuple(one for one in work if one.worker in {process.name for process in of_worker[worker.name]}),
        )
        for worker in found
    ]


def ask_restart(tx: Transaction, classes: Collection[WorkerClass], *, by: str, now: datetime) -> None:
    """Have the workers of these classes finish what they do and be replaced, one after the other; of all if empty."""
    store.ask_restart(tx, classes or list(WorkerClass), by=by, now=now)


def set_limit(tx: Transaction, task: str, *, rate: str, catalogue: Catalogue, by: str, now: datetime) -> None:
    """Change how often each worker may start a task: `10/m`, `5/s`, `100/h`, or `0` for as often as it can.

    Raises:
        UnknownTask: no worker runs a task of that name.
        InvalidParameter: it is no rate.
    """
    if task not in catalogue or catalogue[task].in_function:
        raise UnknownTask(f"no worker runs a task {task}", field="task")
    if not _RATE.fullmatch(rate):
        raise InvalidParameter(f"{rate!r} is no rate: write 10/m, 5/s, 100/h, or 0 for no limit", field="rate")
    store.set_limit(tx, task, rate=rate, by=by, now=now)


def lift_limit(tx: Transaction, task: str) -> None:
    """Let the catalogue's limit hold again.

    Raises:
        NotFound: it does already.
    """
    if not store.lift_limit(tx, task):
        raise NotFound(f"the limit of {task} is the catalogue's", field="task")
