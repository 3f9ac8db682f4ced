"""What people's verdicts say of a sequence: they cover the very same one, and odd ones that are nearly the same."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import blake2b
from typing import Final
from uuid import UUID

import numpy as np
import zstandard

from oddline.feedback import SequenceVerdict, Verdict
from oddline.scoring.sequences.alignment import moves
from oddline.scoring.sequences.grouping import is_by_window

MOVED: Final = 0.05  # the share of a session's steps that may stand elsewhere, and one step always
APART: Final = 0.2  # the share by which the counts of a window may differ, and one always
MOST_BYTES: Final = 1024 * 1024  # unpacked; far more than the longest sequence has


@dataclass(frozen=True, slots=True)
class Covered:
    """The verdict that counts for a sequence, and how far that is from what it was said of: 0 is the same."""

    feedback_id: UUID
    verdict: Verdict
    distance: float


class Verdicts:
    """The verdicts in force on the sequences of one source and grouping."""

    def __init__(self, given: Iterable[SequenceVerdict] = (), *, grouping: str) -> None:
        """`given` has the earlier before the later."""
        self._grouping = grouping
        self._given: dict[bytes, list[tuple[SequenceVerdict, tuple[int, ...]]]] = defaultdict(list)
        self._known: dict[tuple[int, ...], list[tuple[float, SequenceVerdict]]] = {}
        for one in given:
            steps = unpack_steps(one.steps)
            self._given[key_of(steps, source_id=0, grouping=grouping)].append((one, steps))

    def of(self, sequence: Sequence[int], *, is_odd: bool) -> Covered | None:
        """What is said of a sequence: the nearest verdict counts, of equally near ones the latest.

        What is nearly the same takes a verdict only where it is odd by itself: whoever confirms that two steps came in
        the wrong order says nothing of the right one.
        """
        covering = self._covering(tuple(sequence)) if self._given else []
        nearest = min((one for one in covering if is_odd or not one[0]), key=lambda one: one[0], default=None)
        return None if nearest is None else Covered(nearest[1].id, nearest[1].verdict, nearest[0])

    def _covering(self, sequence: tuple[int, ...]) -> list[tuple[float, SequenceVerdict]]:
        """All that cover it, with their distance, the latest first."""
        if sequence not in self._known:
            candidates = self._given.get(key_of(sequence, source_id=0, grouping=self._grouping), [])
            distances = [(distance(sequence, steps, grouping=self._grouping), one) for one, steps in candidates]
            self._known[sequence] = [(far, one) for far, one in reversed(distances) if far is not None]
        return self._known[sequence]


def key_of(sequence: Sequence[int], *, source_id: int, grouping: str) -> bytes:
    """The same for all sequences that `distance` may call nearly the same, and as good as never for others."""
    steps = set(sequence) if is_by_window(grouping) else sequence
    packed = np.sort(np.fromiter(steps, dtype="<i4", count=len(steps))).tobytes()
    return blake2b(f"{source_id} {grouping} ".encode() + packed, digest_size=16).digest()


def distance(one: Sequence[int], other: Sequence[int], *, grouping: str) -> float | None:
    """How far two sequences are from each other, 0 to 1, or None where they are not nearly the same.

    Sessions are where they have the same counts and at most one step, or the share MOVED of them, stands elsewhere;
    windows where the same patterns came, each as often give or take one, or the share APART.
    """
    if is_by_window(grouping):
        return _apart(Counter(one), Counter(other))
    if Counter(one) != Counter(other):
        return None
    moved = 0 if tuple(one) == tuple(other) else moves(one, other)
    return moved / len(one) if moved <= max(1, MOVED * len(one)) else None


def pack_steps(sequence: Sequence[int]) -> bytes:
    """Pattern ids as a compressed blob."""
    return zstandard.compress(np.array(sequence, dtype="<i4").tobytes(), 3)


def unpack_steps(blob: bytes) -> tuple[int, ...]:
    """What `pack_steps` was given."""
    packed = zstandard.ZstdDecompressor().decompress(blob, max_output_size=MOST_BYTES)
    return tuple(np.frombuffer(packed, dtype="<i4").tolist())


def _apart(one: Counter[int], other: Counter[int]) -> float | None:
    if one.keys() != other.keys():
        return None
    differences = {pattern: abs(count - other[pattern]) for pattern, count in one.items()}
    if any(by > max(1, APART * max(one[pattern], other[pattern])) for pattern, by in differences.items()):
        return None
    return sum(differences.values()) / (one.total() + other.total())
