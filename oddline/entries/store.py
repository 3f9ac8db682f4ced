"""SQL of odd entries, of sources as people see them, and of what a submission's state says of its entries."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

import orjson
from psycopg.rows import class_row, dict_row

from oddline.database import Transaction
from oddline.entries.model import OddEntry, OddQuery, Position, Rank
from oddline.identity import WITHIN_RETENTION
from oddline.submissions import entry_id

_COLUMNS: Final = (
    "id, kind, arrival_day, hour, timestamp, received_at, analyzed_at, severity_number, severity_text, source_id,"
    " source, message, attributes, score, threshold, model_version, pattern_id, count, chunk_id, explanation"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A source; `threshold` is None where the model's own holds."""

    id: int
    name: str
    threshold: float | None
    first_seen: datetime
    last_seen: datetime
    entries: int


@dataclass(frozen=True, slots=True)
class SubmissionState:
    """As much of a submission as reading its entries needs."""

    state: str
    received_at: datetime
    chunk_ids: list[UUID] | None


def insert_odd(tx: Transaction, odd: Sequence[OddEntry], *, project: UUID) -> None:
    """Write odd entries of one project; a peak takes the place of a lower one of its source and hour."""
    anomalies = [one for one in odd if one.kind == "anomaly"]
    if anomalies:
        tx.execute(
            f"INSERT INTO odd_entries (project_id, {_COLUMNS}) SELECT %(project)s, * FROM {_UNNEST}"
            " ON CONFLICT DO NOTHING",
            _arrays(anomalies, project=project),
        )
    # All who write peaks take their locks in one order, and most take none.
    peaks = sorted((one for one in odd if one.kind == "peak"), key=lambda one: (one.entry["source_id"], _hour(one)))
    if peaks:
        tx.execute(
            f"INSERT INTO odd_entries AS o (project_id, {_COLUMNS}) SELECT %(project)s, * FROM {_UNNEST}"
            " WHERE NOT EXISTS (SELECT 1 FROM odd_entries h WHERE h.project_id = %(project)s AND h.kind = 'peak'"
            " AND h.source_id = n.source_id AND h.hour = n.hour AND h.score >= n.score)"
            " ON CONFLICT (project_id, source_id, hour) WHERE kind = 'peak' DO UPDATE SET "
            + ", ".join(f"{name} = excluded.{name}" for name in _COLUMNS.split(", "))
            + " WHERE excluded.score > o.score",
            _arrays(peaks, project=project),
        )


_UNNEST: Final = (
    "unnest(%(ids)s::uuid[], %(kinds)s::text[], %(arrival_days)s::date[], %(hours)s::timestamptz[],"
    " %(timestamps)s::timestamptz[], %(received)s::timestamptz[], %(analyzed)s::timestamptz[],"
    " %(severity_numbers)s::smallint[], %(severity_texts)s::text[], %(source_ids)s::int[], %(sources)s::text[],"
    # In binary: as text each quote and backslash of a message or a JSON document would be escaped one by one.
    " %(messages)b::text[], %(attributes)b::text[], %(scores)s::real[], %(thresholds)s::real[],"
    " %(model_versions)s::text[], %(pattern_ids)s::int[], %(counts)s::int[], %(chunk_ids)s::uuid[],"
    f" %(explanations)b::text[]::jsonb[]) AS n ({_COLUMNS})"
)


def list_odd(
    tx: Transaction, query: OddQuery, *, project: UUID, after: str | None, limit: int, today: date
) -> list[dict[str, Any]]:
    """Rows of odd entries in the order that `query` asks for, from behind the cursor `after`.

    Raises:
        InvalidParameter: `after` is no cursor.
    """
    conditions: dict[str, dict[str, Any]] = {
        "kind = %(kind)s": {"kind": "peak" if query.peaks else "anomaly"},
        "timestamp >= %(time_from)s": {"time_from": query.time_from},
        "timestamp < %(time_to)s": {"time_to": query.time_to},
        "source = ANY (%(sources)s)": {"sources": list(query.sources) or None},
        "score >= %(score)s::real": {"score": query.score_minimum},
        **_behind(query, after),
    }
    given = {condition: values for condition, values in conditions.items() if None not in values.values()}
    parameters: dict[str, Any] = {"project": project, "today": today, "limit": limit}
    column = "timestamp" if query.order == "newest" else "score"
    with tx.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS} FROM odd_entries WHERE project_id = %(project)s AND {WITHIN_RETENTION}"
            f" {' '.join(f'AND {condition}' for condition in given)}"
            f" ORDER BY {column} DESC, id DESC LIMIT %(limit)s",
            parameters | {name: value for values in given.values() for name, value in values.items()},
        ).fetchall()


def find_explanation(tx: Transaction, *, project: UUID, entry: UUID) -> dict[str, Any] | None:
    """The explanation of an entry that is among the odd ones."""
    rows = tx.execute(
        "SELECT explanation FROM odd_entries WHERE project_id = %s AND id = %s LIMIT 1", [project, entry]
    ).fetchall()
    return rows[0][0] if rows else None


def find_submission(tx: Transaction, *, project: UUID, submission: UUID) -> SubmissionState | None:
    """The state of a submission, for as long as it is kept."""
    with tx.cursor(row_factory=class_row(SubmissionState)) as cursor:
        return cursor.execute(
            "SELECT state, received_at, chunk_ids FROM submission_state WHERE id = %s AND project_id = %s",
            [submission, project],
        ).fetchone()


def list_sources(tx: Transaction, *, project: UUID, after: str | None, limit: int) -> list[Source]:
    """Sources in the order of their names, from behind a name."""
    with tx.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(
            "SELECT id, name, threshold, first_seen, last_seen, entries FROM sources"
            " WHERE project_id = %s AND name > %s ORDER BY name LIMIT %s",
            [project, after or "", limit],
        ).fetchall()


def set_threshold(tx: Transaction, *, project: UUID, name: str, threshold: float | None) -> Source | None:
    """Set a source's threshold, or give it back to the model; None when there is no such source."""
    with tx.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(
            "UPDATE sources SET threshold = %s WHERE project_id = %s AND name = %s"
            " RETURNING id, name, threshold, first_seen, last_seen, entries",
            [threshold, project, name],
        ).fetchone()


def _behind(query: OddQuery, after: str | None) -> dict[str, dict[str, Any]]:
    """The condition of a cursor, with its parameters."""
    if after is None:
        return {}
    if query.order == "newest":
        position = Position.decode(after)
        return {"(timestamp, id) < (%(moment)s, %(id)s)": {"moment": position.timestamp, "id": position.id}}
    rank = Rank.decode(after)
    return {"(score, id) < (%(rank)s::real, %(id)s)": {"rank": rank.score, "id": rank.id}}


def _arrays(odd: Sequence[OddEntry], *, project: UUID) -> dict[str, Any]:
    entries = [one.entry for one in odd]

    def column(name: str) -> list[Any]:
        return [entry[name] for entry in entries]

    return {
        "project": project,
        "ids": [entry_id(UUID(bytes=entry["submission"]), entry["index"]) for entry in entries],
        "kinds": [one.kind for one in odd],
        "arrival_days": [one.arrival_day for one in odd],
        "hours": [_hour(one) for one in odd],
        "timestamps": column("timestamp"),
        "received": column("received_at"),
        "analyzed": column("analyzed_at"),
        "severity_numbers": column("severity_number"),
        "severity_texts": column("severity_text"),
        "source_ids": column("source_id"),
        "sources": column("source"),
        "messages": column("message"),
        "attributes": column("attributes"),
        "scores": column("score"),
        "thresholds": column("threshold"),
        "model_versions": column("model_version"),
        "pattern_ids": column("pattern_id"),
        "counts": [one.count for one in odd],
        "chunk_ids": [one.chunk_id for one in odd],
        "explanations": [orjson.dumps(one.explanation).decode() for one in odd],
    }


def _hour(one: OddEntry) -> datetime:
    moment: datetime = one.entry["timestamp"]
    return moment.replace(minute=0, second=0, microsecond=0)
