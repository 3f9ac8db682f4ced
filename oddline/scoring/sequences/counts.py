"""How often each pattern occurs in a session, and which counts go together: finds what is missing, extra, repeated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.sequences.sessions import BINS, Sessions

BINS_IN_TREE = 8  # enough to see which counts hang together; all BINS would take gigabytes


@dataclass(frozen=True, slots=True)
class Counts:
    """The chance of each pattern's count, given the count of one other pattern, its parent in a tree.

    Chow and Liu, "Approximating discrete probability distributions with dependence trees" (1968), with the estimate of
    what was never seen of Witten and Bell, "The zero-frequency problem" (1991): where a count was always the same, any
    other is a great surprise; where it often was one of many, a new one is a small surprise.

    `parents` (patterns,) is -1 at the root. `surprise` (patterns, BINS, BINS) is −ln P of the bin of a count (the last
    axis), given the bin of the parent's; `stranger` is that of a pattern that no session had.
    """

    parents: NDArray[np.intp]
    surprise: NDArray[np.float32]
    stranger: float

    @classmethod
    def fit(
        cls, sessions: Sessions, *, weights: NDArray[np.float64], parents: NDArray[np.intp] | None = None
    ) -> "Counts":
        """Learn from sessions, each of which stands for `weights` alike; `parents` is a tree that is known already."""
        bins = sessions.count_bins()
        tree = grow_tree(bins, weights) if parents is None else parents
        seen_once = weights @ (bins > 0) <= 1
        with_new = (sessions.strangers > 0) | (bins[:, seen_once] > 0).any(axis=1)
        # Good and Turing: as many sessions will have a new pattern as have one that no other has.
        stranger = float(np.log((weights.sum() + 2) / (weights @ with_new + 1)))
        return cls(tree, _surprise(bins, tree, weights), stranger)

    def surprises(self, sessions: Sessions) -> NDArray[np.float32]:
        """The surprise at each pattern's count, and in the last column at a stranger: (sessions, patterns + 1)."""
        bins = sessions.count_bins()
        terms = self.surprise[np.arange(bins.shape[1]), _of_parents(bins, self.parents), bins]
        strangers = np.where(sessions.strangers > 0, self.stranger, 0).astype(np.float32)
        return np.concatenate([terms, strangers[:, None]], axis=1)


def grow_tree(bins: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.intp]:
    """The parent of each pattern in the spanning tree of the greatest mutual information (Prim's algorithm)."""
    information = _mutual_information(np.minimum(bins, BINS_IN_TREE - 1), weights)
    parents = np.full(len(information), -1, dtype=np.intp)
    nearest = np.zeros(len(information), dtype=np.intp)
    best, waiting = information[0].copy(), np.arange(len(information)) > 0
    while waiting.any():
        chosen = int(np.argmax(np.where(waiting, best, -np.inf)))
        parents[chosen], waiting[chosen] = nearest[chosen], False
        closer = information[chosen] > best
        best[closer], nearest[closer] = information[chosen][closer], chosen
    return parents


def _mutual_information(bins: NDArray[np.int64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Of each pair of patterns' counts (patterns, patterns): one product of matrices with a column for each value."""
    patterns = bins.shape[1]
    columns = (bins[:, :, None] == np.arange(BINS_IN_TREE)).reshape(len(bins), -1).astype(np.float32)
    shares = (weights / weights.sum()).astype(np.float32)
    joint = (columns * shares[:, None]).T @ columns
    alone = np.maximum(np.diag(joint), np.finfo(np.float32).tiny)
    terms = joint * np.log(np.maximum(joint, np.finfo(np.float32).tiny) / alone / alone[:, None])
    by_pair = terms.reshape(patterns, BINS_IN_TREE, patterns, BINS_IN_TREE)
    return np.asarray(by_pair.sum(axis=(1, 3)), dtype=np.float64)


def _of_parents(bins: NDArray[np.int64], parents: NDArray[np.intp]) -> NDArray[np.int64]:
    return np.where(parents < 0, 0, bins[:, parents])


def _surprise(bins: NDArray[np.int64], parents: NDArray[np.intp], weights: NDArray[np.float64]) -> NDArray[np.float32]:
    seen = np.zeros((bins.shape[1], BINS, BINS))
    np.add.at(seen, (np.arange(bins.shape[1]), _of_parents(bins, parents), bins), weights[:, None])
    alone = seen.sum(axis=1)
    alone = _backed_off(alone, _near_seen(alone))
    return -np.log(_backed_off(seen, alone[:, None, :])).astype(np.float32)


def _backed_off(seen: NDArray[np.float64], otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
    """Witten and Bell's mix of what was seen with what holds otherwise, along the last axis."""
    total, kinds = seen.sum(axis=-1, keepdims=True), (seen > 0).sum(axis=-1, keepdims=True)
    return np.where(total > 0, (seen + kinds * otherwise) / np.maximum(total + kinds, 1), otherwise)


def _near_seen(alone: NDArray[np.float64]) -> NDArray[np.float64]:
    """A chance for each bin (patterns, BINS) that halves with each step away from the nearest one that was seen."""
    places = np.arange(BINS)
    distances = np.abs(places[:, None] - places)
    nearest = np.where(alone[:, None, :] > 0, distances, BINS).min(axis=-1)
    chances = 0.5**nearest
    return np.asarray(chances / chances.sum(axis=-1, keepdims=True))
