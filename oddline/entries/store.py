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
from oddline.feedback import OPEN, SEQUENCE_VERDICT, VERDICT
from oddline.identity import WITHIN_RETENTION
from oddline.submissions import entry_id

_COLUMNS: Final = (
    "id, kind, arrival_day, hour, timestamp, received_at, analyzed_at, severity_number, severity_text, source_id,"
    " source, message, attributes, score, threshold, is_anomaly, model_version, pattern_id, count, chunk_id,"
    " explanation"
)


@dataclass(frozen=True, slots=True)
class Source:
    """A source: what is set for it, what was promised for it, and how the model stands that scored it last.

    `threshold`, `alarms_per_day`, `session_attribute` and `sequence_window` (seconds) are its own settings; `promised`
    is what holds, whoever set it (`is_asked`: a person). `default_threshold` is None before the source was scored,
    `calibrated` until its warm-up is over.
    """

    id: int
    name: str
    threshold: float | None
    alarms_per_day: float | None
    session_attribute: str | None
    sequence_window: int | None
    first_seen: datetime
    last_seen: datetime
    entries: int
    promised: float
    is_asked: bool
    default_threshold: float | None
    calibrated: float | None
    drift: str | None
    drift_since: datetime | None
    alarms_today: int


@dataclass(frozen=True, slots=True)
class OddCount:
    """How many anomalies of a pattern a model has found lately; 0 where all of them are older."""

    pattern_id: int
    model_version: str
    lately: int


@dataclass(frozen=True, slots=True)
class SubmissionState:
    """As much of a submission as reading its entries needs."""

    state: str
    received_at: datetime
    chunk_ids: list[UUID] | None


def insert_odd(tx: Transaction, odd: Sequence[OddEntry], *, project: UUID) -> None:
    """Write odd entries of one project; a peak takes the place of a lower one of its source and hour."""
    anomalies = [one for one in odd if one.kind != "peak"]
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
    " %(are_anomalies)s::boolean[], %(model_versions)s::text[], %(pattern_ids)s::int[], %(counts)s::int[],"
    " %(chunk_ids)s::uuid[],"
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
        "kind = %(kind)s": {"kind": "peak" if query.peaks else query.kind},
        "timestamp >= %(time_from)s": {"time_from": query.time_from},
        "timestamp < %(time_to)s": {"time_to": query.time_to},
        "source = ANY (%(sources)s)": {"sources": list(query.sources) or None},
        "score >= %(score)s::real": {"score": query.score_minimum},
        f"coalesce(verdict, '{OPEN}') = ANY (%(verdicts)s)": {"verdicts": list(query.verdicts) or None},
        **_behind(query, after),
    }
    given = {condition: values for condition, values in conditions.items() if None not in values.values()}
    parameters: dict[str, Any] = {"project": project, "today": today, "limit": limit}
    verdict = SEQUENCE_VERDICT if query.kind == "sequence" and not query.peaks else VERDICT
    column = "timestamp" if query.order == "newest" else "score"
    with tx.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            f"SELECT {_COLUMNS}, verdict FROM odd_entries o LEFT JOIN LATERAL ({verdict}) AS v"
            f" ON o.is_anomaly AND o.kind <> 'rate' WHERE project_id = %(project)s AND {WITHIN_RETENTION}"
            f" {' '.join(f'AND {condition}' for condition in given)}"
            f" ORDER BY {column} DESC, id DESC LIMIT %(limit)s",
            parameters | {name: value for values in given.values() for name, value in values.items()},
        ).fetchall()


def count_odd(
    tx: Transaction, *, project: UUID, source_id: int | None, since: datetime, today: date, most: int
) -> list[OddCount]:
    """The anomalies of a source (None: of all) by pattern and model; those with most of them since `since` first."""
    with tx.cursor(row_factory=class_row(OddCount)) as cursor:
        return cursor.execute(
            "SELECT pattern_id, model_version, coalesce(sum(count) FILTER (WHERE timestamp >= %(since)s), 0)::bigint"
            f" AS lately FROM odd_entries WHERE project_id = %(project)s AND kind = 'anomaly' AND {WITHIN_RETENTION}"
            f" {'' if source_id is None else 'AND source_id = %(source)s'}"
            " GROUP BY pattern_id, model_version ORDER BY lately DESC, pattern_id DESC LIMIT %(most)s",
            {"project": project, "source": source_id, "since": since, "today": today, "most": most},
        ).fetchall()


def find_explanation(tx: Transaction, *, project: UUID, entry: UUID) -> dict[str, Any] | None:
    """The explanation of an entry that is among the odd ones."""
    rows = tx.execute(
        "SELECT explanation FROM odd_entries WHERE project_id = %s AND id = %s AND kind IN ('anomaly', 'peak') LIMIT 1",
        [project, entry],
    ).fetchall()
    return rows[0][0] if rows else None


def find_explanations(tx: Transaction, *, project: UUID, entries: Sequence[UUID]) -> dict[UUID, Any]:
    """The explanations of those of the entries that are among the odd ones."""
    rows = tx.execute(
        "SELECT id, explanation FROM odd_entries WHERE project_id = %s AND id = ANY (%s)"
        " AND kind IN ('anomaly', 'peak')",
        [project, list(entries)],
    ).fetchall()
    return dict(rows)


def find_submission(tx: Transaction, *, project: UUID, submission: UUID) -> SubmissionState | None:
    """The state of a submission, for as long as it is kept."""
    with tx.cursor(row_factory=class_row(SubmissionState)) as cursor:
        return cursor.execute(
            "SELECT state, received_at, chunk_ids FROM submission_state WHERE id = %s AND project_id = %s",
            [submission, project],
        ).fetchone()


def list_sources(tx: Transaction, *, project: UUID, after: str | None, limit: int, today: date) -> list[Source]:
    """Sources in the order of their names, from behind a name."""
    with tx.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(
            f"{_SOURCES} AND s.name > %(after)s ORDER BY s.name LIMIT %(limit)s",
            {"project": project, "today": today, "after": after or "", "limit": limit},
        ).fetchall()


def find_source(tx: Transaction, *, project: UUID, name: str, today: date) -> Source | None:
    """The source of that name."""
    with tx.cursor(row_factory=class_row(Source)) as cursor:
        return cursor.execute(
            f"{_SOURCES} AND s.name = %(name)s", {"project": project, "today": today, "name": name}
        ).fetchone()


def set_threshold(tx: Transaction, *, project: UUID, name: str, threshold: float | None) -> None:
    """Set a source's own threshold, or take it away."""
    tx.execute("UPDATE sources SET threshold = %s WHERE project_id = %s AND name = %s", [threshold, project, name])


def set_alarms_per_day(tx: Transaction, *, project: UUID, name: str, alarms_per_day: float | None) -> None:
    """Set how many alarms a day a source may give at most, or leave that to its project."""
    tx.execute(
        "UPDATE sources SET alarms_per_day = %s WHERE project_id = %s AND name = %s", [alarms_per_day, project, name]
    )


def set_session_attribute(tx: Transaction, *, project: UUID, name: str, attribute: str | None) -> None:
    """Set by which attribute the entries of a source belong together that bear no session, or take it away."""
    tx.execute(
        "UPDATE sources SET session_attribute = %s WHERE project_id = %s AND name = %s", [attribute, project, name]
    )


def set_sequence_window(tx: Transaction, *, project: UUID, name: str, seconds: int | None) -> None:
    """Set in windows of how many seconds the entries of a source are judged that belong to nothing else, or none."""
    tx.execute("UPDATE sources SET sequence_window = %s WHERE project_id = %s AND name = %s", [seconds, project, name])


_SOURCES: Final = (
    "SELECT s.id, s.name, s.threshold, s.alarms_per_day, s.session_attribute, s.sequence_window,"
    " s.first_seen, s.last_seen, s.entries,"
    " t.alarms_per_day AS promised, t.is_asked, c.default_threshold, c.threshold AS calibrated, c.drift, c.drift_since,"
    " coalesce(d.alarms, 0)::int AS alarms_today"
    " FROM sources s JOIN source_thresholds t ON t.project_id = s.project_id AND t.source_id = s.id"
    " LEFT JOIN LATERAL (SELECT * FROM source_calibration m WHERE m.project_id = s.project_id AND m.source_id = s.id"
    " ORDER BY m.last_hour DESC NULLS LAST, m.started_at DESC LIMIT 1) c ON true"
    " LEFT JOIN LATERAL (SELECT sum(cardinality(array_positions(i.alarmed, true))) AS alarms FROM incident_days i"
    " WHERE i.project_id = s.project_id AND i.source_id = s.id AND i.day = %(today)s) d ON true"
    " WHERE s.project_id = %(project)s"
)


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
        "ids": [one.id or entry_id(UUID(bytes=one.entry["submission"]), one.entry["index"]) for one in odd],
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
        # Only an hour's highest score can stand here without being odd.
        "are_anomalies": [one.kind != "peak" or one.entry["is_anomaly"] for one in odd],
        "model_versions": column("model_version"),
        "pattern_ids": column("pattern_id"),
        "counts": [one.count for one in odd],
        "chunk_ids": [one.chunk_id for one in odd],
        "explanations": [orjson.dumps(one.explanation).decode() for one in odd],
    }


def _hour(one: OddEntry) -> datetime:
    moment: datetime = one.entry["timestamp"]
    return moment.replace(minute=0, second=0, microsecond=0)
