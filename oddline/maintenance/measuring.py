"""Measure each minute what waits, who works on it and what holds others up, for alarms and for scaling."""

from datetime import datetime
from functools import reduce
from operator import add

from oddline.database import Database
from oddline.maintenance import store
from oddline.maintenance.store import Backlog
from oddline.metrics import LEDGER, QUEUE, WORKER_CLASS, Metrics
from oddline.submissions import SCORE_WAITING
from oddline.tasks import WORKER_SEEN, Queue, WorkerClass, count_by_class


def publish_metrics(db: Database, metrics: Metrics, *, now: datetime) -> dict[str, float]:
    """Tell the backlog of each queue and class, dead letters and the oldest transaction; returns backlogs per task.

    The backlog is the ledger's: messages in Redis only wake workers up. What waits to be scored counts in entries and
    at the queue of single submissions, since a message of either queue of scoring wakes for all of it; elsewhere it
    counts in tasks. Running tasks are workers that gave a sign of life lately. Where there are none the backlog counts
    as one task's, so that it alone scales a class out from nothing.
    """
    with db.transaction() as tx:
        oldest_transaction = store.oldest_transaction_age(tx, now=now)
        waiting = dict.fromkeys(Queue, Backlog()) | store.waiting_tasks(tx, now=now)
        waiting[SCORE_WAITING.queue] += store.unscored(tx)
        dead = store.count_dead_letters(tx)
        running = count_by_class(tx, since=now - WORKER_SEEN)
    for queue, backlog in waiting.items():
        metrics.emit(QUEUE, _told(backlog, now=now), dimension=queue)
    per_task = {}
    for worker_class in WorkerClass:
        backlog = reduce(add, (waiting[queue] for queue in Queue if queue.worker_class is worker_class))
        tasks = running[worker_class]
        per_task[str(worker_class)] = backlog.waiting / max(tasks, 1)
        metrics.emit(
            WORKER_CLASS,
            {
                **_told(backlog, now=now),
                "RunningTasks": tasks,
                "BacklogPerTask": per_task[worker_class],
            },
            dimension=worker_class,
        )
    metrics.emit(LEDGER, {"DeadLetters": dead, "OldestTransactionAge": oldest_transaction.total_seconds()})
    return per_task


def _told(backlog: Backlog, *, now: datetime) -> dict[str, float]:
    return {"Backlog": backlog.waiting, "BacklogAge": backlog.age(now).total_seconds()}
