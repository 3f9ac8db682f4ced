"""What becomes of a day with a spike: backlog age, tasks, database, at 10 GB, 1 TB and 10 TB, by simulation.

Fed with the measured work of a batch (`python -m bench work`, kept in oddline/cost/measured.toml) and with what infra/
deploys. It measures nothing itself, so the machine does not matter; equal seeds give equal days.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.day import Day
from bench.fleet import Fleet, Load, Minute, Work
from oddline.cost import read_measured

DAY_S = 86_400.0
SPIKE = 20.0
BEGINS_S, ENDS_S = 12 * 3_600.0, 12.5 * 3_600.0
SETTLED_S = 6 * 3_600.0  # by then the fleet has the size that the calm load wants
SEED = 1


@dataclass(frozen=True, slots=True)
class Scenario:
    """A volume and a fleet for it."""

    volume: str
    fleet_is: str
    gb_per_day: float
    fleet: Fleet

    @property
    def batches_per_s(self) -> float:
        """Of 1,000 lines, outside the spike."""
        measured = read_measured()
        return self.gb_per_day * 1e9 / measured.line_bytes / measured.batch_lines / DAY_S


SCENARIOS = (
    Scenario("10 GB a day", "as deployed", 10.0, Fleet()),
    Scenario("1 TB a day", "by backlog alone", 1_000.0, Fleet(busy=None)),
    Scenario("1 TB a day", "as deployed", 1_000.0, Fleet()),
    Scenario("1 TB a day", "changed", 1_000.0, Fleet(most=60, database_cores=8.0)),
    Scenario("10 TB a day", "as deployed", 10_000.0, Fleet()),
    Scenario("10 TB a day", "changed", 10_000.0, Fleet(fewest=20, most=500, database_cores=64.0)),
)


def measure(*, quick: bool, work: Path) -> dict[str, Any]:  # noqa: ARG001  # nothing is written
    """`scale`: for each scenario what `summary` tells."""
    scenarios = SCENARIOS[:2] if quick else SCENARIOS
    return {"scale": {f"{one.volume}, {one.fleet_is}": summary(simulate(one).minutes) for one in scenarios}}


def simulate(scenario: Scenario, *, seed: int = SEED) -> Day:
    """The whole day."""
    load = Load(scenario.batches_per_s, spike=SPIKE, begins_s=BEGINS_S, ends_s=ENDS_S)
    return Day(Work.of(read_measured()), scenario.fleet, load, seed=seed).run(DAY_S)


def summary(minutes: Sequence[Minute]) -> dict[str, float | None]:
    """The day in figures: the calm hours before the spike, the worst of all, and the minutes after it to catch up.

    None where it never catches up: nothing that waits is older than a minute.
    """
    calm = [one for one in minutes if SETTLED_S < one.at_s <= BEGINS_S]
    after = [one for one in minutes if one.at_s > ENDS_S and one.oldest_s < 60]
    return {
        "calm_tasks": round(sum(one.tasks for one in calm) / len(calm), 1),
        "calm_oldest_s": max(one.oldest_s for one in calm),
        "most_tasks": max(one.tasks for one in minutes),
        "oldest_s": max(one.oldest_s for one in minutes),
        "at_door": max(one.at_door for one in minutes),
        "caught_up_min": round((after[0].at_s - ENDS_S) / 60) if after else None,
        "database_share": round(max(one.database_share for one in minutes), 2),
        "writes_per_s": round(max(one.writes_per_s for one in minutes)),
        "connections": max(one.connections for one in minutes),
        "readers_behind_s": round(max(one.readers_behind_s for one in minutes)),
    }
