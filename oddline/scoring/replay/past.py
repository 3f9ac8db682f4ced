"""What a source knew at a moment of the past, as far as that can still be told."""

from collections import OrderedDict
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Final
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from oddline.database import Database
from oddline.scoring.encoder import Encoder
from oddline.scoring.knowledge import Known, Verdicts
from oddline.scoring.memory import MOST_KNOWN
from oddline.scoring.nearest import Nearest
from oddline.scoring.novelty import Views
from oddline.scoring.reading import read_by_id
from oddline.scoring.replay import store

MOST_SOURCES: Final = 8  # held at once: 50,000 embeddings of 384 numbers are 77 MB
_NEVER: Final = np.datetime64("9999-01-01", "us")


class PastKnowledge:
    """Knowledge of one project's sources at moments of the past, as a model reads it.

    A harmless pattern counts as known from when the source first had it. A severe one counts from the day on which it
    could first have been seen on `known_after_days` days, if it has been by now: which days those were is not kept.
    What was forgotten since is not known; people's verdicts are left out, since they are no part of the model.
    """

    def __init__(
        self, project: UUID, *, db: Database, encoder: Encoder, before: datetime, known_after_days: int
    ) -> None:
        self._project = project
        self._db = db
        self._encoder = encoder
        self._before = before
        self._known_after_days = known_after_days
        self._sources: OrderedDict[int, _Learned] = OrderedDict()

    def at(self, moment: datetime, *, source_id: int, threshold: float) -> Known:
        """What the source knew at a moment; `threshold` says from which severity on a pattern is severe."""
        learned = self._sources.pop(source_id, None) or self._learn(source_id, threshold=threshold)
        self._sources[source_id] = learned
        if len(self._sources) > MOST_SOURCES:
            self._sources.popitem(last=False)
        return learned.at(moment)

    def _learn(self, source_id: int, *, threshold: float) -> "_Learned":
        with self._db.transaction() as tx:
            rows = store.first_sightings(tx, self._project, source_id=source_id, before=self._before, limit=MOST_KNOWN)
        read = read_by_id(self._db, self._project, pattern_ids=[row[0] for row in rows], encoder=self._encoder)
        known = [
            (pattern, self._known_from(first_seen, days_seen, is_severe=read[pattern].severity >= threshold))
            for pattern, first_seen, days_seen in rows
            if pattern in read
        ]
        vectors = [read[pattern].embedding for pattern, _ in known]
        views = [read[pattern].views for pattern, _ in known]
        return _Learned(
            ids=np.array([pattern for pattern, _ in known], dtype=np.int32),
            known_from=np.array([moment for _, moment in known], dtype="datetime64[us]"),
            vectors=np.stack(vectors) if vectors else np.empty((0, self._encoder.dimension), dtype=np.float32),
            views=views,
        )

    def _known_from(self, first_seen: datetime, days_seen: int, *, is_severe: bool) -> np.datetime64:
        if not is_severe:
            return _naive(first_seen)
        if days_seen < self._known_after_days:
            return _NEVER
        return _naive(first_seen + timedelta(days=self._known_after_days - 1))


class _Learned:
    """The patterns of a source (n,), from when on each was known (n,), their embeddings (n, dimension), their views."""

    def __init__(
        self,
        *,
        ids: NDArray[np.int32],
        known_from: NDArray[np.datetime64],
        vectors: NDArray[np.float32],
        views: Sequence[Views],
    ) -> None:
        order = np.argsort(known_from, kind="stable")
        self._ids, self._known_from, self._vectors = ids[order], known_from[order], vectors[order]
        self._views = [views[place] for place in order]
        self._last = Known.nothing(dimension=vectors.shape[1])

    def at(self, moment: datetime) -> Known:
        count = int(np.searchsorted(self._known_from, _naive(moment), side="right"))
        if count != len(self._last.ids):
            self._last = Known(
                members=frozenset(self._ids[:count].tolist()),
                ids=self._ids[:count],
                nearest=Nearest(self._vectors[:count]),
                views=self._views[:count],
                verdicts=Verdicts.of((), source_id=0, dimension=self._vectors.shape[1]),
            )
        return self._last


def _naive(moment: datetime) -> np.datetime64:
    """The moment for numpy, which knows no zones: all times here are UTC."""
    return np.datetime64(moment.replace(tzinfo=None), "us")
