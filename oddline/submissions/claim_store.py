"""SQL of claims: who works on which submission, until when, and what came of it."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from uuid import UUID

from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from oddline.database import Transaction
from oddline.submissions.model import Claimed, Finished
from oddline.tasks import and_failure

MOST_PROJECTS = 64  # in one claim, so that its transaction stays short
MOST_SUBMISSIONS = 512  # of one project in one claim

_DIED = and_failure("'its worker died'")
_CLAIM = (
    "UPDATE submission_state SET state = 'claimed', attempt = attempt + 1, worker = %(worker)s,"
    " lease_until = %(lease_until)s, not_before = NULL WHERE id IN (SELECT id FROM chosen)"
    " RETURNING id, project_id AS project, attempt, entries, received_at, body_day"
)

# Operators may hold the queue that wakes for scoring: then all of it waits.
_IS_HELD = "EXISTS (SELECT 1 FROM queue_holds WHERE queue = 'analysis')"

# The distinct projects are found by a loose index scan (PostgreSQL wiki, "Loose indexscan"), whatever the number of
# submissions that wait.
_CHOSEN_SHARE = f"""
WITH RECURSIVE step AS (
    (SELECT project_id FROM submission_state WHERE state = 'accepted' AND NOT {_IS_HELD} ORDER BY project_id LIMIT 1)
    UNION ALL
    SELECT (SELECT project_id FROM submission_state
            WHERE state = 'accepted' AND project_id > step.project_id ORDER BY project_id LIMIT 1)
    FROM step WHERE project_id IS NOT NULL
), turn AS (
    SELECT project_id, row_number() OVER (ORDER BY project_id <= %(after)s, project_id) AS place
    FROM step WHERE project_id IS NOT NULL ORDER BY place LIMIT %(most_projects)s
), share AS (
    SELECT CASE count(*) WHEN 1 THEN %(lines_alone)s ELSE %(lines)s / greatest(count(*), 1) END AS lines
    FROM turn
), candidate AS (
    SELECT place, waiting.* FROM turn CROSS JOIN LATERAL (
        SELECT id, project_id, entries FROM submission_state
        WHERE project_id = turn.project_id AND state = 'accepted' AND attempt = 0
            AND (not_before IS NULL OR not_before <= %(now)s)
        ORDER BY id LIMIT %(most_submissions)s FOR UPDATE SKIP LOCKED
    ) AS waiting
), running AS (
    SELECT id, place, entries, sum(entries) OVER (PARTITION BY place ORDER BY id) AS lines FROM candidate
), picked AS (
    SELECT id, place, entries, running.lines > share.lines AS is_large FROM running, share
    WHERE running.lines <= share.lines OR running.lines = running.entries
), summed AS (
    SELECT id, is_large, sum(entries) OVER (PARTITION BY is_large ORDER BY place, id) - entries AS before
    FROM picked
), chosen AS (
    SELECT id FROM summed WHERE NOT is_large OR before < %(lines)s
)
"""


def release_expired(tx: Transaction, *, attempts: int, now: datetime) -> list[tuple[UUID, bool]]:
    """Put back what lost its worker, or make it a dead letter when its attempts are used up.

    Returns the project of each, and whether it is dead now.
    """
    return tx.execute(
        "UPDATE submission_state SET lease_until = NULL,"
        " state = CASE WHEN attempt >= %(attempts)s THEN 'dead' ELSE 'accepted' END,"
        " error = CASE WHEN attempt >= %(attempts)s THEN coalesce(error, 'its worker died in every attempt')"
        " ELSE error END,"
        f" failures = {_DIED},"
        " finished_at = CASE WHEN attempt >= %(attempts)s THEN %(now)s END"
        " WHERE id IN (SELECT id FROM submission_state WHERE state = 'claimed' AND lease_until < %(now)s"
        " ORDER BY id FOR UPDATE SKIP LOCKED) RETURNING project_id, state = 'dead'",
        {"attempts": attempts, "now": now},
    ).fetchall()


def holders(tx: Transaction, *, host: str) -> list[str]:
    """The workers on a host that hold something now."""
    rows = tx.execute(
        "SELECT DISTINCT worker FROM submission_state WHERE state = 'claimed' AND starts_with(worker, %s)", [f"{host}:"]
    ).fetchall()
    return [row[0] for row in rows]


def end_leases(tx: Transaction, workers: Sequence[str], *, now: datetime) -> None:
    """Let the leases of workers run out that are known to be dead."""
    tx.execute(
        "UPDATE submission_state SET lease_until = %s WHERE id IN (SELECT id FROM submission_state"
        " WHERE state = 'claimed' AND worker = ANY (%s) FOR UPDATE SKIP LOCKED)",
        [now - timedelta(seconds=1), list(workers)],
    )


def claim_retried(tx: Transaction, *, worker: str, after: UUID, now: datetime, lease_until: datetime) -> list[Claimed]:
    """Claim one submission that failed before, alone, of the next project behind `after` that has one."""
    with tx.cursor(row_factory=class_row(Claimed)) as cursor:
        return cursor.execute(
            "WITH chosen AS (SELECT id FROM submission_state WHERE state = 'accepted' AND attempt > 0"
            f" AND NOT {_IS_HELD}"
            " AND (not_before IS NULL OR not_before <= %(now)s)"
            " ORDER BY project_id <= %(after)s, project_id, id LIMIT 1 FOR UPDATE SKIP LOCKED) " + _CLAIM,
            {"after": after, "worker": worker, "now": now, "lease_until": lease_until},
        ).fetchall()


def claim_share(
    tx: Transaction, *, worker: str, lines: int, lines_alone: int, after: UUID, now: datetime, lease_until: datetime
) -> list[Claimed]:
    """Claim about `lines` entries, shared evenly over the projects that wait, oldest first in each.

    The round over the projects begins behind `after`. When only one project waits it gets up to `lines_alone`. What
    fits into its project's share is taken; of submissions larger than that, as many in the order of the round as make
    up `lines`, at least one: so small ones never wait for many large ones, nor these for ever.
    """
    with tx.cursor(row_factory=class_row(Claimed)) as cursor:
        return cursor.execute(
            _CHOSEN_SHARE + _CLAIM,
            {
                "after": after,
                "lines": lines,
                "lines_alone": lines_alone,
                "most_projects": MOST_PROJECTS,
                "most_submissions": MOST_SUBMISSIONS,
                "worker": worker,
                "now": now,
                "lease_until": lease_until,
            },
        ).fetchall()


def renew(tx: Transaction, claimed: Sequence[Claimed], *, lease_until: datetime) -> int:
    """Prolong the leases that are still ours; returns how many are.

    What is locked is being finished at this moment: it needs no longer lease, and waiting for it could deadlock.
    """
    row = tx.execute(
        "WITH ours AS (SELECT s.id FROM submission_state s JOIN unnest(%s::uuid[], %s::smallint[]) AS c (id, attempt)"
        " ON s.id = c.id AND s.attempt = c.attempt WHERE s.state = 'claimed'), renewed AS ("
        "UPDATE submission_state SET lease_until = %s WHERE id IN (SELECT id FROM submission_state"
        " WHERE id IN (SELECT id FROM ours) FOR UPDATE SKIP LOCKED))"
        " SELECT count(*) FROM ours",
        [[one.id for one in claimed], [one.attempt for one in claimed], lease_until],
    ).fetchone()
    return int(row[0]) if row else 0


def lock_held(tx: Transaction, claimed: Sequence[Claimed]) -> set[UUID]:
    """Lock those of the claim that are still ours, in the order of their ids."""
    rows = tx.execute(
        "SELECT s.id FROM submission_state s JOIN unnest(%s::uuid[], %s::smallint[]) AS c (id, attempt)"
        " ON s.id = c.id AND s.attempt = c.attempt WHERE s.state = 'claimed' ORDER BY s.id FOR UPDATE OF s",
        [[one.id for one in claimed], [one.attempt for one in claimed]],
    ).fetchall()
    return {row[0] for row in rows}


def finish(tx: Transaction, finished: Sequence[Finished], *, now: datetime) -> None:
    """Mark locked submissions as done."""
    tx.execute(
        "UPDATE submission_state s SET state = 'done', lease_until = NULL, error = NULL, finished_at = %s,"
        " anomalies = f.anomalies, highest_score = f.highest_score, chunk_ids = f.chunk_ids::uuid[], result = f.result"
        " FROM unnest(%s::uuid[], %s::int[], %s::real[], %s::text[], %s::jsonb[])"
        " AS f (id, anomalies, highest_score, chunk_ids, result) WHERE s.id = f.id",
        [
            now,
            [one.claimed.id for one in finished],
            [one.anomalies for one in finished],
            [one.highest_score for one in finished],
            # unnest would flatten an array of arrays.
            ["{" + ",".join(map(str, one.chunk_ids)) + "}" for one in finished],
            [Jsonb(one.result) for one in finished],
        ],
    )


def give_back(tx: Transaction, claimed: Sequence[Claimed], *, not_before: datetime) -> None:
    """Return what could not be scored for a passing reason; the attempt does not count."""
    tx.execute(
        "UPDATE submission_state s SET state = 'accepted', attempt = s.attempt - 1, lease_until = NULL, not_before = %s"
        " FROM unnest(%s::uuid[], %s::smallint[]) AS c (id, attempt)"
        " WHERE s.id = c.id AND s.attempt = c.attempt AND s.state = 'claimed'",
        [not_before, [one.id for one in claimed], [one.attempt for one in claimed]],
    )


def fail(tx: Transaction, one: Claimed, *, error: str, dead: bool, not_before: datetime | None, now: datetime) -> bool:
    """Note a failed attempt; False when the claim was lost meanwhile."""
    return (
        tx.execute(
            "UPDATE submission_state SET state = %(state)s, error = %(error)s, lease_until = NULL,"
            f" not_before = %(not_before)s, finished_at = %(finished_at)s, failures = {and_failure('%(error)s')}"
            " WHERE id = %(id)s AND attempt = %(attempt)s AND state = 'claimed'",
            {
                "state": "dead" if dead else "accepted",
                "error": error,
                "not_before": not_before,
                "now": now,
                "finished_at": now if dead else None,
                "id": one.id,
                "attempt": one.attempt,
            },
        ).rowcount
        == 1
    )


def waiting(tx: Transaction, *, now: datetime) -> bool:
    """Whether anything could be claimed now."""
    row = tx.execute(
        f"SELECT NOT {_IS_HELD} AND EXISTS (SELECT 1 FROM submission_state WHERE state = 'accepted'"
        " AND (not_before IS NULL OR not_before <= %s))",
        [now],
    ).fetchone()
    return bool(row and row[0])


def next_due(tx: Transaction, *, soon: datetime) -> datetime | None:
    """The earliest moment up to `soon` at which a lease ends or a retry comes due."""
    row = tx.execute(
        "SELECT min(at) FROM (SELECT lease_until AS at FROM submission_state WHERE state = 'claimed'"
        " UNION ALL SELECT not_before FROM submission_state WHERE state = 'accepted' AND not_before IS NOT NULL) AS due"
        " WHERE at <= %s AND NOT " + _IS_HELD,
        [soon],
    ).fetchone()
    return row[0] if row else None


def count_unscored(tx: Transaction, project: UUID, *, limit: int) -> int:
    """How many submissions of a project wait to be scored; counted up to `limit`."""
    row = tx.execute(
        "SELECT count(*) FROM (SELECT FROM submission_state WHERE project_id = %s AND state = 'accepted'"
        " LIMIT %s) AS counted",
        [project, limit],
    ).fetchone()
    return int(row[0]) if row else 0
