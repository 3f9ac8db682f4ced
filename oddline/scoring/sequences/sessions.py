"""Many sequences of pattern ids as few flat arrays, so that all of them are counted and judged at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import chain

import numpy as np
from numpy.typing import NDArray

EXACT = 8  # counts up to it are told apart one by one, larger ones by their ratio
STEPS_PER_DOUBLING = 4
BINS = 64  # enough for EXACT × 2^13, more than a session can hold


@dataclass(frozen=True, slots=True)
class Sessions:
    """Sequences in one array: session n is `steps[starts[n] : starts[n + 1]]`.

    A step is the place of its pattern's id in `vocabulary`, or len(vocabulary) where the id is not in it; `strangers`
    (sessions,) counts the different ids that are not.
    """

    vocabulary: NDArray[np.int64]
    steps: NDArray[np.int64]
    starts: NDArray[np.int64]
    strangers: NDArray[np.int64]

    @classmethod
    def of(cls, sequences: Sequence[Sequence[int]], *, vocabulary: NDArray[np.int64]) -> "Sessions":
        """Sequences of pattern ids, none of them empty, in terms of a sorted vocabulary."""
        starts = np.concatenate([[0], np.cumsum([len(sequence) for sequence in sequences], dtype=np.int64)])
        ids = np.fromiter(chain.from_iterable(sequences), np.int64, count=int(starts[-1]))
        steps = np.searchsorted(vocabulary, ids)
        steps[~np.isin(ids, vocabulary)] = len(vocabulary)
        owners = np.repeat(np.arange(len(sequences)), np.diff(starts))
        strange = steps == len(vocabulary)
        pairs = np.unique(np.stack([owners[strange], ids[strange]]), axis=1)
        return cls(vocabulary, steps, starts, np.bincount(pairs[0], minlength=len(sequences)))

    def __len__(self) -> int:
        return len(self.starts) - 1

    def take(self, chosen: NDArray[np.bool_]) -> "Sessions":
        """Some of the sessions; `chosen` is (sessions,)."""
        lengths = np.diff(self.starts)
        starts = np.concatenate([[0], np.cumsum(lengths[chosen])])
        return Sessions(self.vocabulary, self.steps[np.repeat(chosen, lengths)], starts, self.strangers[chosen])

    def counts(self) -> NDArray[np.int64]:
        """How often each session has each pattern of the vocabulary: (sessions, patterns)."""
        width = len(self.vocabulary) + 1
        owners = np.repeat(np.arange(len(self)), np.diff(self.starts))
        flat = np.bincount(owners * width + self.steps, minlength=len(self) * width)
        return flat.reshape(len(self), width)[:, :-1]

    def count_bins(self) -> NDArray[np.int64]:
        """The bin of each count, below BINS: (sessions, patterns)."""
        counts = self.counts()
        doublings = np.log2(np.maximum(counts, EXACT) / EXACT)
        return np.where(counts <= EXACT, counts, EXACT + (STEPS_PER_DOUBLING * doublings).astype(np.int64))
