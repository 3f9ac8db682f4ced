"""What a project's own rules may cost: RE2 is linear for one search, all matches in a line together are not."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

from oddline.redaction.model import mark

SUBMISSION_S: Final = 10.0  # of processor time: twice what 10,000 lines with attributes take with 20 usual rules
TEXT_S: Final = 0.1  # the same for one rule and one text: thousands of times what a usual line takes
TEXT_MARKS: Final = 1_000
SUBMISSION_MARKS: Final = 200_000  # 10,000 lines and 20 rules; so that they take 8 MB and not forty times what came in
# Where RE2's automaton has too many states, it steps through all instructions for each byte: a second for so many.
MOST_STEPS: Final = 25_000_000
_STEPS_UNTIMED: Final = 250_000  # to ask for the time costs as much as some short lines


class Looked:
    """An expression of a rule, ready to be looked for; what RE2 tells of it is asked once."""

    __slots__ = ("find", "group", "mark", "program")

    def __init__(self, name: str, expression: Any) -> None:
        self.mark = mark(name)
        self.find = expression.finditer
        self.group = 1 if expression.groups else 0
        self.program: int = expression.programsize


@dataclass(slots=True)
class Budget:
    """What is left for the own rules of one submission; what is over it is masked whole, and never left as it is."""

    seconds: float = SUBMISSION_S
    marks: int = SUBMISSION_MARKS
    clock: Callable[[], float] = time.thread_time
    _read_at: float = field(default=0.0, init=False)
    _steps: int = field(default=0, init=False)

    @property
    def is_spent(self) -> bool:
        """Whether nothing is left."""
        return self.seconds <= 0 or self.marks <= 0

    def begin(self) -> None:
        """Count the time from now on."""
        self._read_at, self._steps = self.clock(), 0

    def step(self, steps: int) -> None:
        """Note work that may have taken so many steps."""
        self._steps += steps
        if self._steps >= _STEPS_UNTIMED:
            self.settle()

    def settle(self) -> None:
        """Take off the time since it was last looked at."""
        now = self.clock()
        self.seconds -= now - self._read_at
        self._read_at, self._steps = now, 0

    def masked(self, text: str, looked: Looked) -> tuple[str, int]:
        """A text with what an expression finds masked; of what has a group, the first group alone.

        Over the budget the rest of the text is one mark. Returns how many marks were set, too.
        """
        if not text:
            return text, 0
        size, program = len(text), looked.program
        if self.is_spent or size * program > MOST_STEPS:
            self.marks -= 1
            return looked.mark, 1
        until = self.seconds - TEXT_S
        pieces, end, count = [], 0, 0
        for found in looked.find(text):
            self.step((size - found.start()) * program)
            begin, stop = found.span(looked.group)
            if stop > begin >= end:
                pieces += [text[end:begin], looked.mark]
                end, count = stop, count + 1
            if self.seconds <= until or self.is_spent or count >= min(TEXT_MARKS, self.marks):
                pieces, end, count = [*pieces, looked.mark], size, count + 1
                break
        else:
            self.step((size - end) * program)
        if not count:
            return text, 0
        self.marks -= count
        return "".join([*pieces, text[end:]]), count
