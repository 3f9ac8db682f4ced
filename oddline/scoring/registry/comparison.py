"""Compare the scores of the model on trial with those of the live one, from the chunks that hold both."""

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks import Part, Reader, Wanted, list_parts
from oddline.database import Database
from oddline.errors import ChunkMissing, NotFound
from oddline.objects import ObjectStore
from oddline.patterns import list_sources, pattern_texts
from oddline.scoring.registry import store
from oddline.scoring.registry.model import StoredModel

PATTERNS_SHOWN: Final = 20
BUDGET_S: Final = 15.0
BUDGET_BYTES: Final = 200 * 1024 * 1024
PARTS_AT_ONCE: Final = 16
# After a shadow is set: until then a worker may still score beside the one before.
SETTLED_AFTER: Final = timedelta(minutes=2)
LONGEST_REACH: Final = timedelta(days=30)
_KEYS: Final = ["source", "pattern_id", "score", "is_anomaly", "shadow_score"]
_SCHEMA: Final = {
    "source": pl.String(),
    "pattern_id": pl.Int32(),
    "score": pl.Float32(),
    "is_anomaly": pl.Boolean(),
    "shadow_score": pl.Float32(),
    "entries": pl.UInt32(),
}


def shadow_report(
    *,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    hours: float,
    now: datetime,
    stopwatch: Callable[[], float] = time.monotonic,
) -> dict[str, Any]:
    """How the shadow's scores of the last hours differ from the live ones, as JSON can hold it.

    `pairs` are pairs of source and pattern; `correlation` is Pearson's, over the mean scores of the pairs. A shadow's
    score passes where it reaches the source's own threshold, or the shadow's default. Chunks are read from the newest
    on; `read_from` is later than asked for where time or bytes ran out.

    Raises:
        NotFound: no model is tried beside the live one.
        ChunkMissing, CorruptBody, ObjectStoreUnavailable, DatabaseUnavailable: an entry cannot be read.
    """
    with db.transaction(project=project) as tx:
        choice = store.read_choice(tx)
        model = None if choice.shadow is None else store.find(tx, choice.shadow)
    if model is None or choice.shadow_since is None:
        raise NotFound("no model is tried beside the live one")
    began = max(now - min(timedelta(hours=hours), LONGEST_REACH), choice.shadow_since + SETTLED_AFTER)
    scan = _Scan(db=db, objects=objects, project=project, since=began, now=now, stopwatch=stopwatch)
    try:
        counts = scan.run()
    except ChunkMissing:
        # Compaction passed between the list and the reading: the list of now is true again.
        counts = scan.run()
    with db.transaction(project=project) as tx:
        names = counts["source"].unique().to_list()
        own = {key.name: key.threshold for key in list_sources(tx, project, names=names)}
        report = _report(counts, thresholds=own, model=model)
        shown = [pattern["pattern_id"] for pattern in report["patterns"]]
        texts = pattern_texts(tx, project, pattern_ids=shown)
    for pattern in report["patterns"]:
        pattern["pattern"] = texts.get(pattern["pattern_id"])
    return {"shadow": model.version, "live": choice.live, "read_from": scan.read_from, "read_to": now, **report}


class _Scan:
    """Reads what has both scores since a moment, newest chunks first, within a budget."""

    def __init__(
        self,
        *,
        db: Database,
        objects: ObjectStore,
        project: UUID,
        since: datetime,
        now: datetime,
        stopwatch: Callable[[], float],
    ) -> None:
        self.read_from = since
        self._db = db
        self._reader = Reader(db=db, objects=objects, project=project)
        self._project = project
        self._since = since
        self._now = now
        self._stopwatch = stopwatch
        self._began = stopwatch()

    def run(self) -> pl.DataFrame:
        """Entries by `_KEYS`."""
        counts = pl.DataFrame(schema=_SCHEMA)
        self.read_from = self._since
        unread = self._list()
        while unread:
            batch, unread = unread[:PARTS_AT_ONCE], unread[PARTS_AT_ONCE:]
            counts = _add_up([counts, *self._reader.read(batch, self._narrow)])
            if unread and self._is_spent():
                self.read_from = unread[0].group.highest_time
                break
        return counts

    def _list(self) -> list[Part]:
        wanted = Wanted(time_from=self._since - timedelta(days=1), time_to=self._now + timedelta(days=1))
        with self._db.transaction(project=self._project) as tx:
            parts = list_parts(tx, project=self._project, wanted=wanted, today=self._now.date())
        return sorted(parts, key=lambda part: part.group.highest_time, reverse=True)

    def _narrow(self, entries: pl.LazyFrame) -> pl.LazyFrame:
        is_compared = pl.col("shadow_score").is_not_null() & (pl.col("analyzed_at") >= self._since)
        return entries.filter(is_compared).group_by(_KEYS).agg(pl.len().alias("entries"))

    def _is_spent(self) -> bool:
        return self._stopwatch() - self._began > BUDGET_S or self._reader.bytes_read > BUDGET_BYTES


def _add_up(frames: Sequence[pl.DataFrame]) -> pl.DataFrame:
    together = pl.concat([frame.cast(_SCHEMA) for frame in frames])  # type: ignore[arg-type]  # a schema is one
    return together.group_by(_KEYS).agg(pl.col("entries").sum()).cast(_SCHEMA)  # type: ignore[arg-type]


def _report(counts: pl.DataFrame, *, thresholds: dict[str, float | None], model: StoredModel) -> dict[str, Any]:
    threshold = {name: model.default_threshold if own is None else own for name, own in thresholds.items()}
    passing = counts.with_columns(
        shadow_passes=pl.col("shadow_score")
        >= pl.col("source").replace_strict(threshold, default=model.default_threshold, return_dtype=pl.Float32)
    )
    weight = pl.col("entries")

    def entries_where(condition: pl.Expr) -> pl.Expr:
        return weight.filter(condition).sum()

    live, shadow = pl.col("is_anomaly"), pl.col("shadow_passes")
    pairs = passing.group_by("source", "pattern_id").agg(
        weight.sum(),
        ((pl.col("score") * weight).sum() / weight.sum()).alias("score"),
        ((pl.col("shadow_score") * weight).sum() / weight.sum()).alias("shadow_score"),
        entries_where(live & ~shadow).alias("only_live"),
        entries_where(shadow & ~live).alias("only_shadow"),
        entries_where(live & shadow).alias("both"),
    )
    difference = (pl.col("shadow_score") - pl.col("score")).alias("difference")
    most = pairs.with_columns(difference).sort(pl.col("difference").abs(), descending=True).head(PATTERNS_SHOWN)
    return {
        "entries": int(counts["entries"].sum()),
        "pairs": pairs.height,
        "correlation": _correlation(pairs),
        "mean_difference": _rounded((pairs["shadow_score"] - pairs["score"]).abs().mean()),
        "anomalies": {name: int(pairs[name].sum()) for name in ("both", "only_live", "only_shadow")},
        "patterns": [
            {name: _rounded(value) if isinstance(value, float) else value for name, value in row.items()}
            for row in most.drop("both").iter_rows(named=True)
        ],
    }


def _correlation(pairs: pl.DataFrame) -> float | None:
    """None where it is not defined: with one pair, or with scores that are all the same."""
    if pairs.height < 2 or 0.0 in (pairs["score"].std(), pairs["shadow_score"].std()):
        return None
    return _rounded(pairs.select(pl.corr("score", "shadow_score")).item())


def _rounded(value: Any) -> float | None:
    return None if value is None else round(float(value), 4)
