"""How far a pattern is from everything that a source has shown before, by exact search."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

NOVELTY_SCALE: Final = 0.35
"""Cosine distance from which a pattern counts as wholly new; how it was chosen stands in the model's card."""

_ROWS_AT_ONCE: Final = 1_024  # Bounds the matrix of similarities: 1,024 x 50,000 known patterns are 200 MB.


def novelty(
    embedding: NDArray[np.float32], known: NDArray[np.float32], *, scale: float = NOVELTY_SCALE
) -> tuple[float, int | None]:
    """Novelty of one embedding (dim,) beside the known ones (n, dim), all of unit length, and the nearest one's index.

    Novelty is the cosine distance to the nearest known embedding divided by `scale`, cut to 0..1; it is 1.0 with no
    nearest where nothing is known.
    """
    values, nearest = novelties(embedding[np.newaxis, :], known, scale=scale)
    return float(values[0]), None if len(known) == 0 else int(nearest[0])


def novelties(
    embeddings: NDArray[np.float32], known: NDArray[np.float32], *, scale: float = NOVELTY_SCALE
) -> tuple[NDArray[np.float32], NDArray[np.intp]]:
    """`novelty` of many embeddings (m, dim) at once: values (m,) and indices of the nearest (m,), -1 for none."""
    values = np.ones(len(embeddings), dtype=np.float32)
    nearest = np.full(len(embeddings), -1, dtype=np.intp)
    if len(known) == 0:
        return values, nearest

    for start in range(0, len(embeddings), _ROWS_AT_ONCE):
        rows = slice(start, start + _ROWS_AT_ONCE)
        similarities = embeddings[rows] @ known.T
        nearest[rows] = similarities.argmax(axis=1)
        closest = np.take_along_axis(similarities, nearest[rows, np.newaxis], axis=1)[:, 0]
        values[rows] = np.clip((1.0 - closest) / scale, 0.0, 1.0)
    return values, nearest
