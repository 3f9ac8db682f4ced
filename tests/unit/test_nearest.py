"""The nearest of many embeddings: the same as by looking at each, whatever their number and shape."""

import numpy as np
import pytest

from oddline.scoring.nearest import AXES, FEW, WIDE, Nearest, Vectors


def unit(vectors: np.ndarray) -> Vectors:  # type: ignore[type-arg]
    return (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)


def flat(count: int, *, dimension: int, extent: float, seed: int = 1) -> Vectors:
    """Embeddings that lie about AXES / 2 directions, and by `extent` beside them."""
    chance = np.random.default_rng(seed)
    directions = np.random.default_rng(0).standard_normal((AXES // 2, dimension))
    along = chance.standard_normal((count, AXES // 2)) @ directions / AXES**0.5
    return unit(along + extent * chance.standard_normal((count, dimension)))


@pytest.mark.parametrize(
    ("count", "dimension", "extent"),
    [(1, 8, 1.0), (FEW, WIDE, 1.0), (FEW + 1, WIDE, 0.05), (FEW + 1, WIDE, 10.0), (FEW + 1, WIDE - 1, 1.0)],
    ids=["one", "few", "many about few directions", "many in all directions", "many narrow"],
)
def test_it_finds_what_looking_at_each_finds(count: int, dimension: int, extent: float) -> None:
    vectors = flat(count, dimension=dimension, extent=extent)
    queries = np.concatenate([flat(300, dimension=dimension, extent=extent, seed=2), vectors[:1]])

    before = Nearest(flat(count, dimension=dimension, extent=extent, seed=3))
    similarities, rows = Nearest(vectors, before=before).search(queries)

    exact = queries @ vectors.T
    assert similarities == pytest.approx(exact.max(axis=1), abs=1e-5)
    assert exact[np.arange(len(queries)), rows] == pytest.approx(exact.max(axis=1), abs=1e-5)
    assert rows[-1] == 0
