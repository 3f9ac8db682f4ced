"""How long a single entry takes from its POST to the commit of its score, at 10 a second."""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from bench.figures import p50_p99
from bench.posting import SINGLES_PER_S, Order, Post, post
from bench.services import running_stack, wait_until_scored
from oddline.database import Database


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`single_post_p50_ms` and `single_post_p99_ms`."""
    with running_stack(work) as stack, closing(Database(stack.database_urls["worker"], size=1)) as db:
        post(Order("batches", stack.url, stack.api_key, seconds=2.0, bodies=10, seed=100_000))  # models loaded
        wait_until_scored(db)
        posts, _ = post(Order("singles", stack.url, stack.api_key, seconds=3.0 if quick else 60.0))
        wait_until_scored(db)
        took = seconds_to_commit(db, posts)
    return p50_p99(took, name="single_post") | {
        "single_post": {"posts": len(took), "per_s": SINGLES_PER_S, "slowest_ms": round(max(took) * 1_000, 1)}
    }


def seconds_to_commit(db: Database, posts: Sequence[Post]) -> list[float]:
    """How long each single entry, all of which are scored, took from its POST to the commit of its score."""
    with db.transaction() as tx:
        committed = dict(
            tx.execute(
                "SELECT id::text, extract(epoch FROM pg_xact_commit_timestamp(xmin))::float8"
                " FROM submission_state WHERE state = 'done' AND id = ANY (%s::uuid[])",
                [[one.submission for one in posts]],
            ).fetchall()
        )
    return [committed[one.submission] - one.at for one in posts]
