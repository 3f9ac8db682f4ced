"""Which step follows which: finds what is out of order, left out or put in between, and where a session breaks off."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.sequences.sessions import Sessions

ORDER = 6  # a step and the five before it: in workflows whose patterns recur, fewer do not say where one is


@dataclass(frozen=True, slots=True)
class _Grams:
    """What followed the contexts of one length: sorted keys, how often each was seen, and each context's sums."""

    keys: NDArray[np.int64]
    seen: NDArray[np.float64]
    contexts: NDArray[np.int64]
    totals: NDArray[np.float64]
    kinds: NDArray[np.int64]

    @classmethod
    def count(cls, runs: "_Runs", *, length: int, weights: NDArray[np.float64]) -> "_Grams":
        keys, places = np.unique(runs.keys(length), return_inverse=True)
        seen = np.bincount(places, weights=weights[runs.owners], minlength=len(keys)).astype(np.float64)
        contexts, starts, kinds = np.unique(keys // runs.base, return_index=True, return_counts=True)
        return cls(keys, seen, contexts, np.add.reduceat(seen, starts), kinds)

    def chances(self, keys: NDArray[np.int64], *, base: int, otherwise: NDArray[np.float64]) -> NDArray[np.float64]:
        """Witten and Bell's mix of what was seen in a context with what a shorter one says."""
        places = np.minimum(np.searchsorted(self.contexts, keys // base), len(self.contexts) - 1)
        known = self.contexts[places] == keys // base
        total, kinds = self.totals[places], self.kinds[places]
        steps = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
        seen = np.where(self.keys[steps] == keys, self.seen[steps], 0)
        return np.where(known, (seen + kinds * otherwise) / (total + kinds), otherwise)


@dataclass(frozen=True, slots=True)
class Transitions:
    """The chance of each step after the steps before it; contexts never seen back off to shorter ones.

    An interpolated n-gram model (Witten and Bell, "The zero-frequency problem", 1991); the end is a step, too.
    """

    grams: tuple[_Grams, ...]

    @classmethod
    def fit(cls, sessions: Sessions, *, weights: NDArray[np.float64]) -> "Transitions":
        """Learn from sessions, each of which stands for `weights` alike."""
        runs = _Runs.of(sessions)
        return cls(tuple(_Grams.count(runs, length=length, weights=weights) for length in range(ORDER)))

    def surprises(self, sessions: Sessions) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        """−ln P of each step of all sessions and of each one's end, and the session of each."""
        runs = _Runs.of(sessions)
        chances = np.full(len(runs.owners), 1 / runs.base)
        for length, grams in enumerate(self.grams):
            chances = grams.chances(runs.keys(length), base=runs.base, otherwise=chances)
        return -np.log(chances), runs.owners


@dataclass(frozen=True, slots=True)
class _Runs:
    """All steps with what stands before them: `padded` has marks for the begin and the end of each session."""

    base: int
    padded: NDArray[np.int64]
    places: NDArray[np.int64]
    owners: NDArray[np.int64]

    @classmethod
    def of(cls, sessions: Sessions) -> "_Runs":
        end = len(sessions.vocabulary) + 1
        begin = end + 1
        lengths = np.diff(sessions.starts) + ORDER  # ORDER - 1 marks before a session, one behind it
        starts = np.cumsum(lengths) - lengths
        owners = np.repeat(np.arange(len(sessions)), lengths)
        within = np.arange(lengths.sum()) - starts[owners]
        padded = np.full(len(owners), begin)
        is_end = within == lengths[owners] - 1
        padded[is_end] = end
        padded[(within >= ORDER - 1) & ~is_end] = sessions.steps
        places = np.flatnonzero(within >= ORDER - 1)
        return cls(begin + 1, padded, places, owners[places])

    def keys(self, length: int) -> NDArray[np.int64]:
        """Each step with the `length` before it, as one number."""
        keys = np.zeros(len(self.places), dtype=np.int64)
        for back in range(length, -1, -1):
            keys = keys * self.base + self.padded[self.places - back]
        return keys
