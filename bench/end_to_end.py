"""Lines per second from POST to the commit of their scores, through the whole stack as `make run` starts it.

Batches of 1,000 as plain JSON over kept connections; every index and row-level security as migrated. The client runs
on the same machine, and its work counts.
"""

import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.entries import BATCH_ENTRIES
from bench.posting import CONNECTIONS, Order, post
from bench.services import running_stack, wait_until_scored
from oddline.database import Database
from oddline.local.stack import Stack
from oddline.patterns import MASK_VERSION

BODIES = 400  # 400,000 different lines: far more distinct tokens than the mask's caches hold when the first comes again
WARM_UP_POSTING_S = 8.0  # each worker process loads the model and reads each pattern once
WARM_UP_S = 65.0  # by then every worker has looked again at what is known, which it does once a minute
WINDOW_S = 10


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`end_to_end_lines_per_s`, and what it is made of."""
    seconds, bodies = (3.0, 10) if quick else (60.0, BODIES)
    with running_stack(work) as stack, closing(Database(stack.database_urls["worker"], size=1)) as db:
        began = time.monotonic()
        posting = seconds if quick else WARM_UP_POSTING_S
        post(Order("batches", stack.url, stack.api_key, posting, bodies=20, seed=100_000))
        wait_until_scored(db)
        time.sleep(0.0 if quick else max(0.0, began + WARM_UP_S - time.monotonic()))
        return _measure(stack, db, seconds=seconds, bodies=bodies)


def _measure(stack: Stack, db: Database, *, seconds: float, bodies: int) -> dict[str, Any]:
    posts, cpu_s = post(Order("batches", stack.url, stack.api_key, seconds, bodies=bodies))
    wait_until_scored(db)
    began = min(one.at for one in posts)
    with db.transaction() as tx:
        commits = tx.execute(
            "SELECT extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8, entries, anomalies"
            " FROM submission_state WHERE state = 'done' AND id = ANY (%s::uuid[])",
            [[one.submission for one in posts]],
        ).fetchall()
        patterns = tx.execute("SELECT count(*) FROM patterns WHERE mask_version = %s", [MASK_VERSION]).fetchone()
    if len(commits) != len(posts):
        raise RuntimeError(f"{len(posts)} batches were accepted and {len(commits)} are done")
    took = max(at for at, _, _ in commits) - began
    lines = sum(entries for _, entries, _ in commits)
    windows = Counter(int((at - began) // WINDOW_S) for at, _, _ in commits)
    return {
        "end_to_end_lines_per_s": round(lines / took),
        "end_to_end": {
            "lines": lines,
            "seconds_posting": round(max(one.at for one in posts) - began, 1),
            "seconds_to_last_commit": round(took, 1),
            "lines_per_s_in_each_10_s": [windows[number] * BATCH_ENTRIES // WINDOW_S for number in sorted(windows)],
            "patterns": patterns[0] if patterns else 0,
            "anomalies": sum(anomalies for _, _, anomalies in commits),
            "body": f"plain JSON, {BATCH_ENTRIES} entries",
            "connections": CONNECTIONS,
            "client_cpu_s": round(cpu_s, 1),
        },
    }
