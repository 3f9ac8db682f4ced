"""Write what was scored: chunks, odd entries and "done" become visible together, or not at all."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oddline import submissions
from oddline.chunks import BornChunk, build, insert_born
from oddline.database import Database
from oddline.entries import Explain, insert_odd, odd_rows
from oddline.notifications import SEND_ANOMALY_MAIL
from oddline.patterns import pattern_texts
from oddline.scoring.explanation import explain
from oddline.scoring.mails import plan_mails
from oddline.scoring.scorer import ScoredEntries
from oddline.submissions import Claimed, Finished, entry_id, new_id, rfc3339
from oddline.tasks import enqueue


@dataclass(frozen=True, slots=True)
class Written:
    """What was stored: how many bytes in chunks, and the ids of the mails' tasks."""

    bytes: int
    mails: tuple[UUID, ...]


def write_scored(
    scored: ScoredEntries, claimed: Sequence[Claimed], *, novelty_scale: float, db: Database, now: datetime
) -> Written:
    """Store one project's scored entries in one transaction.

    Everything is built before the transaction opens, so that it is short.

    Raises:
        LostClaim: another worker holds some of the submissions now; nothing was written.
    """
    born = build(scored.frame, project=scored.project, now=now, new_id=new_id)
    odd = odd_rows(scored.frame, chunks=born, explain=_explainer(scored, db=db, novelty_scale=novelty_scale))
    finished = _finished(scored.frame, claimed, born)
    mails = {new_id(): mail for mail in plan_mails(scored, claimed, db=db)}
    with db.transaction() as tx:
        submissions.finish(tx, finished, now=now)
        insert_born(tx, born)
        insert_odd(tx, odd, project=scored.project)
        for task_id, mail in mails.items():
            enqueue(tx, SEND_ANOMALY_MAIL, mail, task_id=task_id, project=scored.project, now=now)
    return Written(bytes=sum(len(chunk.blob) for chunk in born), mails=tuple(mails))


def _explainer(scored: ScoredEntries, *, db: Database, novelty_scale: float) -> Explain:
    """Explains rows of the frame; the nearest patterns' texts are read once for all of them."""
    near = scored.frame.filter(pl.col("score") > 0)["nearest_pattern"].drop_nulls().unique().to_list()
    texts = {}
    if near:
        with db.transaction() as tx:
            texts = pattern_texts(tx, scored.project, pattern_ids=near)

    @cache
    def words(source_id: int, pattern_id: int) -> NDArray[np.float32] | None:
        pattern = scored.patterns[pattern_id]
        known = scored.sources[source_id].known
        return known.words(pattern.id, pattern.embedding, pattern.views, scale=novelty_scale)

    def of(row: Mapping[str, Any]) -> Mapping[str, Any]:
        nearest = row["nearest_pattern"]
        return explain(
            scored.patterns[row["pattern_id"]],
            message=row["message"],
            severity=row["severity"],
            novelty=row["novelty"],
            severity_number=row["severity_number"],
            word_novelties=words(row["source_id"], row["pattern_id"]),
            nearest=(nearest, texts[nearest]) if nearest in texts else None,
        )

    return of


def _finished(frame: pl.DataFrame, claimed: Sequence[Claimed], born: Sequence[BornChunk]) -> list[Finished]:
    """What each submission's state is to say."""
    sums = frame.group_by("submission").agg(
        pl.col("is_anomaly").sum().alias("anomalies"),
        pl.col("score").max().alias("highest"),
        pl.col("index").get(pl.col("score").arg_max()).alias("oddest"),
        pl.col("analyzed_at").first(),
        pl.col("processing_time").sum(),
    )
    by_id = {row["submission"]: row for row in sums.iter_rows(named=True)}
    chunk_ids = tuple(chunk.id for chunk in born)
    return [
        Finished(
            claimed=one,
            anomalies=by_id[one.id.bytes]["anomalies"],
            highest_score=by_id[one.id.bytes]["highest"],
            chunk_ids=chunk_ids,
            result=_result(one, by_id[one.id.bytes]),
        )
        for one in claimed
    ]


def _result(claimed: Claimed, sums: dict[str, Any]) -> dict[str, Any]:
    """What `GET /tasks/{id}` gives as the result: of a single entry its score, of a batch its sums."""
    analyzed = {
        "analyzed_at": rfc3339(sums["analyzed_at"]),
        "processing_time": round(sums["processing_time"], 6),
    }
    oddest = str(entry_id(claimed.id, sums["oddest"]))
    if claimed.entries == 1:
        return {
            "log_entry_id": oddest,
            "anomaly_score": round(sums["highest"], 6),
            "is_anomaly": bool(sums["anomalies"]),
            **analyzed,
        }
    return {
        "batch_id": str(claimed.id),
        "entries": claimed.entries,
        "anomalies": sums["anomalies"],
        "highest_score": round(sums["highest"], 6),
        "oddest_entry_id": oddest,
        **analyzed,
    }
