"""What a simulated day is made of: seconds of work, the fleet and its autoscaling, the load, queues, minutes."""

import math
from collections import deque
from dataclasses import dataclass, field

from oddline.cost import Measured


@dataclass(frozen=True, slots=True)
class Work:
    """Seconds that claims take: `claim_s` each, and `batch_s` for each batch of `lines` in it; the database's alike.

    `post_…` is one submission, `reader_s` a batch in the slowest of the incremental readers, each of which is one task.
    """

    lines: int
    claim_batches: int
    claim_s: float
    batch_s: float
    claim_database_s: float
    batch_database_s: float
    claim_writes: float
    post_database_s: float
    post_s: float
    reader_s: float

    @classmethod
    def of(cls, measured: Measured) -> "Work":
        """From claims of one batch and claims that found a backlog: two points of a line."""
        alone, backlog = measured.steps["score_alone"], measured.steps["score"]
        many, take = measured.backlog_batches, measured.steps["take"]

        def split(one: float, of_many: float) -> tuple[float, float]:
            each_claim = (one - of_many) / (1 - 1 / many)
            return each_claim, one - each_claim

        claim_s, batch_s = split(alone.cpu_s, backlog.cpu_s)
        claim_database_s, batch_database_s = split(alone.database_cpu_s, backlog.database_cpu_s)
        readers = [measured.steps[name] for name in ("fold", "detect")]  # side by side: the slower one counts
        behind = sum(step.database_cpu_s for step in (*readers, measured.steps["compact"]))
        return cls(
            lines=measured.batch_lines,
            claim_batches=round(many),
            claim_s=claim_s + claim_database_s,
            batch_s=batch_s + batch_database_s,
            claim_database_s=claim_database_s,
            batch_database_s=batch_database_s + behind,
            claim_writes=alone.writes,
            post_database_s=take.database_cpu_s,
            post_s=take.cpu_s + take.database_cpu_s,
            reader_s=max(step.cpu_s + step.database_cpu_s for step in readers),
        )


@dataclass(frozen=True, slots=True)
class Fleet:
    """The scoring service, its autoscaling and the database, as infra/ makes them by default."""

    processes: int = 2  # of a task, one for each vCPU
    stretch_s: float = 10.0  # that a process claims without a pause (worker_image/worker/scoring.py)
    fewest: int = 1
    most: int = 20
    backlog_lines: float = 50_000.0  # per task, that is tracked
    busy: float | None = 0.6  # share of its processors that a task uses, tracked beside it; None: not tracked
    out_after: int = 3  # minutes above the target: what target tracking asks for
    in_after: int = 15  # minutes below nine tenths of it
    out_cooldown_s: float = 60.0
    in_cooldown_s: float = 300.0
    start_s: float = 75.0  # from the decision to the first claim: assumed
    leaving: float = 0.1  # of the tasks, at most at once, at least one: assumed
    database_cores: float = 2.0  # 8 ACUs
    connections: int = 3  # of a process
    other_connections: int = 9  # of the other services' processes


@dataclass(frozen=True, slots=True)
class Load:
    """Batches a second, `spike` times as many from `begins_s` to `ends_s`; they come every `grain_s`, or one by one."""

    batches_per_s: float
    spike: float = 1.0
    begins_s: float = 0.0
    ends_s: float = 0.0
    grain_s: float | None = 1.0

    def rate(self, at_s: float) -> float:
        """Batches a second at a moment."""
        return self.batches_per_s * (self.spike if self.begins_s <= at_s < self.ends_s else 1.0)


@dataclass(frozen=True, slots=True)
class Minute:
    """How things stood at the end of a minute; rates are of the minute."""

    at_s: float
    offered_per_s: float
    waiting: int  # batches, taken and not yet claimed
    at_door: int
    oldest_s: float  # age of the oldest that is not yet claimed
    tasks: int
    writes_per_s: float
    database_share: float  # of its cores
    connections: int
    readers_behind_s: float


@dataclass(slots=True)
class Line:
    """A queue of batches, first come first served, that remembers when each came."""

    _groups: deque[tuple[float, int]] = field(default_factory=deque)
    size: int = 0

    def put(self, count: int, *, came_s: float) -> None:
        if count:
            self._groups.append((came_s, count))
            self.size += count

    def take(self, count: int) -> list[tuple[float, int]]:
        """The oldest `count`, in groups of (when they came, how many)."""
        taken = []
        self.size -= count
        while count:
            came_s, there = self._groups.popleft()
            some = min(there, count)
            if some < there:
                self._groups.appendleft((came_s, there - some))
            taken.append((came_s, some))
            count -= some
        return taken

    @property
    def oldest(self) -> float:
        """When the first in it came; infinity where it is empty."""
        return self._groups[0][0] if self._groups else math.inf
