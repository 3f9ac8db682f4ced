"""Find the nearest of many embeddings exactly: by looking at all while they are few, at hardly any when many."""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

FEW: Final = 8_192  # embeddings: beside so many, everything else costs more than it saves
AXES: Final = 48
"""Of the projection. Of 50,000 embeddings of log statements it leaves 2 for a query to look at; 16 leave 570."""
WIDE: Final = 4 * AXES  # numbers of an embedding, from which on the projection is worth it

NEIGHBOURS: Final = 32
"""Of a query, whose words those of the query are compared with: a word that none of them says is new."""

_SAMPLE: Final = 4_096  # embeddings that the axes are taken from
_QUERIES_AT_ONCE: Final = 256  # bounds the matrix of similarities: beside 50,000 embeddings it is 51 MB
_MOST_CANDIDATES: Final = 1_024  # of a query; with more it is compared with everything
_ROUNDING: Final = 1e-5  # of sums in single precision

Vectors = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found of m queries.

    Attributes:
        similarities: (m,), the highest cosine similarity.
        rows: (m,), the row that has it.
        neighbours: (m, NEIGHBOURS or fewer), rows that are near; among many embeddings not always the very nearest.
    """

    similarities: Vectors
    rows: NDArray[np.intp]
    neighbours: NDArray[np.intp]


class Nearest:
    """Embeddings (n, dimension) of unit length, n > 0 where it is searched, and a search that misses nothing.

    Many and wide ones are projected onto their AXES principal axes, which leaves of each a short head and the length
    of the rest. By the inequality of Cauchy and Schwarz the product of two embeddings is at most that of their heads
    plus that of the lengths of their rests: what by this bound cannot be the nearest is never looked at whole.

    The axes are those of `before`, where it has any: any will do, and finding them takes longer than all the rest.
    """

    def __init__(self, vectors: Vectors, *, before: "Nearest | None" = None) -> None:
        self.vectors = vectors
        self.axes: Vectors | None = None
        if len(vectors) > FEW and vectors.shape[1] >= WIDE:
            self.axes = _principal_axes(vectors) if before is None or before.axes is None else before.axes
            self._heads = _heads(vectors, axes=self.axes)

    def __len__(self) -> int:
        return len(self.vectors)

    def search(self, queries: Vectors) -> Found:
        """What is nearest to each of the queries (m, dimension), m > 0."""
        parts = [
            self._search(queries[start : start + _QUERIES_AT_ONCE])
            for start in range(0, len(queries), _QUERIES_AT_ONCE)
        ]
        return Found(
            similarities=np.concatenate([part.similarities for part in parts]),
            rows=np.concatenate([part.rows for part in parts]),
            neighbours=np.concatenate([part.neighbours for part in parts]),
        )

    def _search(self, queries: Vectors) -> Found:
        if self.axes is None:
            similar = queries @ self.vectors.T
            return Found(*_highest(similar), neighbours=highest_few(similar))
        bounds = _heads(queries, axes=self.axes) @ self._heads.T
        rows = bounds.argmax(axis=1)
        similarities = np.einsum("ij,ij->i", queries, self.vectors[rows])
        possible = bounds >= similarities[:, np.newaxis] - _ROUNDING
        is_hard = np.count_nonzero(possible, axis=1) > _MOST_CANDIDATES
        for place in np.flatnonzero(~is_hard):
            candidates = np.flatnonzero(possible[place])
            exact = self.vectors[candidates] @ queries[place]
            similarities[place], rows[place] = exact.max(), candidates[exact.argmax()]
        if is_hard.any():
            similarities[is_hard], rows[is_hard] = _highest(queries[is_hard] @ self.vectors.T)
        return Found(similarities, rows, neighbours=highest_few(bounds))


def highest_few(similarities: Vectors) -> NDArray[np.intp]:
    """The columns of the NEIGHBOURS highest of each row (m, n), in no order: all of them where there are no more."""
    if similarities.shape[1] <= NEIGHBOURS:
        return np.broadcast_to(np.arange(similarities.shape[1]), similarities.shape)
    return np.argpartition(similarities, -NEIGHBOURS, axis=1)[:, -NEIGHBOURS:]


def _principal_axes(vectors: Vectors) -> Vectors:
    """The directions (dimension, AXES) in which a sample of the vectors extends most."""
    sample = vectors[:: max(len(vectors) // _SAMPLE, 1)]
    _, axes = np.linalg.eigh(sample.T @ sample)
    return np.ascontiguousarray(axes[:, -AXES:], dtype=np.float32)


def _heads(vectors: Vectors, *, axes: Vectors) -> Vectors:
    """(n, AXES + 1): each vector along the axes, and the length of what they leave of it."""
    along = vectors @ axes
    rest = np.sqrt(np.clip(1.0 - np.einsum("ij,ij->i", along, along), 0.0, None))
    return np.column_stack([along, rest]).astype(np.float32, copy=False)


def _highest(similarities: Vectors) -> tuple[Vectors, NDArray[np.intp]]:
    rows = similarities.argmax(axis=1)
    return np.take_along_axis(similarities, rows[:, np.newaxis], axis=1)[:, 0], rows
