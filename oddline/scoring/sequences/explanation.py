"""Say why a session is odd: the steps that are missing, extra or out of order beside the nearest normal session."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np

from oddline.scoring.sequences.alignment import Aligned, nearest
from oddline.scoring.sequences.profile import Profile

CANDIDATES: Final = 8  # normal sequences that are laid beside it: those whose counts differ least
AROUND: Final = 2  # usual steps that are told on each side of a change
MOST_STEPS: Final = 100


class Explained:
    """Why one session is odd, first as pattern ids, then with the patterns' texts."""

    def __init__(self, profile: Profile, sequence: Sequence[int]) -> None:
        self._aligned = nearest(sequence, candidates(profile, sequence))
        self._told = _told(self._aligned)
        self._steps = len(sequence)
        self.rarity = float(profile.rarity([sequence])[0])

    @property
    def patterns(self) -> set[int]:
        """The ids whose texts `view` needs."""
        return {self._aligned[number].pattern for number in self._told}

    @property
    def place(self) -> int:
        """The step (its place in the sequence) at which it first goes another way; the last one where it breaks off."""
        changed = (number for number, step in enumerate(self._aligned) if step.change is not None)
        return min(next(changed, self._steps), self._steps - 1)

    def view(self, texts: Mapping[int, str]) -> dict[str, Any]:
        """Ready for JSON; `steps` are those around changes, `skipped` usual ones lie before a step."""
        steps, last = [], -1
        for number in self._told:
            one = self._aligned[number]
            steps.append(_view(one, texts) | {"change": one.change, "skipped": number - last - 1})
            last = number
        return {
            "normal_sessions_as_odd": float(f"{np.exp(-self.rarity):.2g}"),
            "steps": steps,
            **{
                change: [_view(one, texts) for one in self._changed() if one.change == change]
                for change in ("missing", "extra", "moved")
            },
        }

    def _changed(self) -> Iterable[Aligned]:
        return (self._aligned[number] for number in self._told if self._aligned[number].change is not None)


def _view(step: Aligned, texts: Mapping[int, str]) -> dict[str, Any]:
    return {"pattern_id": step.pattern, "pattern": texts.get(step.pattern), "place": step.place}


def _told(aligned: Sequence[Aligned]) -> list[int]:
    """The numbers of the steps that are told: changes with what stands around them, at most MOST_STEPS."""
    changes = [number for number, step in enumerate(aligned) if step.change is not None]
    near = {
        number
        for change in changes
        for number in range(max(change - AROUND, 0), min(change + AROUND + 1, len(aligned)))
    }
    return sorted(near)[:MOST_STEPS]


def candidates(profile: Profile, sequence: Sequence[int]) -> list[tuple[int, ...]]:
    """The normal sequences whose counts are nearest to the sequence's, the more frequent first where they are equal."""
    sample = profile.sample
    ids, counts = np.unique(np.array(sequence), return_counts=True)
    lengths = np.array([len(one) for one in sample.sequences])
    steps = np.concatenate([np.array(one) for one in sample.sequences])
    owners = np.repeat(np.arange(len(lengths)), lengths)
    # What both have of a pattern is the lesser of the two counts; all else is missing or extra.
    common = np.zeros(len(lengths))
    for pattern, count in zip(ids, counts, strict=True):
        common += np.minimum(np.bincount(owners[steps == pattern], minlength=len(lengths)), count)
    order = np.lexsort((-np.array(sample.counts), lengths + len(sequence) - 2 * common))
    return [sample.sequences[number] for number in order[:CANDIDATES]]
