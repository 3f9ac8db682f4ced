"""What the sessions of a source usually look like, learned from a sample of them without labels, and the score."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.sequences.counts import Counts
from oddline.scoring.sequences.sample import NOTHING, Sample
from oddline.scoring.sequences.sessions import Sessions
from oddline.scoring.sequences.tails import Tail
from oddline.scoring.sequences.transitions import Transitions

FEWEST_SESSIONS: Final = 200  # fewer say nothing about what is rare
MOST_PATTERNS: Final = 400  # those in the most sessions; the others count as never seen
FOLDS: Final = 10
ALARMS: Final = 0.001  # the share of sessions that may be told as odd: where the score is THRESHOLD
THRESHOLD: Final = 0.5
JUDGED_AT_ONCE: Final = 1_000  # sessions; each takes some 10 KB meanwhile, for its count of every pattern


@dataclass(frozen=True, slots=True)
class Tails:
    """How rare the two surprises and what they come to together are among normal sessions."""

    counts: Tail
    steps: Tail
    both: Tail

    @classmethod
    def fit(cls, surprises: NDArray[np.float64], *, weights: NDArray[np.float64]) -> "Tails":
        """Learn from the surprises (sessions, 2) of normal sessions that the models did not know."""
        counts, steps = (Tail.fit(surprises[:, part], weights=weights) for part in range(2))
        return cls(counts, steps, Tail.fit(_together(surprises, counts, steps), weights=weights))

    def rarity(self, surprises: NDArray[np.float64]) -> NDArray[np.float64]:
        """−ln of the chance of surprises (sessions, 2) like these in a normal session: (sessions,)."""
        return self.both.rarity(_together(surprises, self.counts, self.steps))


@dataclass(frozen=True, slots=True)
class Models:
    """The two models of a session: how often which pattern, and in which order."""

    vocabulary: NDArray[np.int64]
    counts: Counts
    transitions: Transitions

    @classmethod
    def fit(
        cls, sessions: Sessions, *, weights: NDArray[np.float64], parents: NDArray[np.intp] | None = None
    ) -> "Models":
        """Learn from sessions, each of which stands for `weights` alike."""
        counts = Counts.fit(sessions, weights=weights, parents=parents)
        return cls(sessions.vocabulary, counts, Transitions.fit(sessions, weights=weights))

    def surprises(self, sessions: Sessions) -> NDArray[np.float64]:
        """The largest surprise of each session at a count and at a step: (sessions, 2).

        The largest and not the sum: a missing step must not drown in what varies in a long session. Each step is
        another chance to surprise, so the logarithm of their number is taken off (Bonferroni).
        """
        counts = self.counts.surprises(sessions).max(axis=1)
        steps, owners = self.transitions.surprises(sessions)
        starts = np.searchsorted(owners, np.arange(len(sessions)))
        lengths = np.diff(np.append(starts, len(owners)))
        return np.stack([counts, np.maximum.reduceat(steps, starts) - np.log(lengths)], axis=1)


@dataclass(frozen=True, slots=True)
class Profile:
    """The models of a source's normal sessions, with the sample that they were learned from."""

    sample: Sample
    models: Models
    tails: Tails

    @classmethod
    def fit(cls, sample: Sample, *, seed: int, suspects: Sample = NOTHING, alarms: float = ALARMS) -> "Profile":
        """Learn from a sample; what is rare is found on sessions that the models did not see (cross-fitting).

        `suspects` were odd when they came. They are not learned from, but are rare sessions, too: without them each
        fitting would find a little more odd than the one before. Since they may be faults, no more than the share
        `alarms` of them counts. `seed` is of the chance by which sessions are parted into folds.
        """
        models, sessions = _whole(sample)
        weights = np.array(sample.counts, dtype=np.float64)
        folds = np.random.default_rng(seed).multinomial(sample.counts, np.full(FOLDS, 1 / FOLDS)).astype(np.float64)
        surprises, held_out = [], []
        for fold in folds.T:
            kept, left_out = weights - fold > 0, fold > 0
            if not kept.any() or not left_out.any():
                continue
            others = Models.fit(sessions.take(kept), weights=(weights - fold)[kept], parents=models.counts.parents)
            surprises.append(others.surprises(sessions.take(left_out)))
            held_out.append(fold[left_out])
        if suspects.sequences:
            surprises.append(models.surprises(Sessions.of(suspects.sequences, vocabulary=models.vocabulary)))
            share = min(1.0, alarms * sample.sessions / suspects.sessions)
            held_out.append(share * np.array(suspects.counts, dtype=np.float64))
        return cls(sample, models, Tails.fit(np.concatenate(surprises), weights=np.concatenate(held_out)))

    @classmethod
    def restore(cls, sample: Sample, tails: Tails) -> "Profile":
        """The profile whose sample and tails these are: what takes time to learn are the tails."""
        return cls(sample, _whole(sample)[0], tails)

    def rarity(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        """−ln of the chance that a normal session is at least as odd as each of these: (sequences,)."""
        starts = range(0, len(sequences), JUDGED_AT_ONCE)
        return np.concatenate([self._rarity(sequences[start : start + JUDGED_AT_ONCE]) for start in starts])

    def score(self, sequences: Sequence[Sequence[int]], *, alarms: float = ALARMS) -> NDArray[np.float64]:
        """0 to 1; THRESHOLD where the share `alarms` of the sessions that were learned from is as odd."""
        return alarms / (alarms + np.exp(-self.rarity(sequences)))

    def surprises(self, sequence: Sequence[int]) -> tuple[dict[int, float], NDArray[np.float64]]:
        """Of one sequence the surprise at the count of each pattern, and at each step and the end (steps + 1,)."""
        sessions = Sessions.of([sequence], vocabulary=self.models.vocabulary)
        *counts, stranger = self.models.counts.surprises(sessions)[0].tolist()
        by_pattern = dict.fromkeys(sequence, stranger) | dict(zip(self.models.vocabulary.tolist(), counts, strict=True))
        return by_pattern, self.models.transitions.surprises(sessions)[0]

    def is_order_odd(self, sequence: Sequence[int]) -> bool:
        """Whether the order of a sequence is rarer than its counts."""
        sessions = Sessions.of([sequence], vocabulary=self.models.vocabulary)
        [[counts, steps]] = self.models.surprises(sessions)
        order = self.tails.steps.rarity(np.array([steps]))[0]
        return bool(order > self.tails.counts.rarity(np.array([counts]))[0])

    def _rarity(self, sequences: Sequence[Sequence[int]]) -> NDArray[np.float64]:
        sessions = Sessions.of(sequences, vocabulary=self.models.vocabulary)
        return self.tails.rarity(self.models.surprises(sessions))


def _whole(sample: Sample) -> tuple[Models, Sessions]:
    weights = np.array(sample.counts, dtype=np.float64)
    sessions = Sessions.of(sample.sequences, vocabulary=_vocabulary(sample, weights))
    return Models.fit(sessions, weights=weights), sessions


def _vocabulary(sample: Sample, weights: NDArray[np.float64]) -> NDArray[np.int64]:
    """The pattern ids that stand in the most sessions, ascending."""
    distinct = [np.unique(sequence) for sequence in sample.sequences]
    ids, places = np.unique(np.concatenate(distinct), return_inverse=True)
    sessions = np.bincount(places, weights=np.repeat(weights, [len(one) for one in distinct]))
    return np.sort(ids[np.argsort(-sessions, kind="stable")[:MOST_PATTERNS]]).astype(np.int64)


def _together(surprises: NDArray[np.float64], counts: Tail, steps: Tail) -> NDArray[np.float64]:
    """Both rarities as one length: between their sum, for independent evidence, and their maximum, for the same."""
    return np.hypot(counts.rarity(surprises[:, 0]), steps.rarity(surprises[:, 1]))
