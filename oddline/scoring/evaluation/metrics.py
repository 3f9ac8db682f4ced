"""What a ranking or a decision is worth beside its labels."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


def auc(
    higher: ArrayLike,
    lower: ArrayLike,
    *,
    higher_counts: ArrayLike | None = None,
    lower_counts: ArrayLike | None = None,
) -> float:
    """Chance that a draw of `higher` is above one of `lower` (ties count half): area under the ROC curve.

    Each value stands for so many draws as its count says, for one where no counts are given.
    """
    above, below = np.asarray(higher, dtype=np.float64), np.asarray(lower, dtype=np.float64)
    values, places = np.unique(np.concatenate([above, below]), return_inverse=True)
    above_counts = np.ones(len(above)) if higher_counts is None else np.asarray(higher_counts, dtype=np.float64)
    below_counts = np.ones(len(below)) if lower_counts is None else np.asarray(lower_counts, dtype=np.float64)
    wins = np.bincount(places[: len(above)], weights=above_counts, minlength=len(values))
    losses = np.bincount(places[len(above) :], weights=below_counts, minlength=len(values))
    pairs = above_counts.sum() * below_counts.sum()
    return float((wins * (np.cumsum(losses) - losses / 2)).sum() / pairs)


def average_precision(scores: ArrayLike, is_odd: NDArray[np.bool_]) -> float:
    """Mean of the precision at each odd one, from the highest score down; equal scores are taken together."""
    values = np.asarray(scores, dtype=np.float64)
    order = np.argsort(-values, kind="stable")
    found = np.cumsum(is_odd[order])
    last_of_equals = np.append(np.diff(values[order]) != 0, True)
    found, taken = found[last_of_equals], np.flatnonzero(last_of_equals) + 1
    gained = np.diff(found, prepend=0)
    return float((gained * found / taken).sum() / is_odd.sum())


def f1(is_alarm: NDArray[np.bool_], is_odd: NDArray[np.bool_]) -> float:
    """Harmonic mean of precision and recall; 0 where there is no hit."""
    hits = int((is_alarm & is_odd).sum())
    return 2 * hits / int(is_alarm.sum() + is_odd.sum()) if hits else 0.0
