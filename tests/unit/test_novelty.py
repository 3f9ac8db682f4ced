"""How new a pattern is beside what is known, by its words."""

import json

import numpy as np
import pytest

from oddline.scoring.novelty import HIGHEST_INT8, NEWEST, NOVELTY_SCALE, VIEW, Views, novelty, word_novelties
from oddline.settings import DEFAULT_MODEL


def words(*degrees: float) -> Views:
    """One view a word, in a plane, at these angles."""
    views = np.zeros((len(degrees), VIEW))
    views[:, 0], views[:, 1] = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    return np.rint(views * HIGHEST_INT8).astype(np.int8)


def test_beside_nothing_every_word_is_wholly_new() -> None:
    assert word_novelties(words(0, 90), beside=(), scale=1.0).tolist() == [1.0, 1.0]


def test_a_word_that_any_of_the_others_says_is_not_new() -> None:
    new = word_novelties(words(0, 90), beside=[words(0), words(180, 90)], scale=1.0)

    assert new == pytest.approx([0.0, 0.0], abs=1e-6)


def test_a_word_is_as_new_as_it_is_far_from_the_nearest_other_in_parts_of_the_scale() -> None:
    new = word_novelties(words(0, 180), beside=[words(60, 90)], scale=0.8)

    assert new == pytest.approx([0.5 / 0.8, 1.0], abs=0.01)


def test_two_new_words_tell_in_a_line_of_any_length() -> None:
    long = word_novelties(words(*[0] * 40, 180, 170), beside=[words(0)], scale=0.5)

    assert novelty(long) == pytest.approx(2 / NEWEST, abs=1e-3)


def test_a_line_of_one_new_word_is_new() -> None:
    assert novelty(word_novelties(words(90), beside=[words(0)], scale=0.5)) == 1.0


def test_the_shipped_model_was_made_for_the_scale_in_the_code() -> None:
    config = json.loads((DEFAULT_MODEL / "config.json").read_bytes())

    assert config["novelty_scale"] == NOVELTY_SCALE
