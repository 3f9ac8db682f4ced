"""How much a fault meets: all of it by `make chaos`, a cut of it by `make test`."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Extent:
    """Submissions and their lines in a round; rounds of what is over at once, and of what lasts `outage_s`.

    `long_run` is how many submissions meet one fault after the other; 0: there is no such run.
    """

    submissions: int
    lines: int
    rounds: int
    long_rounds: int
    outage_s: float
    lease_s: float
    long_run: int


CUT = Extent(submissions=8, lines=50, rounds=1, long_rounds=1, outage_s=3.0, lease_s=4.0, long_run=0)
FULL_LENGTH = Extent(submissions=50, lines=1_000, rounds=20, long_rounds=3, outage_s=60.0, lease_s=30.0, long_run=1_000)
