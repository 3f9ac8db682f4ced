"""Score with a second model what the live one has scored, without ever harming or holding up the live one."""

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Final
from uuid import UUID

import polars as pl

from oddline.chunks import SCHEMA
from oddline.database import Database
from oddline.scoring.declared import severities
from oddline.scoring.encoder import Encoder
from oddline.scoring.knowledge import KNOWN_AFTER_DAYS
from oddline.scoring.memory import Memories
from oddline.scoring.reading import Pattern
from oddline.scoring.scorer import ScoredEntries, novelty_in

log = logging.getLogger(__name__)

BUDGET_S: Final = 1.0  # a claim; what a shadow has not read by then it reads when it comes again
READ_AT_ONCE: Final = 64  # patterns, between two looks at the time
READ_AT_SNAPSHOT: Final = 256  # of known patterns: fewer than the live model, since somebody waits
_PAIR: Final = ["source", "pattern_id"]
_PARTS: Final = {
    "source": SCHEMA["source"],
    "pattern_id": SCHEMA["pattern_id"],
    "shadow_novelty": pl.Float32(),
    "logit": pl.Float64(),
}


class Shadow:
    """A model beside the live one: fills `shadow_score`, where its own memo lets it, or reading takes little time.

    It costs what the distinct patterns cost: what it said of a pattern is kept under its version, as the live model's
    is.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        known_after_days: int = KNOWN_AFTER_DAYS,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self.encoder = encoder
        self._memories = Memories(encoder, read_at_snapshot=READ_AT_SNAPSHOT, known_after_days=known_after_days)
        self._stopwatch = stopwatch

    def score_beside(self, scored: ScoredEntries, *, db: Database, now: datetime) -> ScoredEntries:
        """`scored` with the shadow's scores; unchanged if the shadow fails, for whatever reason."""
        try:
            parts = self._parts(scored, db=db, now=now)
            joined = scored.frame.drop("shadow_score").join(parts, on=_PAIR, how="left", maintain_order="left")
            how_bad = severities(joined["logit"].fill_null(0.0), joined["severity_number"].to_numpy())
            scores = joined["shadow_novelty"] * pl.Series(how_bad)
            frame = joined.with_columns(shadow_score=scores).select(scored.frame.columns)
        except Exception as error:  # whatever is wrong with a model on trial is no reason to score nothing
            log.warning("the shadow model %s failed: %s", self.encoder.version, error, exc_info=error)
            return scored
        return replace(scored, frame=frame)

    def _parts(self, scored: ScoredEntries, *, db: Database, now: datetime) -> pl.DataFrame:
        """What the shadow says of each pair of source and pattern, as far as it has read them."""
        texts = {identifier: pattern.text for identifier, pattern in scored.patterns.items()}
        read = self._read(scored.project, list(texts.values()), db=db, now=now)
        pairs = scored.frame.select(_PAIR).unique(maintain_order=True)
        memory = self._memories.of(scored.project)
        sources = memory.sources(db, pairs["source"].unique().to_list(), now=now)
        found = []
        for (name,), group in pairs.group_by("source", maintain_order=True):
            patterns = [read[texts[one]] for one in group["pattern_id"] if texts[one] in read]
            novelty, _ = novelty_in(sources[str(name)], patterns, scale=self.encoder.novelty_scale)
            columns = {
                "source": [name] * len(patterns),
                "pattern_id": [pattern.id for pattern in patterns],
                "shadow_novelty": novelty,
                "logit": [pattern.severity_logit for pattern in patterns],
            }
            found.append(pl.DataFrame(columns, schema=_PARTS))
        return pl.concat(found)

    def _read(self, project: UUID, texts: Sequence[str], *, db: Database, now: datetime) -> dict[str, Pattern]:
        memory = self._memories.of(project)
        read: dict[str, Pattern] = {}
        began = self._stopwatch()
        for start in range(0, len(texts), READ_AT_ONCE):
            if self._stopwatch() - began > BUDGET_S:
                break
            some = texts[start : start + READ_AT_ONCE]
            read |= zip(some, memory.patterns(db, some, now=now), strict=True)
        return read
