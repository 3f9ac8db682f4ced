"""What a fault is: how it is caused and healed, and by which lines it shows."""

from collections.abc import Callable
from dataclasses import dataclass

from bench.sample_corpus.site import Site


@dataclass(frozen=True)
class Fault:
    """One way to break the site.

    `cause` breaks it, waits, and heals it again. `shows` are regular expressions searched for in `source<TAB>line`:
    what they find inside the window was caused by the fault.
    """

    kind: str
    program: str
    description: str
    cause: Callable[[Site], None]
    shows: tuple[str, ...]
