"""Hold sources in their warm-up to their cap: between scoring and writing, in a short transaction of its own."""

from collections.abc import Mapping
from uuid import UUID

import polars as pl

from oddline.database import Database
from oddline.scoring.calibration import store
from oddline.scoring.calibration.model import InForce, hour_of
from oddline.scoring.calibration.warm_up import grant


def hold_to_cap(
    entries: pl.DataFrame,
    *,
    project: UUID,
    in_force: Mapping[int, InForce],
    model_version: str,
    default_threshold: float,
    db: Database,
) -> pl.DataFrame:
    """The entries of a claim, where what is not granted keeps its score and is no anomaly.

    Several workers at once take turns at the source's row. A claim that is lost afterwards costs nothing: the same
    pattern in the same hour is granted to whoever scores it again. Only sources in their warm-up are asked for, and
    only where they have something odd.

    Args:
        entries: columns of `oddline.chunks.SCHEMA`, scored in one go.
        project: whose entries they are.
        in_force: by what each of their sources was judged, by its id.
        model_version: by which model.
        default_threshold: that model's.
        db: the worker's.

    Raises:
        DatabaseUnavailable: nothing was stored; the claim can be given back.
    """
    new = [source for source, one in in_force.items() if not one.is_noted]
    caps = {source: one.cap for source, one in in_force.items() if one.cap is not None}
    wanted = _wanted(entries, sources=list(caps))
    if not new and not wanted:
        return entries
    analyzed_at = entries["analyzed_at"][0]
    with db.transaction() as tx:
        if new:
            store.begin_warm_up(
                tx,
                project,
                source_ids=new,
                model_version=model_version,
                default_threshold=default_threshold,
                now=analyzed_at,
            )
        held = store.lock_grants(tx, project, source_ids=wanted.keys(), model_version=model_version)
        refused: list[tuple[int, int]] = []
        for source in sorted(wanted):
            granted, after = grant(wanted[source], held=held[source], hour=hour_of(analyzed_at), cap=caps[source])
            refused += [(source, pattern) for pattern in wanted[source].keys() - granted]
            if after != held[source]:
                store.write_grants(tx, project, source_id=source, model_version=model_version, held=after)
    return _without_alarm(entries, refused) if refused else entries


def _wanted(entries: pl.DataFrame, *, sources: list[int]) -> dict[int, dict[int, float]]:
    """By source the patterns that reached its threshold, with their highest scores."""
    odd = entries.filter(pl.col("is_anomaly") & pl.col("source_id").is_in(sources))
    wanted: dict[int, dict[int, float]] = {}
    for source, pattern, score in odd.group_by("source_id", "pattern_id").agg(pl.col("score").max()).iter_rows():
        wanted.setdefault(source, {})[pattern] = score
    return wanted


def _without_alarm(entries: pl.DataFrame, refused: list[tuple[int, int]]) -> pl.DataFrame:
    """The entries, those of refused pairs of source and pattern no anomalies."""
    pairs = pl.DataFrame(
        refused, schema={name: entries.schema[name] for name in ("source_id", "pattern_id")}, orient="row"
    )
    is_refused = pl.struct("source_id", "pattern_id").is_in(pairs.to_struct("pair").implode())
    return entries.with_columns(is_anomaly=pl.col("is_anomaly") & ~is_refused)
