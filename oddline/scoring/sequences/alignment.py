"""Lay a sequence beside a normal one: which steps are missing, extra or elsewhere."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

LONGEST_COMPARED: Final = 1_000  # steps behind the common beginning: their square is held in memory

Change = Literal["missing", "extra", "moved"]


@dataclass(frozen=True, slots=True)
class Aligned:
    """A step: a pattern's id, its place in the sequence (None where it is not there), and what is odd about it.

    A moved step stands where it is, as "moved"; where it normally is, it is left out.
    """

    pattern: int
    place: int | None
    change: Change | None


def align(sequence: Sequence[int], normal: Sequence[int]) -> list[Aligned]:
    """The steps of both in one row, with as few missing and extra ones as possible.

    Of what differs in very long sequences only the first LONGEST_COMPARED steps are laid beside each other; the rest of
    the sequence follows as it is.
    """
    begin = _common(sequence, normal)
    end = _common(sequence[begin:][::-1], normal[begin:][::-1])
    middle = list(sequence[begin : len(sequence) - end])
    usual = list(normal[begin : len(normal) - end])[:LONGEST_COMPARED]
    changed = _edit(middle[:LONGEST_COMPARED], usual, offset=begin)
    compared = min(len(middle), LONGEST_COMPARED) + begin
    before = [Aligned(sequence[place], place, None) for place in range(begin)]
    after = [Aligned(sequence[place], place, None) for place in range(compared, len(sequence))]
    return [*before, *_with_moves(changed), *after]


def moves(sequence: Sequence[int], other: Sequence[int]) -> int:
    """How many steps stand elsewhere in another sequence with the same counts.

    Where the two differ over more than LONGEST_COMPARED steps all of these are counted.
    """
    begin = _common(sequence, other)
    end = _common(sequence[begin:][::-1], other[begin:][::-1])
    middle, others = (list(one[begin : len(one) - end]) for one in (sequence, other))
    if len(middle) > LONGEST_COMPARED:
        return len(middle)
    return sum(step.change == "extra" for step in _edit(middle, others, offset=begin))


def nearest(sequence: Sequence[int], candidates: Sequence[Sequence[int]]) -> list[Aligned]:
    """The alignment with the candidate that differs in the fewest steps, the first of those."""
    alignments = [align(sequence, candidate) for candidate in candidates]
    return min(alignments, key=lambda steps: sum(step.change is not None for step in steps))


def _common(one: Sequence[int], other: Sequence[int]) -> int:
    """How many steps both begin with."""
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return length


def _edit(sequence: list[int], normal: list[int], *, offset: int) -> list[Aligned]:
    """The shortest script of insertions and deletions (Wagner and Fischer, 1974), from the end to the beginning."""
    distances = _distances(sequence, normal)
    steps: list[Aligned] = []
    row, column = len(sequence), len(normal)
    while row or column:
        here = distances[row, column]
        if row and column and sequence[row - 1] == normal[column - 1]:
            row, column = row - 1, column - 1
            steps.append(Aligned(sequence[row], row + offset, None))
        elif row and distances[row - 1, column] + 1 == here:
            row -= 1
            steps.append(Aligned(sequence[row], row + offset, "extra"))
        else:
            column -= 1
            steps.append(Aligned(normal[column], None, "missing"))
    return steps[::-1]


def _distances(sequence: list[int], normal: list[int]) -> NDArray[np.int16]:
    """How many insertions and deletions lead from each beginning of one to each of the other."""
    columns = np.arange(len(normal) + 1, dtype=np.int16)
    rows = np.empty((len(sequence) + 1, len(normal) + 1), dtype=np.int16)
    rows[0] = columns
    usual = np.array(normal, dtype=np.int64)
    for number, step in enumerate(sequence, start=1):
        above = rows[number - 1]
        rows[number, 0] = number
        rows[number, 1:] = np.minimum(above[1:] + 1, np.where(usual == step, above[:-1], np.iinfo(np.int16).max))
        # What comes from the left costs one more a column: a running minimum once the columns are taken off.
        rows[number] = np.minimum.accumulate(rows[number] - columns) + columns
    return rows


def _with_moves(steps: list[Aligned]) -> list[Aligned]:
    """A step that is missing in one place and extra in another has moved."""
    missing = Counter(step.pattern for step in steps if step.change == "missing")
    extra = Counter(step.pattern for step in steps if step.change == "extra")
    moved = missing & extra
    to_leave_out, to_mark = moved.copy(), moved
    told: list[Aligned] = []
    for step in steps:
        if step.change == "missing" and to_leave_out[step.pattern]:
            to_leave_out[step.pattern] -= 1
        elif step.change == "extra" and to_mark[step.pattern]:
            to_mark[step.pattern] -= 1
            told.append(replace(step, change="moved"))
        else:
            told.append(step)
    return told
