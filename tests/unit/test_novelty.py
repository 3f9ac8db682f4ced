"""How far a pattern is from what is known."""

import json

import numpy as np
import pytest
from numpy.typing import NDArray

from oddline.scoring.novelty import NOVELTY_SCALE, novelties, novelty
from oddline.settings import DEFAULT_MODEL

EAST = np.array([1.0, 0.0], dtype=np.float32)
NORTH = np.array([0.0, 1.0], dtype=np.float32)
NOTHING = np.empty((0, 2), dtype=np.float32)


def unit(degrees: float) -> NDArray[np.float32]:
    return np.array([np.cos(np.radians(degrees)), np.sin(np.radians(degrees))], dtype=np.float32)


def test_everything_is_wholly_new_when_nothing_is_known() -> None:
    value, nearest = novelty(EAST, NOTHING)

    assert value == 1.0
    assert nearest is None


def test_what_is_known_is_not_new() -> None:
    value, nearest = novelty(NORTH, np.stack([EAST, NORTH]))

    assert value == pytest.approx(0.0, abs=1e-6)
    assert nearest == 1


def test_the_nearest_known_pattern_decides() -> None:
    known = np.stack([unit(90), unit(20), unit(180)])

    value, nearest = novelty(unit(0), known, scale=1.0)

    assert nearest == 1
    assert value == pytest.approx(1 - np.cos(np.radians(20)), abs=1e-6)


def test_novelty_never_leaves_its_range() -> None:
    far, _ = novelty(unit(180), unit(0)[np.newaxis, :])
    near, _ = novelty(unit(0) * np.float32(1.0001), unit(0)[np.newaxis, :])

    assert far == 1.0
    assert near == 0.0


def test_many_at_once_get_what_each_gets_alone() -> None:
    rng = np.random.default_rng(7)
    vectors = rng.normal(size=(3_000, 16)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    known, asked = vectors[:500], vectors[500:]

    values, nearest = novelties(asked, known)

    alone = [novelty(embedding, known) for embedding in asked]
    assert values == pytest.approx([value for value, _ in alone], abs=1e-6)
    assert nearest.tolist() == [index for _, index in alone]


def test_many_at_once_with_nothing_known_have_no_nearest() -> None:
    values, nearest = novelties(np.stack([EAST, NORTH]), NOTHING)

    assert values.tolist() == [1.0, 1.0]
    assert nearest.tolist() == [-1, -1]


def test_none_at_once_is_none() -> None:
    values, nearest = novelties(NOTHING, np.stack([EAST, NORTH]))

    assert values.shape == nearest.shape == (0,)


def test_the_shipped_model_was_made_for_the_scale_in_the_code() -> None:
    config = json.loads((DEFAULT_MODEL / "config.json").read_bytes())

    assert config["novelty_scale"] == NOVELTY_SCALE
