"""How new a pattern is beside what a source has shown before, word by word."""

from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

NOVELTY_SCALE: Final = 0.3
"""Cosine distance from which a word counts as wholly new; how it was chosen stands in the model's card."""

NEWEST: Final = 3
"""Words that a pattern's novelty is the mean of. A mean of all would hide two new words in a long line."""

VIEW: Final = 64
"""Numbers of a word's view: what the model sees in it there, beside its neighbours."""

HIGHEST_INT8: Final = 127

Views = NDArray[np.int8]
"""The views of a pattern's words, (words, VIEW), each of a length of about HIGHEST_INT8."""


def word_novelties(views: Views, *, beside: Sequence[Views], scale: float) -> NDArray[np.float32]:
    """How new each word is: its cosine distance to the nearest word of other patterns ÷ `scale`, cut to 0..1: (words,).

    Words are compared as ColBERT does (Khattab, Zaharia 2020), each with all of the others'. Beside nothing every word
    is wholly new.
    """
    if not beside:
        return np.ones(len(views), dtype=np.float32)
    others = np.concatenate(beside)
    distances = 1.0 - (_of_unit_length(views) @ _of_unit_length(others).T).max(axis=1)
    return np.asarray(np.clip(distances / scale, 0.0, 1.0), dtype=np.float32)


def novelty(of_words: NDArray[np.float32]) -> float:
    """The novelty of a pattern whose words, at least one, are so new (words,): the mean of its NEWEST newest ones."""
    return float(np.sort(of_words)[-NEWEST:].mean())


def pack_views(views: NDArray[np.float32]) -> Views:
    """Views (words, VIEW) of any length, as they are kept."""
    lengths = np.linalg.norm(views, axis=1, keepdims=True)
    packed: Views = np.rint(views / np.maximum(lengths, 1e-9) * HIGHEST_INT8).astype(np.int8)
    return packed


def _of_unit_length(views: Views) -> NDArray[np.float32]:
    exact = views.astype(np.float32)
    unit: NDArray[np.float32] = exact / (np.linalg.norm(exact, axis=1, keepdims=True) + np.float32(1e-6))
    return unit
