"""The SQL of held queues, restarts, rate limits, and what workers tell of themselves."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.fleet.model import Hold, RateLimit, Wishes, Work, WorkerProcess, WorkerState
from oddline.tasks import Queue, WorkerClass


def hold(tx: Transaction, queue: Queue, *, by: str, reason: str, now: datetime) -> None:
    """Have nobody take work of a queue until it is released; who held it first stays on record."""
    tx.execute(
        "INSERT INTO queue_holds (queue, held_at, held_by, reason) VALUES (%s, %s, %s, %s) ON CONFLICT DO NOTHING",
        [str(queue), now, by, reason],
    )


def release(tx: Transaction, queue: Queue) -> bool:
    """Let work be taken again; workers notice within seconds. False when it was not held."""
    return tx.execute("DELETE FROM queue_holds WHERE queue = %s", [str(queue)]).rowcount == 1


def holds(tx: Transaction) -> dict[str, Hold]:
    """The queues that are held."""
    with tx.cursor(row_factory=class_row(Hold)) as cursor:
        found = cursor.execute("SELECT queue, held_at, held_by, reason FROM queue_holds").fetchall()
    return {one.queue: one for one in found}


def held_queues(tx: Transaction) -> set[str]:
    """The names of the queues that are held."""
    return {queue for (queue,) in tx.execute("SELECT queue FROM queue_holds").fetchall()}


def waiting(tx: Transaction, *, now: datetime) -> dict[str, tuple[int, int, datetime | None]]:
    """What waits in the ledger by queue: how much is due, how much for later, since when the oldest is due."""
    rows = tx.execute("SELECT queue, due, later, oldest FROM work_waiting(%s)", [now]).fetchall()
    summed: dict[str, tuple[int, int, datetime | None]] = {}
    for queue, due, later, oldest in rows:
        before_due, before_later, before = summed.get(queue, (0, 0, None))
        oldest_of_both = min((one for one in (before, oldest) if one is not None), default=None)
        summed[queue] = (before_due + due, before_later + later, oldest_of_both)
    return summed


def ask_restart(tx: Transaction, classes: Collection[WorkerClass], *, by: str, now: datetime) -> None:
    """Wish that the workers of these classes that run now end and are started again."""
    with tx.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO worker_restarts (class, asked_at, asked_by) VALUES (%s, %s, %s)"
            " ON CONFLICT (class) DO UPDATE SET asked_at = excluded.asked_at, asked_by = excluded.asked_by",
            [[str(one), now, by] for one in sorted(classes)],
        )


def take_turn(tx: Transaction, worker: str, *, now: datetime, seen: timedelta) -> bool:
    """Whether it is this worker's turn to end; from then on it is true until it has ended.

    One after the other: not while another of its classes, which gave a sign of life within `seen`, is ending.
    """
    tx.execute("SELECT 1 FROM worker_restarts ORDER BY class FOR UPDATE")
    return (
        tx.execute(
            "UPDATE workers AS own SET ending_at = coalesce(own.ending_at, %(now)s) WHERE name = %(worker)s"
            # Who took the turn before may have died before it did anything.
            " AND (own.ending_at IS NOT NULL OR NOT EXISTS"
            " (SELECT 1 FROM workers AS other WHERE other.name <> own.name AND other.ending_at IS NOT NULL"
            " AND other.seen_at > %(now)s - %(seen)s AND other.classes && own.classes))",
            {"now": now, "worker": worker, "seen": seen},
        ).rowcount
        == 1
    )


def limits(tx: Transaction) -> list[RateLimit]:
    """The limits that differ from the catalogue's."""
    with tx.cursor(row_factory=class_row(RateLimit)) as cursor:
        return cursor.execute("SELECT task, rate, set_at, set_by FROM rate_limits ORDER BY task").fetchall()


def set_limit(tx: Transaction, task: str, *, rate: str, by: str, now: datetime) -> None:
    """Write the limit of a task."""
    tx.execute(
        "INSERT INTO rate_limits (task, rate, set_at, set_by) VALUES (%s, %s, %s, %s)"
        " ON CONFLICT (task) DO UPDATE SET rate = excluded.rate, set_at = excluded.set_at, set_by = excluded.set_by",
        [task, rate, now, by],
    )


def lift_limit(tx: Transaction, task: str) -> bool:
    """Let the catalogue's limit hold again; False when it does."""
    return tx.execute("DELETE FROM rate_limits WHERE task = %s", [task]).rowcount == 1


def wishes(tx: Transaction, worker: str) -> Wishes:
    """What this worker is to do now."""
    row = tx.execute(
        "SELECT coalesce((SELECT array_agg(queue) FROM queue_holds), '{}'),"
        " coalesce((SELECT jsonb_object_agg(task, rate) FROM rate_limits), '{}'),"
        " EXISTS (SELECT 1 FROM workers JOIN worker_restarts ON class = ANY (classes) AND asked_at > started_at"
        " WHERE name = %s)",
        [worker],
    ).fetchone()
    held, wanted, restart = row or ([], {}, False)
    return Wishes(held=frozenset(held), limits=wanted, restart=restart)


def report(
    tx: Transaction,
    process: str,
    *,
    worker: str,
    started_at: datetime,
    stats: Mapping[str, Any],
    worker_stats: Mapping[str, Any],
    now: datetime,
    forgotten: timedelta,
) -> None:
    """Write down how a process and its worker are, which `see_worker` noted; forget processes that are gone."""
    tx.execute("UPDATE workers SET stats = %s WHERE name = %s", [Jsonb(worker_stats), worker])
    tx.execute(
        "INSERT INTO worker_processes (name, worker, started_at, seen_at, stats) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (name) DO UPDATE SET worker = excluded.worker, started_at = excluded.started_at,"
        " seen_at = excluded.seen_at, stats = excluded.stats",
        [process, worker, started_at, now, Jsonb(stats)],
    )
    tx.execute("DELETE FROM worker_processes WHERE worker = %s AND seen_at < %s", [worker, now - forgotten])


def workers(tx: Transaction, *, since: datetime) -> list[WorkerState]:
    """The workers that gave a sign of life since, without their processes."""
    rows = tx.execute(
        "SELECT name, classes, started_at, seen_at, ending_at, stats FROM workers WHERE seen_at >= %s ORDER BY name",
        [since],
    ).fetchall()
    return [WorkerState(name, tuple(classes), *rest) for name, classes, *rest in rows]


def processes(tx: Transaction, *, since: datetime) -> Sequence[WorkerProcess]:
    """The processes of all workers that gave a sign of life since."""
    with tx.cursor(row_factory=class_row(WorkerProcess)) as cursor:
        return cursor.execute(
            "SELECT name, worker, started_at, seen_at, stats FROM worker_processes WHERE seen_at >= %s ORDER BY name",
            [since],
        ).fetchall()


def work_in_hand(tx: Transaction) -> Sequence[Work]:
    """What all processes do now, of every project."""
    with tx.cursor(row_factory=class_row(Work)) as cursor:
        return cursor.execute(
            "SELECT worker, name, task_id, attempt, since, progress, submissions, entries FROM work_in_hand()"
        ).fetchall()
