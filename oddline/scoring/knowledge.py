"""What a source knows, from which moment on, and how new a pattern is beside it: the rules, without a database.

A pattern that is harmless by itself (its severity does not reach the source's threshold) is known as soon as its
counts are folded. A severe one becomes known by itself only when it has been seen on KNOWN_AFTER_DAYS distinct days
(UTC): an hour's fault that comes back every day stays odd for two weeks, whatever its number of lines. Until then it
is not among what others are measured by either, so that faults that resemble it stay odd, too. What a source has not
had for a long time is deleted (`forget_patterns`), and is new when it comes again.

A person's verdict goes before all this. A pattern that was called expected has the novelty 0, one that was confirmed
has 1; a pattern that the source does not know takes the verdict of the nearest judged one within SIMILAR_DISTANCE.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.feedback import Verdict, VerdictInForce
from oddline.scoring.nearest import Nearest, Vectors

KNOWN_AFTER_DAYS: Final = 14
MEASURED_AT_ONCE: Final = 256  # patterns: beside 10,000 verdicts their matrix of similarities is 10 MB
SIMILAR_DISTANCE: Final = 0.22
"""Cosine distance up to which patterns share a verdict. The same failure of another disk is 0.2 away with general-2,
nine in ten lines of opposite severity that share their words 0.36 and more."""


def is_known(days_seen: int, *, severity: float | None, threshold: float, known_after_days: int) -> bool:
    """Whether a source knows by itself a pattern that it has had on so many days.

    One whose severity is None was read by another model only. It counts as known until this model has read it, which
    happens when it comes next: so a new model does not begin with an alarm about everything.
    """
    return severity is None or severity < threshold or days_seen >= known_after_days


@dataclass(frozen=True, slots=True)
class Verdicts:
    """What people say of patterns to one source: by pattern, and with embeddings (n, dimension) where there are any."""

    by_pattern: Mapping[int, Verdict]
    ids: NDArray[np.int32]
    embeddings: Vectors
    is_expected: NDArray[np.bool_]

    @classmethod
    def of(cls, verdicts: Sequence[VerdictInForce], *, source_id: int, dimension: int) -> "Verdicts":
        """Those that hold for a source; of several on one pattern the later one counts."""
        latest = {one.pattern_id: one for one in verdicts if one.source_id in {None, source_id}}
        embedded = {one.pattern_id: one.embedding for one in latest.values() if one.embedding is not None}
        return cls(
            by_pattern={pattern: Verdict(one.verdict) for pattern, one in latest.items()},
            ids=np.fromiter(embedded, dtype=np.int32, count=len(embedded)),
            embeddings=np.frombuffer(b"".join(embedded.values()), dtype="<f4").reshape(len(embedded), dimension),
            is_expected=np.array([latest[one].verdict == Verdict.EXPECTED for one in embedded], dtype=np.bool_),
        )


@dataclass(frozen=True, slots=True)
class Known:
    """What a source knows: patterns by id, embeddings of those (n,) that this model has read, and people's verdicts."""

    members: frozenset[int]
    ids: NDArray[np.int32]
    nearest: Nearest
    verdicts: Verdicts

    @classmethod
    def nothing(cls, *, dimension: int) -> "Known":
        """What a source knows at first."""
        return cls(
            members=frozenset(),
            ids=np.empty(0, dtype=np.int32),
            nearest=Nearest(np.empty((0, dimension), dtype=np.float32)),
            verdicts=Verdicts.of((), source_id=0, dimension=dimension),
        )

    def has(self, pattern: int) -> bool:
        """Whether a pattern is known, by itself or because it was called expected."""
        verdict = self.verdicts.by_pattern.get(pattern)
        return pattern in self.members if verdict is None else verdict is Verdict.EXPECTED

    def novelties(
        self, patterns: Sequence[int], embeddings: Vectors, *, scale: float
    ) -> tuple[Vectors, NDArray[np.int32]]:
        """Of patterns that are not known, with their embeddings (m, dimension): novelty (m,) and nearest known id (m,).

        The id is -1 where nothing is known. `scale` is the cosine distance from which a pattern is wholly new.
        """
        values, nearest = np.empty(len(patterns), dtype=np.float32), np.empty(len(patterns), dtype=np.int32)
        for start in range(0, len(patterns), MEASURED_AT_ONCE):
            part = slice(start, start + MEASURED_AT_ONCE)
            values[part], nearest[part] = self._novelties(patterns[part], embeddings[part], scale=scale)
        return values, nearest

    def _novelties(
        self, patterns: Sequence[int], embeddings: Vectors, *, scale: float
    ) -> tuple[Vectors, NDArray[np.int32]]:
        similarities = np.full(len(patterns), -np.inf, dtype=np.float32)
        nearest = np.full(len(patterns), -1, dtype=np.int32)
        if len(self.nearest):
            similarities, rows = self.nearest.search(embeddings)
            nearest = self.ids[rows]
        imposed = np.full(len(patterns), np.nan, dtype=np.float32)
        if len(self.verdicts.ids):
            to_judged = embeddings @ self.verdicts.embeddings.T
            imposed = _imposed(to_judged, is_expected=self.verdicts.is_expected)
            to_expected = np.where(self.verdicts.is_expected, to_judged, -np.inf)
            rows = to_expected.argmax(axis=1)
            highest = to_expected[np.arange(len(rows)), rows]
            nearest = np.where(highest > similarities, self.verdicts.ids[rows], nearest)
            similarities = np.maximum(similarities, highest)
        is_confirmed = [self.verdicts.by_pattern.get(pattern) is Verdict.CONFIRMED for pattern in patterns]
        imposed[is_confirmed] = 1.0
        values = np.clip((1.0 - similarities) / scale, 0.0, 1.0)
        return np.where(np.isnan(imposed), values, imposed), nearest


def similar(embedding: Vectors, others: Vectors) -> NDArray[np.float32]:
    """Cosine distance of each of `others` (n, dimension) where it is near enough to share a verdict, else NaN."""
    distances = 1.0 - others @ embedding
    return np.where(distances <= SIMILAR_DISTANCE, np.maximum(distances, 0.0), np.nan)


def _imposed(to_judged: Vectors, *, is_expected: NDArray[np.bool_]) -> Vectors:
    """The novelty that the nearest judged pattern imposes, NaN where none is near enough; of equals the confirmed."""
    columns = np.argsort(is_expected, kind="stable")
    rows = columns[to_judged[:, columns].argmax(axis=1)]
    is_near = 1.0 - to_judged[np.arange(len(rows)), rows] <= SIMILAR_DISTANCE
    return np.where(is_near, np.where(is_expected[rows], 0.0, 1.0), np.nan).astype(np.float32)
