"""Score stored entries again: the same formula, another model, and what the source knew in that hour."""

from collections.abc import Mapping
from typing import Any, Final
from uuid import UUID

import numpy as np
import polars as pl

from oddline.database import Database
from oddline.scoring.calibration.model import Standing
from oddline.scoring.calibration.store import standings
from oddline.scoring.declared import severities
from oddline.scoring.encoder import Encoder
from oddline.scoring.reading import Pattern, read_by_id
from oddline.scoring.replay.model import Difference
from oddline.scoring.replay.past import PastKnowledge

NEEDED: Final = (
    "submission",
    "index",
    "timestamp",
    "received_at",
    "analyzed_at",
    "source_id",
    "source",
    "pattern_id",
    "severity_number",
    "score",
    "is_anomaly",
)
"""Columns of stored entries that scoring them again needs: never the message, which is what takes memory."""

_GROUP: Final = ["source_id", "pattern_id", "hour"]
_JUDGED: Final[dict[str, pl.DataType]] = {
    "source_id": pl.Int32(),
    "pattern_id": pl.Int32(),
    "hour": pl.Datetime("us", "UTC"),
    "new_novelty": pl.Float32(),
    "logit": pl.Float64(),
    "threshold": pl.Float32(),
    "calibration_version": pl.Int16(),
}


class Rescorer:
    """Scores entries of one project with one model.

    Novelty is measured against what the source knew at the beginning of the hour in which an entry arrived. The
    threshold is the source's of today: its own, or what was calibrated for this model, or the model's; no cap holds.
    """

    def __init__(self, project: UUID, *, db: Database, encoder: Encoder, past: PastKnowledge) -> None:
        self._project = project
        self._db = db
        self._encoder = encoder
        self._past = past

    def score(self, entries: pl.DataFrame) -> pl.DataFrame:
        """`entries` (columns NEEDED) with new_score, threshold, calibration_version, new_is_anomaly; in their order."""
        hourly = entries.with_columns(hour=pl.col("received_at").dt.truncate("1h"))
        groups = hourly.select(_GROUP).unique(maintain_order=True).sort("hour", maintain_order=True)
        patterns = read_by_id(
            self._db, self._project, pattern_ids=groups["pattern_id"].unique().to_list(), encoder=self._encoder
        )
        source_ids = groups["source_id"].unique().to_list()
        with self._db.transaction() as tx:
            standing = standings(tx, self._project, source_ids=source_ids, model_version=self._encoder.version)
        judged = [
            self._judge(group, source_id=source_id, hour=hour, patterns=patterns, standing=standing[source_id])
            for (source_id, hour), group in groups.group_by("source_id", "hour", maintain_order=True)
        ]
        joined = hourly.join(pl.concat(judged), on=_GROUP, how="left", maintain_order="left", validate="m:1")
        how_bad = pl.Series(severities(joined["logit"], joined["severity_number"].to_numpy()))
        return joined.with_columns(new_score=joined["new_novelty"] * how_bad).with_columns(
            new_is_anomaly=pl.col("new_score") >= pl.col("threshold")
        )

    def _judge(
        self,
        group: pl.DataFrame,
        *,
        source_id: Any,
        hour: Any,
        patterns: Mapping[int, Pattern],
        standing: Standing,
    ) -> pl.DataFrame:
        """Novelty and severity logit of each pattern of a source in an hour; one whose text is gone is not new."""
        default = self._encoder.default_threshold
        severe_from = default if standing.fixed is None else standing.fixed
        known = self._past.at(hour, source_id=source_id, threshold=severe_from)
        in_force = standing.in_force(default_threshold=default)
        ids = group["pattern_id"].to_list()
        novelty = np.zeros(len(ids), dtype=np.float32)
        new = [place for place, one in enumerate(ids) if one in patterns and not known.has(one)]
        if new:
            read = [patterns[ids[place]] for place in new]
            embeddings = np.stack([pattern.embedding for pattern in read])
            novelty[new], _ = known.novelties(
                [pattern.id for pattern in read],
                embeddings,
                [pattern.views for pattern in read],
                scale=self._encoder.novelty_scale,
            )
        columns = {
            "source_id": [source_id] * len(ids),
            "pattern_id": ids,
            "hour": [hour] * len(ids),
            "new_novelty": novelty,
            "logit": [patterns[one].severity_logit if one in patterns else 0.0 for one in ids],
            "threshold": [in_force.threshold] * len(ids),
            "calibration_version": [in_force.calibration_version] * len(ids),
        }
        return pl.DataFrame(columns, schema=_JUDGED)


def differences(scored: pl.DataFrame) -> list[Difference]:
    """What changed, per source and pattern, in the result of `Rescorer.score`."""
    old, new = pl.col("is_anomaly"), pl.col("new_is_anomaly")
    sums = scored.group_by("source_id", "pattern_id").agg(
        pl.len().alias("entries"),
        pl.col("score").cast(pl.Float64).sum().alias("score_sum"),
        pl.col("new_score").cast(pl.Float64).sum().alias("replayed_sum"),
        old.sum().alias("anomalies"),
        new.sum().alias("replayed_anomalies"),
        (new & ~old).sum().alias("became_odd"),
        (old & ~new).sum().alias("became_normal"),
    )
    return [Difference(**row) for row in sums.iter_rows(named=True)]
