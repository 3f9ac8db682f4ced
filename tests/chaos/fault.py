"""What a fault is, and the list of all of them."""

import random
from collections.abc import Callable
from dataclasses import dataclass

from breakable_stack import BreakableStack


@dataclass(frozen=True, slots=True)
class Moment:
    """When and for how long: `round` counts from 0, `outage_s` is for what does not end by itself."""

    rng: random.Random
    round: int
    outage_s: float
    lease_s: float


Inflict = Callable[[BreakableStack, Moment], None]


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault: whether it `lasts`, whether `make test` meets it too, and the kind of stack that it needs."""

    name: str
    inflict: Inflict
    lasts: bool = False
    in_cut: bool = True
    stack: str = "shared"


FAULTS: list[Fault] = []


def fault(
    name: str, *, lasts: bool = False, in_cut: bool = True, stack: str = "shared"
) -> Callable[[Inflict], Inflict]:
    """Enter a function as a fault."""

    def enter(inflict: Inflict) -> Inflict:
        FAULTS.append(Fault(name, inflict, lasts=lasts, in_cut=in_cut, stack=stack))
        return inflict

    return enter
