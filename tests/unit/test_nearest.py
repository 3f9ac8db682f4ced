"""The nearest of many embeddings: the same as by looking at each, whatever their number and shape."""

import numpy as np
import pytest

from oddline.scoring.nearest import AXES, FEW, NEIGHBOURS, WIDE, Nearest, Vectors


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
    found = Nearest(vectors, before=before).search(queries)

    exact = queries @ vectors.T
    assert found.similarities == pytest.approx(exact.max(axis=1), abs=1e-5)
    assert exact[np.arange(len(queries)), found.rows] == pytest.approx(exact.max(axis=1), abs=1e-5)
    assert found.rows[-1] == 0


@pytest.mark.parametrize(("count", "extent"), [(10, 1.0), (FEW, 1.0), (FEW + 1, 0.01)], ids=["fewer", "few", "many"])
def test_neighbours_are_the_near_ones(count: int, extent: float) -> None:
    vectors = flat(count, dimension=WIDE, extent=extent)
    queries = flat(20, dimension=WIDE, extent=extent, seed=2)

    neighbours = Nearest(vectors).search(queries).neighbours

    similar = np.take_along_axis(queries @ vectors.T, neighbours, axis=1)
    exact = np.sort(queries @ vectors.T, axis=1)[:, -NEIGHBOURS:]
    assert neighbours.shape == (20, min(count, NEIGHBOURS))
    assert similar.min(axis=1) == pytest.approx(exact.min(axis=1), abs=0.02)
