"""How long a single entry takes to its score while another project's million lines wait, on two worker processes."""

import os
import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil

from bench.entries import BATCH_ENTRIES, batch_body, columns
from bench.figures import p50_p99
from bench.posting import SINGLES_PER_S, Order, post
from bench.services import running_stack, wait_until_scored
from bench.single_posts import seconds_to_commit
from oddline.database import Database
from oddline.identity import ensure_project
from oddline.local.processes import Record
from oddline.local.stack import Stack
from oddline.objects import open_objects
from oddline.submissions import Columns, accept, new_id

WORKER_PROCESSES = "2"
BODIES = 50  # different ones; they come again and again, as a fleet's lines do
BACKLOG_LINES = 1_000_000
SECONDS = 30.0


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`fair_share_p50_ms` and `fair_share_p99_ms`, from the POST to the commit of the score."""
    os.environ["ODDLINE_WORKER_CONCURRENCY"] = WORKER_PROCESSES
    lines, seconds = (100_000, 3.0) if quick else (BACKLOG_LINES, SECONDS)
    with running_stack(work) as stack, closing(Database(stack.database_urls["worker"], size=1)) as db:
        post(Order("batches", stack.url, stack.api_key, seconds=2.0, bodies=10, seed=100_000))  # models loaded
        wait_until_scored(db)
        with _suspended(work):
            waited_before = _pile_up(stack, db, lines=lines)
        posts, _ = post(Order("singles", stack.url, stack.api_key, seconds=seconds))
        waited_after = _waiting(db)
        wait_until_scored(db)
        took = seconds_to_commit(db, posts)
    return p50_p99(took, name="fair_share") | {
        "fair_share": {
            "posts": len(took),
            "per_s": SINGLES_PER_S,
            "slowest_ms": round(max(took) * 1_000, 1),
            "lines_waiting_at_first": waited_before,
            "lines_waiting_at_last": waited_after,
            "worker_processes": int(WORKER_PROCESSES),
        }
    }


@contextmanager
def _suspended(home: Path) -> Iterator[None]:
    """While the block runs the workers stand still, so that all of the backlog is there when they go on."""
    record = Record.read(home / "worker.json")
    if record is None:
        raise RuntimeError("the stack has no worker")
    leader = psutil.Process(record.process.pid)
    processes = [leader, *leader.children()]
    for process in processes:
        process.send_signal(signal.SIGSTOP)
    try:
        yield
    finally:
        for process in processes:
            process.send_signal(signal.SIGCONT)


def _pile_up(stack: Stack, db: Database, *, lines: int) -> int:
    """Another project's batches, by the code of the API; how many lines wait then."""
    now = datetime.now(UTC)
    project = ensure_project(db, "flood", new_id=new_id(), now=now)
    bodies = [columns(batch_body(BATCH_ENTRIES, seed=seed, start=now), now=now) for seed in range(BODIES)]
    with closing(Database(stack.database_urls["ingest"], size=1)) as ingest:
        for number in range(lines // BATCH_ENTRIES):
            _accept(stack, ingest, bodies[number % BODIES], project=project, now=now)
    return _waiting(db)


def _accept(stack: Stack, ingest: Database, body: Columns, *, project: UUID, now: datetime) -> None:
    settings = stack.settings()
    accept(
        ingest,
        project=project,
        columns=body,
        answer=lambda submission: {"batch_id": str(submission)},
        request_keys=(),
        body_hash=b"",
        now=now,
        objects=open_objects(settings),
        body_object_bytes=settings.body_object_bytes,
    )


def _waiting(db: Database) -> int:
    with db.transaction() as tx:
        row = tx.execute("SELECT coalesce(sum(entries), 0) FROM submission_state WHERE state = 'accepted'").fetchone()
    return int(row[0]) if row else 0
