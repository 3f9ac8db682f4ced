"""SQL of the inbox: submissions with their bodies, and what is left of both when they go."""

from collections.abc import Sequence
from datetime import date, datetime
from uuid import UUID

from psycopg.rows import class_row

from oddline.database import Transaction
from oddline.submissions.model import INDEX_BITS, Claimed, StoredBody

USAGE_SHARDS = 16  # of a project and day: at 5 ms a commit, 3,000 requests a second


def insert(
    tx: Transaction,
    submission: UUID,
    *,
    project: UUID,
    body: bytes | None,
    body_object: str | None,
    entries: int,
    utf8_bytes: int,
    now: datetime,
) -> None:
    """Write a submission and its state, and count it as its project's."""
    tx.execute(
        "WITH body AS (INSERT INTO submissions (id, day, project_id, body, body_object)"
        " VALUES (%(id)s, %(day)s, %(project)s, %(body)b, %(body_object)s)),"
        " counted AS (INSERT INTO usage_counts AS u (project_id, day, shard, entries, bytes)"
        " VALUES (%(project)s, %(day)s, %(shard)s, %(entries)s, %(bytes)s) ON CONFLICT (project_id, day, shard)"
        " DO UPDATE SET entries = u.entries + excluded.entries, bytes = u.bytes + excluded.bytes)"
        " INSERT INTO submission_state (id, project_id, body_day, received_at, entries)"
        " VALUES (%(id)s, %(project)s, %(day)s, %(now)s, %(entries)s)",
        {
            "id": submission,
            "project": project,
            "day": now.date(),
            "body": body,
            "body_object": body_object,
            "entries": entries,
            "shard": (submission.int >> INDEX_BITS) % USAGE_SHARDS,  # of what is random in it
            "bytes": utf8_bytes,
            "now": now,
        },
    )


def is_there(tx: Transaction, submission: UUID) -> bool:
    """Whether the submission was stored before, in whatever state it is."""
    return tx.execute("SELECT 1 FROM submission_state WHERE id = %s", [submission]).fetchone() is not None


def read_bodies(tx: Transaction, claimed: Sequence[Claimed]) -> list[StoredBody]:
    """The bodies of claimed submissions."""
    with tx.cursor(binary=True, row_factory=class_row(StoredBody)) as cursor:
        return cursor.execute(
            "SELECT id AS submission, coalesce(body, '') AS packed, body_object AS object_key FROM submissions"
            " WHERE id = ANY (%s) AND day = ANY (%s)",
            [[one.id for one in claimed], list({one.body_day for one in claimed})],
        ).fetchall()


_AGAIN = "state = 'accepted', attempt = 0, error = NULL, not_before = NULL, finished_at = NULL, replays = replays + 1"


def replay(tx: Transaction, submission: UUID) -> bool:
    """Put a dead submission back to its beginning; False when it is not dead."""
    return (
        tx.execute(f"UPDATE submission_state SET {_AGAIN} WHERE id = %s AND state = 'dead'", [submission]).rowcount == 1
    )


_DEAD = "state = 'dead' AND coalesce(finished_at, received_at) <= %(failed_before)s"


def replay_many(tx: Transaction, *, cap: int, failed_before: datetime, limit: int) -> int:
    """Put dead submissions back that were replayed less often than `cap`, the oldest first; returns how many."""
    return tx.execute(
        f"WITH chosen AS (SELECT id FROM submission_state WHERE {_DEAD} AND replays < %(cap)s"
        " ORDER BY id LIMIT %(limit)s FOR UPDATE SKIP LOCKED)"
        f" UPDATE submission_state SET {_AGAIN} WHERE id IN (SELECT id FROM chosen)",
        {"cap": cap, "failed_before": failed_before, "limit": limit},
    ).rowcount


def count_dead(tx: Transaction, *, cap: int, failed_before: datetime) -> tuple[int, int]:
    """How many dead submissions were replayed less often than `cap`, and how many as often."""
    row = tx.execute(
        "SELECT count(*) FILTER (WHERE replays < %(cap)s), count(*) FILTER (WHERE replays >= %(cap)s)"
        f" FROM submission_state WHERE {_DEAD}",
        {"cap": cap, "failed_before": failed_before},
    ).fetchone()
    return (row[0], row[1]) if row else (0, 0)


def drop(tx: Transaction, submission: UUID, *, now: datetime) -> bool:
    """Settle a dead submission for good; False when it is not dead."""
    return (
        tx.execute(
            "UPDATE submission_state SET state = 'dropped', finished_at = %s WHERE id = %s AND state = 'dead'",
            [now, submission],
        ).rowcount
        == 1
    )


def drop_many(tx: Transaction, *, now: datetime, limit: int) -> int:
    """Settle dead submissions for good, the oldest first; returns how many."""
    return tx.execute(
        "WITH chosen AS (SELECT id FROM submission_state"
        " WHERE state = 'dead' ORDER BY id LIMIT %s FOR UPDATE SKIP LOCKED)"
        " UPDATE submission_state SET state = 'dropped', finished_at = %s WHERE id IN (SELECT id FROM chosen)",
        [limit, now],
    ).rowcount


def cancel(tx: Transaction, submission: UUID, *, now: datetime) -> int | None:
    """Drop a submission that waits; returns how many attempts it had, or None when it does not wait."""
    row = tx.execute(
        "UPDATE submission_state SET state = 'dropped', finished_at = %s, not_before = NULL"
        " WHERE id = %s AND state = 'accepted' RETURNING attempt",
        [now, submission],
    ).fetchone()
    return row[0] if row else None


def delete_finished(tx: Transaction, *, before: datetime, limit: int) -> int:
    """Delete up to `limit` states that ended before this, keeping their sums per day; returns how many."""
    row = tx.execute(
        "WITH old AS (SELECT id FROM submission_state"
        " WHERE state IN ('done', 'dropped') AND finished_at < %s LIMIT %s FOR UPDATE SKIP LOCKED),"
        " gone AS (DELETE FROM submission_state WHERE id IN (SELECT id FROM old)"
        " RETURNING project_id, received_at, state, entries), summed AS (INSERT INTO day_counts AS d"
        " (project_id, day, accepted, stored, dropped) SELECT project_id, (received_at AT TIME ZONE 'UTC')::date,"
        " sum(entries), coalesce(sum(entries) FILTER (WHERE state = 'done'), 0),"
        " coalesce(sum(entries) FILTER (WHERE state = 'dropped'), 0)"
        " FROM gone GROUP BY 1, 2"
        " ON CONFLICT (project_id, day) DO UPDATE SET accepted = d.accepted + excluded.accepted,"
        " stored = d.stored + excluded.stored, dropped = d.dropped + excluded.dropped)"
        " SELECT count(*) FROM gone",
        [before, limit],
    ).fetchone()
    return int(row[0]) if row else 0


def keep_unsettled_bodies(tx: Transaction, *, day: date, today: date) -> int:
    """Move the bodies of a day that are still needed to today's partition; returns how many."""
    row = tx.execute(
        "WITH kept AS (SELECT id FROM submission_state WHERE body_day = %(day)s"
        " AND state IN ('accepted', 'claimed', 'dead') ORDER BY id FOR UPDATE),"
        " copied AS (INSERT INTO submissions (id, day, project_id, body, body_object)"
        " SELECT id, %(today)s, project_id, body, body_object FROM submissions"
        " WHERE day = %(day)s AND id IN (SELECT id FROM kept) ON CONFLICT DO NOTHING),"
        " moved AS (UPDATE submission_state SET body_day = %(today)s WHERE id IN (SELECT id FROM kept))"
        " SELECT count(*) FROM kept",
        {"day": day, "today": today},
    ).fetchone()
    return int(row[0]) if row else 0


def needed_objects(tx: Transaction) -> set[str]:
    """The names of the objects that hold bodies of submissions."""
    rows = tx.execute("SELECT body_object FROM submissions WHERE body_object IS NOT NULL").fetchall()
    return {row[0] for row in rows}
