"""Whether merging keeps up: hundreds of quiet projects with chunks of one line each, and entries years old among them.

A good hour is played, five minutes a step: in each step every project gets a handful of chunks of one line, as single
POSTs and quiet sources make them, and one in ten of the lines is years old; then one run of `compact_chunks` merges
what is due. Runs with nothing new show what quiet projects cost. In the end the day is over.
"""

import random
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl

from bench.services import BareDatabase, bare_database
from oddline.chunks import SCHEMA, build, insert_born
from oddline.chunks.compaction import Compactor, clear_replaced
from oddline.database import Database
from oddline.identity import ensure_project
from oddline.submissions import new_id, new_submission_id

PROJECTS = 300
STEPS = 13
STEP = timedelta(minutes=5)
CHUNKS_A_STEP = 5
OLD_SHARE = 0.1
OLDEST_YEARS = 30
RUN_TIME = timedelta(minutes=4)  # of a task


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`compaction_cycle_s`, of which the highest counts, and how many chunks each project has behind it."""
    projects, steps = (10, 3) if quick else (PROJECTS, STEPS)
    noon = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0)
    with bare_database(work) as bare, bare.connect("worker") as worker:
        ids = [ensure_project(worker, f"quiet-{number}", new_id=new_id(), now=noon) for number in range(projects)]
        rng = random.Random(1)
        cycles = []
        for number in range(steps):
            now = noon + number * STEP
            _fill(worker, ids, now=now, rng=rng)
            cycles.append(_cycle(bare, worker, now=now + STEP))
        idle = [_cycle(bare, worker, now=noon + steps * STEP) for _ in range(3)]
        day_over = [_cycle(bare, worker, now=noon + timedelta(days=1)) for _ in range(2)]
    slowest = max(cycle["seconds"] for cycle in cycles)
    return {
        "compaction_cycle_s": slowest,
        "compaction_cycle_ms_a_project": round(slowest / projects * 1_000, 1),
        "compaction_idle_cycle_ms": round(min(cycle["seconds"] for cycle in idle) * 1_000, 1),
        "compaction_most_chunks_a_project": max(cycle["most_chunks"] for cycle in cycles),
        "compaction_chunks_a_project_and_day": day_over[-1]["most_chunks"],
        "scale_storage": {
            "projects": projects,
            "chunks_a_step": projects * CHUNKS_A_STEP,
            "cycles": cycles,
            "idle": idle,
            "day_over": day_over,
        },
    }


def _fill(worker: Database, projects: Sequence[UUID], *, now: datetime, rng: random.Random) -> None:
    """The same lines for each project: what is measured comes behind them."""
    born = [chunk for frame in _lines(now, rng) for chunk in build(frame, project=projects[0], now=now, new_id=new_id)]
    with worker.transaction() as tx:
        for project in projects:
            insert_born(tx, [replace(chunk, project=project, id=new_id()) for chunk in born])


def _lines(now: datetime, rng: random.Random) -> Iterator[pl.DataFrame]:
    for number in range(CHUNKS_A_STEP):
        received = now + STEP * number / CHUNKS_A_STEP
        is_old = rng.random() < OLD_SHARE
        at = received - timedelta(days=rng.uniform(2, 365 * OLDEST_YEARS)) if is_old else received
        row = dict.fromkeys(SCHEMA, 0) | dict.fromkeys(
            (name for name, kind in SCHEMA.items() if kind == pl.String()), ""
        )
        row |= {
            "submission": new_submission_id().bytes,
            "timestamp": at,
            "received_at": received,
            "analyzed_at": received,
            "source_id": rng.randint(1, 3),
            "pattern_id": rng.randint(1, 20),
            "message": f"request {rng.getrandbits(40)} was answered in {rng.randint(1, 900)} ms",
            "is_anomaly": False,
            "model_version": "bench",
        }
        yield pl.DataFrame({name: [value] for name, value in row.items()}, schema=SCHEMA)


def _cycle(bare: BareDatabase, worker: Database, *, now: datetime) -> dict[str, Any]:
    began = time.perf_counter()
    compactor = Compactor(db=worker, objects=bare.objects, clock=lambda: now, new_id=new_id)
    done = compactor.run(until=now + RUN_TIME)
    clear_replaced(worker, bare.objects, now=now)
    seconds = time.perf_counter() - began
    with worker.transaction() as tx:
        ((most, total),) = tx.execute(
            "SELECT max(held), sum(held)::bigint FROM (SELECT count(*) AS held FROM chunks WHERE replaced_by IS NULL"
            " GROUP BY project_id, arrival_day) AS of_each"
        ).fetchall()
    return {"seconds": round(seconds, 2), "merges": done.merges, "most_chunks": most, "chunks": total}
