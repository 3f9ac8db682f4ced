"""The normal sessions that a source's profile is learned from: the different sequences, each with its number."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Sample:
    """Different sequences of pattern ids; the n-th stands for `counts[n]` sessions."""

    sequences: Sequence[tuple[int, ...]]
    counts: Sequence[int]

    @classmethod
    def of(cls, sessions: Iterable[Sequence[int]]) -> "Sample":
        """A sample of all of these sessions."""
        counts: dict[tuple[int, ...], int] = {}
        for session in sessions:
            key = tuple(session)
            counts[key] = counts.get(key, 0) + 1
        return cls(tuple(counts), tuple(counts.values()))

    @property
    def sessions(self) -> int:
        """How many sessions it stands for."""
        return sum(self.counts)


NOTHING: Final = Sample((), ())
