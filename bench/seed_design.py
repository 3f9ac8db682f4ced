"""The way of the older systems: a Celery task, a model call and a row for each entry, its result in Redis.

The model, the masks, the columns and the row-level security are Oddline's; the clock runs from the first task published
to the last row committed. What those systems do besides (HTTP, an ORM, a connection per task, mail) is left out.
"""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any
from uuid import UUID

from celery import Celery

from bench.entries import entries
from bench.rows import create_table, insert
from bench.services import bare_database
from oddline.database import Database
from oddline.local.valkey import ValkeyServer
from oddline.patterns import Masker
from oddline.scoring import Encoder, severity
from oddline.submissions import new_id

LINES = 3_000
RUNS = 3
CONCURRENCY = 2
PREFETCH = 4
PATIENCE_S = 600.0
REDIS, DATABASE, PROJECT = "BENCH_SEED_REDIS", "BENCH_SEED_DATABASE", "BENCH_SEED_PROJECT"

app = Celery("seed_design", broker=os.environ.get(REDIS), backend=os.environ.get(REDIS), set_as_current=False)
app.conf.update(
    worker_concurrency=CONCURRENCY, worker_prefetch_multiplier=PREFETCH, broker_connection_retry_on_startup=True
)


@dataclass(frozen=True, slots=True)
class _Process:
    """What a worker process keeps."""

    db: Database
    project: UUID
    encoder: Encoder
    masker: Masker


@cache
def _process() -> _Process:
    db = Database(os.environ[DATABASE], size=1, prepare=True)
    return _Process(db, UUID(os.environ[PROJECT]), Encoder.load(), Masker())


@app.task(name="analyze_entry")  # type: ignore[untyped-decorator]  # Celery has no type information
def analyze_entry(entry: dict[str, Any]) -> dict[str, Any]:
    """Score one entry, store its row, and leave the result in Redis."""
    own = _process()
    started = time.perf_counter()
    encoded = own.encoder.encode([own.masker.mask(entry["message"])])[0]
    score = severity(encoded.severity_logit)
    row = _row(entry, own, score=score, seconds=time.perf_counter() - started)
    with own.db.transaction(project=own.project) as tx:
        insert(tx, [row])
    return {"log_entry_id": str(row["id"]), "anomaly_score": score, "is_anomaly": row["is_anomaly"]}


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`seed_design_lines_per_s`, the best of `RUNS`."""
    lines = 100 if quick else LINES
    valkey = ValkeyServer(work / "valkey")
    valkey.start()
    try:
        with bare_database(work) as bare:
            create_table(bare)
            environment = {REDIS: valkey.url, DATABASE: bare.urls["worker"], PROJECT: str(bare.project)}
            with closing(Database(bare.urls["worker"], size=1)) as db, _worker(environment, log=work / "worker.log"):
                rates = _run(db, project=bare.project, lines=lines)
    finally:
        valkey.remove()
    return {"seed_design_lines_per_s": round(max(rates), 1), "seed_design": {"lines": lines, "runs": rates}}


@contextmanager
def _worker(environment: dict[str, str], *, log: Path) -> Iterator[None]:
    app.conf.update(broker_url=environment[REDIS], result_backend=environment[REDIS])
    command = [sys.executable, "-m", "celery", "--app", "bench.seed_design", "worker", "--loglevel", "WARNING"]
    with log.open("wb") as output:
        worker = subprocess.Popen(
            command, env=os.environ | environment, cwd=Path(__file__).parents[1], stdout=output, stderr=output
        )
        try:
            yield
        finally:
            worker.terminate()
            worker.wait()


def _run(db: Database, *, project: UUID, lines: int) -> list[float]:
    stored = 0
    rates = []
    for run, count in enumerate([CONCURRENCY * 20] + [lines] * RUNS):  # the first has the processes load the model
        began = time.perf_counter()
        for entry in entries(count, seed=run, start=datetime.now(UTC)):
            analyze_entry.delay(entry)
        stored += count
        _wait_for_rows(db, project, stored)
        rates.append(round(count / (time.perf_counter() - began), 1))
    return rates[1:]


def _wait_for_rows(db: Database, project: UUID, count: int) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while True:
        with db.transaction(project=project) as tx:
            found = tx.execute("SELECT count(*) FROM entry_rows").fetchone()
        if found and found[0] == count:
            return
        if time.monotonic() > deadline:
            raise TimeoutError(f"{count} rows were expected; there are {found}")
        time.sleep(0.05)


def _row(entry: dict[str, Any], own: _Process, *, score: float, seconds: float) -> dict[str, Any]:
    now = datetime.now(UTC)
    threshold = own.encoder.default_threshold
    return {
        "id": new_id(),
        "project_id": own.project,
        "timestamp": entry["timestamp"],
        "received_at": now,
        "severity_number": 9,
        "severity_text": entry["severity"],
        "source_id": 1,
        "source": entry["source"],
        "message": entry["message"],
        **dict.fromkeys(("attributes", "trace_id", "span_id", "session"), ""),
        "pattern_id": 0,
        "score": score,
        "severity": score,
        "novelty": 1.0,
        "is_anomaly": score >= threshold,
        "threshold": threshold,
        "calibration_version": 0,
        "model_version": own.encoder.version,
        "mask_version": 1,
        "analyzed_at": now,
        "processing_time": seconds,
        "nearest_pattern": None,
        "shadow_score": None,
    }
