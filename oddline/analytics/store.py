"""SQL of rollups."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import dict_row

from oddline.analytics.model import SEVERITIES, PatternStep, Step, Window
from oddline.database import Transaction

_SUMMED: Final = ("entries", "anomalies", *SEVERITIES)
_IN_WINDOW: Final = (
    "project_id = %(project)s AND step = %(step)s AND slot >= %(start)s AND slot < %(end)s"
    " AND (%(source_ids)s::int4[] IS NULL OR source_id = ANY (%(source_ids)s::int4[]))"
)


@dataclass(frozen=True, slots=True)
class PatternCounts:
    """What the patterns of a source came to in a slot: {pattern: (entries, anomalies)}."""

    slot: datetime
    source_id: int
    arrival_day: date
    counts: Mapping[int, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class PatternName:
    """What a pattern and its source are called, and when the source first and last had it, as far as that is kept."""

    source: str
    pattern: str
    first_seen: datetime | None
    last_seen: datetime | None


def add_counts(tx: Transaction, project: UUID, *, step: Step, rows: Sequence[Mapping[str, Any]]) -> None:
    """Add counts by slot and source to what is there."""
    tx.cursor().executemany(
        "INSERT INTO rollups AS r (project_id, step, slot, source_id, arrival_day, highest_score,"
        f" {', '.join(_SUMMED)})"
        " VALUES (%(project)s, %(step)s, %(slot)s, %(source_id)s, %(arrival_day)s, %(highest_score)s,"
        f" {', '.join(f'%({name})s' for name in _SUMMED)})"
        " ON CONFLICT (project_id, step, slot, source_id) DO UPDATE SET"
        " arrival_day = greatest(r.arrival_day, excluded.arrival_day),"
        " highest_score = greatest(r.highest_score, excluded.highest_score),"
        f" {', '.join(f'{name} = r.{name} + excluded.{name}' for name in _SUMMED)}",
        [{"project": project, "step": int(step), **row} for row in rows],
    )


def add_pattern_counts(tx: Transaction, project: UUID, *, step: PatternStep, added: Sequence[PatternCounts]) -> None:
    """Add counts of patterns to what is there. Whoever calls holds the cursor: nobody else does so meanwhile."""
    known = _pattern_counts(tx, project, step=step, of=added)
    rows = []
    for one in added:
        counts = dict(known.get((one.slot, one.source_id), {}))
        for pattern, (entries, anomalies) in one.counts.items():
            before = counts.get(pattern, (0, 0))
            counts[pattern] = (before[0] + entries, before[1] + anomalies)
        rows.append(
            {
                "project": project,
                "step": int(step),
                "slot": one.slot,
                "source": one.source_id,
                "arrival_day": one.arrival_day,
                "patterns": sorted(counts),
                "entries": [counts[pattern][0] for pattern in sorted(counts)],
                "anomalies": [counts[pattern][1] for pattern in sorted(counts)],
            }
        )
    tx.cursor().executemany(
        "INSERT INTO pattern_rollups AS r"
        " (project_id, step, slot, source_id, arrival_day, pattern_ids, entries, anomalies)"
        " VALUES (%(project)s, %(step)s, %(slot)s, %(source)s, %(arrival_day)s, %(patterns)s, %(entries)s,"
        " %(anomalies)s)"
        " ON CONFLICT (project_id, step, slot, source_id) DO UPDATE SET"
        " arrival_day = greatest(r.arrival_day, excluded.arrival_day), pattern_ids = excluded.pattern_ids,"
        " entries = excluded.entries, anomalies = excluded.anomalies",
        rows,
    )


def _pattern_counts(
    tx: Transaction, project: UUID, *, step: PatternStep, of: Sequence[PatternCounts]
) -> dict[tuple[datetime, int], dict[int, tuple[int, int]]]:
    rows = tx.execute(
        "SELECT r.slot, r.source_id, r.pattern_ids, r.entries, r.anomalies FROM pattern_rollups r"
        " JOIN unnest(%s::timestamptz[], %s::int4[]) AS wanted (slot, source_id) USING (slot, source_id)"
        " WHERE r.project_id = %s AND r.step = %s",
        [[one.slot for one in of], [one.source_id for one in of], project, int(step)],
    ).fetchall()
    return {
        (slot, source): dict(zip(patterns, zip(entries, anomalies, strict=True), strict=True))
        for slot, source, patterns, entries, anomalies in rows
    }


def delete_old(tx: Transaction, project: UUID, *, today: date, kept_days: Mapping[int, int]) -> int:
    """Delete the rollups whose entries are gone, and fine ones after `kept_days` by step; returns how many."""
    deleted = 0
    for table in ("rollups", "pattern_rollups"):
        deleted += tx.execute(
            f"DELETE FROM {table} r USING projects p WHERE p.id = r.project_id AND r.project_id = %(project)s"
            " AND r.arrival_day < %(today)s::date - least(p.retention_days,"
            " coalesce((%(kept)s::jsonb ->> r.step::text)::int, p.retention_days))",
            {"project": project, "today": today, "kept": _json(kept_days)},
        ).rowcount
    return deleted


def timeline(
    tx: Transaction, project: UUID, *, window: Window, step: Step, source_ids: Sequence[int] | None
) -> list[dict[str, Any]]:
    """The counts of each slot in which anything came, in their order."""
    return _rows(
        tx,
        f"SELECT slot, max(highest_score) AS highest_score, {_sums()} FROM rollups WHERE {_IN_WINDOW}"
        " GROUP BY slot ORDER BY slot",
        project=project,
        window=window,
        step=step,
        source_ids=source_ids,
    )


def totals_by_source(
    tx: Transaction, project: UUID, *, window: Window, step: Step, source_ids: Sequence[int] | None
) -> list[dict[str, Any]]:
    """The counts of each source, those with most entries first."""
    return _rows(
        tx,
        f"SELECT s.name AS source, t.* FROM (SELECT source_id, max(highest_score) AS highest_score, {_sums()}"
        f" FROM rollups WHERE {_IN_WINDOW} GROUP BY source_id) t"
        " JOIN sources s ON s.project_id = %(project)s AND s.id = t.source_id ORDER BY t.entries DESC, s.name",
        project=project,
        window=window,
        step=step,
        source_ids=source_ids,
    )


def pattern_totals(
    tx: Transaction,
    project: UUID,
    *,
    window: Window,
    step: PatternStep,
    source_ids: Sequence[int] | None,
    most: int | None = None,
) -> list[dict[str, Any]]:
    """What each pattern of each source came to, those with most entries first.

    `squares` is the sum of the squares of its entries by slot, `slots` in how many slots it came.
    """
    return _rows(
        tx,
        "SELECT r.source_id, u.pattern_id, sum(u.entries)::bigint AS entries, sum(u.anomalies)::bigint AS anomalies,"
        " sum(u.entries::float8 * u.entries) AS squares, count(*) AS slots, min(r.slot) AS first_slot,"
        " max(r.slot) AS last_slot"
        " FROM pattern_rollups r, unnest(r.pattern_ids, r.entries, r.anomalies) AS u (pattern_id, entries, anomalies)"
        f" WHERE {_IN_WINDOW} GROUP BY r.source_id, u.pattern_id"
        " ORDER BY entries DESC, r.source_id, u.pattern_id LIMIT %(most)s",
        project=project,
        window=window,
        step=step,
        source_ids=source_ids,
        most=most,
    )


def pattern_names(
    tx: Transaction, project: UUID, *, pairs: Sequence[tuple[int, int]]
) -> dict[tuple[int, int], PatternName]:
    """What is known of patterns, by source and pattern; of those that were forgotten nothing is."""
    rows = tx.execute(
        "SELECT s.id, p.id, s.name, p.pattern, k.first_seen, k.last_seen"
        " FROM unnest(%(sources)s::int4[], %(patterns)s::int4[]) AS wanted (source_id, pattern_id)"
        " JOIN sources s ON s.project_id = %(project)s AND s.id = wanted.source_id"
        " JOIN patterns p ON p.project_id = %(project)s AND p.id = wanted.pattern_id"
        " LEFT JOIN source_patterns k ON k.project_id = %(project)s AND k.source_id = s.id AND k.pattern_id = p.id",
        {"project": project, "sources": [one[0] for one in pairs], "patterns": [one[1] for one in pairs]},
    ).fetchall()
    return {
        (source, pattern): PatternName(name, text, first, last) for source, pattern, name, text, first, last in rows
    }


def _sums() -> str:
    return ", ".join(f"sum({name})::bigint AS {name}" for name in _SUMMED)


def _rows(
    tx: Transaction,
    statement: str,
    *,
    project: UUID,
    window: Window,
    step: int,
    source_ids: Sequence[int] | None,
    **more: Any,
) -> list[dict[str, Any]]:
    with tx.cursor(row_factory=dict_row) as cursor:
        return cursor.execute(
            statement,
            {
                "project": project,
                "step": int(step),
                "start": window.start,
                "end": window.end,
                "source_ids": None if source_ids is None else list(source_ids),
                **more,
            },
        ).fetchall()


def _json(kept_days: Mapping[int, int]) -> str:
    return "{" + ", ".join(f'"{int(step)}": {days}' for step, days in kept_days.items()) + "}"
