"""SQL of calibration: what was asked for, incidents by day, thresholds, and what a warm-up has granted."""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any, Final
from uuid import UUID

from psycopg.rows import class_row, dict_row

from oddline.database import Transaction
from oddline.scoring.calibration.incidents import Day, Incidents
from oddline.scoring.calibration.model import (
    HOURS_A_DAY,
    LAST_VERSION,
    WARM_UP,
    Drift,
    Incident,
    Standing,
    hour_of,
)

_FIRST_DAY: Final = date(1970, 1, 1)

DayKey = tuple[int, str, int]
"""Source, model version, and the day, counted from 1970."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """A source whose threshold is to be found again, with one model; hours are counted from 1970."""

    project_id: UUID
    source_id: int
    model_version: str
    default_threshold: float
    started_at: datetime
    fixed: float | None
    alarms_per_day: float
    is_asked: bool
    asked_changed: bool
    threshold: float | None
    calibrated_hour: int | None
    counted_hour: int | None
    drift: Drift | None
    drift_since: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Calibrated:
    """What was found for a source that was due."""

    due: Due
    threshold: float | None
    counted_hour: int
    drift: Drift | None
    drift_since: datetime | None


def standings(
    tx: Transaction, project: UUID, *, source_ids: Collection[int], model_version: str
) -> dict[int, Standing]:
    """How sources stand with a model."""
    rows = tx.execute(
        "SELECT t.source_id, t.fixed, t.alarms_per_day, c.threshold, c.version FROM source_thresholds t"
        " LEFT JOIN source_calibration c"
        " ON c.project_id = t.project_id AND c.source_id = t.source_id AND c.model_version = %s"
        " WHERE t.project_id = %s AND t.source_id = ANY (%s)",
        [model_version, project, list(source_ids)],
    ).fetchall()
    return {
        source: Standing(fixed=fixed, alarms_per_day=alarms, calibrated=threshold, version=version)
        for source, fixed, alarms, threshold, version in rows
    }


def begin_warm_up(
    tx: Transaction,
    project: UUID,
    *,
    source_ids: Collection[int],
    model_version: str,
    default_threshold: float,
    now: datetime,
) -> None:
    """Note from when on a model scores these sources, where that is not noted yet."""
    tx.execute(
        "INSERT INTO source_calibration (project_id, source_id, model_version, default_threshold, started_at)"
        " SELECT %s, id, %s, %s, %s FROM unnest(%s::int[]) AS n (id) ON CONFLICT DO NOTHING",
        [project, model_version, default_threshold, now, sorted(source_ids)],
    )


def lock_grants(
    tx: Transaction, project: UUID, *, source_ids: Collection[int], model_version: str
) -> dict[int, frozenset[Incident]]:
    """What sources were granted in their warm-up, which nobody else reads to change until the transaction ends."""
    rows = tx.execute(
        "SELECT source_id, granted_patterns, granted_hours FROM source_calibration"
        " WHERE project_id = %s AND source_id = ANY (%s) AND model_version = %s ORDER BY source_id FOR UPDATE",
        [project, list(source_ids), model_version],
    ).fetchall()
    return {source: frozenset(map(Incident, patterns, hours)) for source, patterns, hours in rows}


def write_grants(
    tx: Transaction, project: UUID, *, source_id: int, model_version: str, held: Iterable[Incident]
) -> None:
    """Note all that a source is granted; call `lock_grants` before."""
    ordered = sorted(held, key=lambda one: (one.hour, one.pattern))
    tx.execute(
        "UPDATE source_calibration SET granted_patterns = %s, granted_hours = %s"
        " WHERE project_id = %s AND source_id = %s AND model_version = %s",
        [[one.pattern for one in ordered], [one.hour for one in ordered], project, source_id, model_version],
    )


def read_days(tx: Transaction, project: UUID, *, keys: Collection[DayKey]) -> dict[DayKey, Day]:
    """Those of the days of which something is kept."""
    rows = _fetch(
        tx,
        "SELECT d.source_id, d.model_version, d.day, active_hours, hours, patterns, scores, alarmed"
        " FROM unnest(%(sources)s::int[], %(models)s::text[], %(days)s::date[]) AS n (source_id, model_version, day)"
        " JOIN incident_days d USING (source_id, model_version, day) WHERE d.project_id = %(project)s",
        {
            "project": project,
            "sources": [source for source, _, _ in keys],
            "models": [model for _, model, _ in keys],
            "days": [_date(day) for _, _, day in keys],
        },
    )
    return {(row["source_id"], row["model_version"], _number(row["day"])): _day(row) for row in rows}


def write_days(tx: Transaction, project: UUID, *, days: Mapping[DayKey, Day]) -> None:
    """Write days as they are now."""
    tx.cursor().executemany(
        "INSERT INTO incident_days"
        " (project_id, source_id, model_version, day, active_hours, hours, patterns, scores, alarmed)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT (project_id, source_id, day, model_version)"
        " DO UPDATE SET active_hours = excluded.active_hours, hours = excluded.hours, patterns = excluded.patterns,"
        " scores = excluded.scores, alarmed = excluded.alarmed",
        [
            [
                project,
                source,
                model,
                _date(day),
                kept.active,
                (kept.incidents.hours % HOURS_A_DAY).tolist(),
                kept.incidents.patterns.tolist(),
                kept.incidents.scores.tolist(),
                kept.incidents.alarmed.tolist(),
            ]
            for (source, model, day), kept in sorted(days.items())
        ],
    )


def note_arrivals(tx: Transaction, project: UUID, *, hours: Mapping[tuple[int, str], int]) -> None:
    """Note the last hour in which each source had entries, by source and model version."""
    tx.cursor().executemany(
        "UPDATE source_calibration SET last_hour = %(hour)s WHERE project_id = %(project)s AND source_id = %(source)s"
        " AND model_version = %(model)s AND (last_hour IS NULL OR last_hour < %(hour)s)",
        [
            {"project": project, "source": source, "model": model, "hour": hour}
            for (source, model), hour in sorted(hours.items())
        ],
    )


def list_due(tx: Transaction, *, now: datetime, limit: int) -> list[Due]:
    """Sources past their warm-up of which an hour was added since, or of which something else was asked for."""
    with tx.cursor(row_factory=class_row(Due)) as cursor:
        return cursor.execute(
            "SELECT project_id, source_id, c.model_version, c.default_threshold, c.started_at, t.fixed,"
            " t.alarms_per_day, t.is_asked, c.threshold, c.calibrated_hour, c.counted_hour, c.drift, c.drift_since,"
            f" {_ASKED_CHANGED} AS asked_changed"
            " FROM source_calibration c JOIN source_thresholds t USING (project_id, source_id)"
            " WHERE c.last_hour IS NOT NULL AND c.started_at <= %(warm)s AND (c.calibrated_hour IS NULL"
            " OR (c.calibrated_hour < %(hour)s AND c.last_hour >= c.calibrated_hour)"
            f" OR {_ASKED_CHANGED}) ORDER BY project_id, source_id, c.model_version LIMIT %(limit)s",
            {"warm": now - WARM_UP, "hour": hour_of(now), "limit": limit},
        ).fetchall()


_ASKED_CHANGED: Final = "(c.alarms_per_day IS DISTINCT FROM t.alarms_per_day OR c.is_asked IS DISTINCT FROM t.is_asked)"


def list_days(tx: Transaction, due: Due, *, first: int) -> list[Day]:
    """What is kept of a source and model from a day on (counted from 1970)."""
    rows = _fetch(
        tx,
        "SELECT day, active_hours, hours, patterns, scores, alarmed FROM incident_days"
        " WHERE project_id = %(project)s AND source_id = %(source)s AND model_version = %(model)s AND day >= %(first)s",
        {
            "project": due.project_id,
            "source": due.source_id,
            "model": due.model_version,
            "first": _date(first),
        },
    )
    return [_day(row) for row in rows]


def write_calibrated(tx: Transaction, found: Calibrated, *, hour: int, oldest: int) -> None:
    """Put a threshold into force unless another run was faster; forget days before `oldest`.

    The version counts up where the threshold changes; each model goes on counting where the one before it was. Grants
    stay: workers with an older view of the source still ask for them.
    """
    due = found.due
    tx.execute(
        "UPDATE source_calibration c SET version = CASE WHEN threshold IS DISTINCT FROM %(threshold)s::real THEN"
        " (SELECT max(o.version) %% %(last)s + 1 FROM source_calibration o WHERE o.project_id = c.project_id"
        " AND o.source_id = c.source_id) ELSE version END, threshold = %(threshold)s,"
        " alarms_per_day = %(alarms_per_day)s, is_asked = %(is_asked)s,"
        " calibrated_hour = %(hour)s, counted_hour = %(counted_hour)s, drift = %(drift)s,"
        " drift_since = %(drift_since)s WHERE project_id = %(project)s AND source_id = %(source)s"
        " AND model_version = %(model)s AND calibrated_hour IS NOT DISTINCT FROM %(before)s",
        {
            "threshold": found.threshold,
            "last": LAST_VERSION,
            "alarms_per_day": due.alarms_per_day,
            "is_asked": due.is_asked,
            "hour": hour,
            "counted_hour": found.counted_hour,
            "drift": found.drift,
            "drift_since": found.drift_since,
            "project": due.project_id,
            "source": due.source_id,
            "model": due.model_version,
            "before": due.calibrated_hour,
        },
    )
    tx.execute(
        "DELETE FROM incident_days WHERE project_id = %s AND source_id = %s AND day < %s",
        [due.project_id, due.source_id, _date(oldest)],
    )


def _fetch(tx: Transaction, statement: str, parameters: Mapping[str, Any]) -> Sequence[dict[str, Any]]:
    with tx.cursor(row_factory=dict_row, binary=True) as cursor:
        return cursor.execute(statement, parameters).fetchall()


def _day(row: Mapping[str, Any]) -> Day:
    number = _number(row["day"])
    hours = [number * HOURS_A_DAY + hour for hour in row["hours"]]
    return Day(number, row["active_hours"], Incidents.of(hours, row["patterns"], row["scores"], row["alarmed"]))


def _number(day: date) -> int:
    return (day - _FIRST_DAY).days


def _date(number: int) -> date:
    return _FIRST_DAY + timedelta(days=number)
