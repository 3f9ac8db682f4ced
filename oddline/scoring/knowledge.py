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
from oddline.scoring.nearest import Found, Nearest, Vectors
from oddline.scoring.novelty import Views, novelty, word_novelties

KNOWN_AFTER_DAYS: Final = 14
MEASURED_AT_ONCE: Final = 256  # patterns: beside 10,000 verdicts their matrix of similarities is 10 MB
SIMILAR_DISTANCE: Final = 0.22
"""Cosine distance up to which patterns share a verdict. A statement with other values is 0.16 away with general-6
(median); of lines of opposite severity that share half of their words and more, one in twelve is nearer than this."""


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
    """What a source knows: patterns by id, what others are measured by, and people's verdicts.

    `ids` (n,), `nearest` and `views` (n of them) are of the patterns that others are measured by: those known, or
    called expected, that this model has read.
    """

    members: frozenset[int]
    ids: NDArray[np.int32]
    nearest: Nearest
    views: Sequence[Views]
    verdicts: Verdicts

    @classmethod
    def nothing(cls, *, dimension: int) -> "Known":
        """What a source knows at first."""
        return cls(
            members=frozenset(),
            ids=np.empty(0, dtype=np.int32),
            nearest=Nearest(np.empty((0, dimension), dtype=np.float32)),
            views=(),
            verdicts=Verdicts.of((), source_id=0, dimension=dimension),
        )

    def has(self, pattern: int) -> bool:
        """Whether a pattern is known, by itself or because it was called expected."""
        verdict = self.verdicts.by_pattern.get(pattern)
        return pattern in self.members if verdict is None else verdict is Verdict.EXPECTED

    def novelties(
        self, patterns: Sequence[int], embeddings: Vectors, views: Sequence[Views], *, scale: float
    ) -> tuple[Vectors, NDArray[np.int32]]:
        """Of patterns that are not known: novelty (m,) and nearest known id (m,), -1 where nothing is known.

        `embeddings` (m, dimension) and `views` (m of them) are theirs; `scale` is the cosine distance from which a word
        is wholly new.
        """
        values, nearest = np.empty(len(patterns), dtype=np.float32), np.empty(len(patterns), dtype=np.int32)
        for start in range(0, len(patterns), MEASURED_AT_ONCE):
            part = slice(start, start + MEASURED_AT_ONCE)
            found = self.nearest.search(embeddings[part]) if len(self.nearest) else None
            nearest[part] = -1 if found is None else self.ids[found.rows]
            by_words = [novelty(one) for one in self._words(views[part], found=found, scale=scale)]
            imposed = self._imposed(patterns[part], embeddings[part])
            values[part] = np.where(np.isnan(imposed), by_words, imposed)
        return values, nearest

    def words(self, pattern: int, embedding: Vectors, views: Views, *, scale: float) -> Vectors | None:
        """How new each word of a pattern is (words,); None where it is known, or where a verdict says how new it is."""
        if self.has(pattern) or not np.isnan(self._imposed([pattern], embedding[np.newaxis])[0]):
            return None
        found = self.nearest.search(embedding[np.newaxis]) if len(self.nearest) else None
        return self._words([views], found=found, scale=scale)[0]

    def _words(self, views: Sequence[Views], *, found: Found | None, scale: float) -> list[Vectors]:
        """Of each pattern how new its words are beside those of the patterns that are near."""
        if found is None:
            return [word_novelties(one, beside=(), scale=scale) for one in views]
        return [
            word_novelties(one, beside=[self.views[row] for row in rows], scale=scale)
            for one, rows in zip(views, found.neighbours.tolist(), strict=True)
        ]

    def _imposed(self, patterns: Sequence[int], embeddings: Vectors) -> Vectors:
        """The novelty that verdicts give patterns (m,), NaN where none does."""
        imposed = np.full(len(patterns), np.nan, dtype=np.float32)
        if len(self.verdicts.ids):
            imposed = _imposed(embeddings @ self.verdicts.embeddings.T, is_expected=self.verdicts.is_expected)
        is_confirmed = [self.verdicts.by_pattern.get(pattern) is Verdict.CONFIRMED for pattern in patterns]
        imposed[is_confirmed] = 1.0
        return imposed


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
