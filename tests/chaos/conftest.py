"""The options and the stacks of the chaos tests, and the table of what they found."""

import json
import random
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from breakable_stack import BreakableStack
from extent import CUT, FULL_LENGTH, Extent
from machine import clock_environment, find_faketime, small_volume

COLUMNS = (
    "fault", "rounds", "submissions", "entries", "lost", "doubled", "dead", "slowest_recovery_s", "memory_mb",
    "connections",
)  # fmt: skip


SEED = pytest.StashKey[int]()


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """At full length a fault takes what it takes."""
    if config.getoption("full_length"):
        for item in items:
            item.add_marker(pytest.mark.timeout(4 * 3_600))


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Print the table, and write it."""
    reports = [one for kind in terminalreporter.stats.values() for one in kind if isinstance(one, pytest.TestReport)]
    rows = [value for one in reports if one.when == "call" for name, value in one.user_properties if name == "chaos"]
    if not rows:
        return
    terminalreporter.section(f"chaos, --chaos-seed {config.stash.get(SEED, None)}")
    width = max(len(row["fault"]) for row in rows)
    terminalreporter.write_line(" ".join(["fault".ljust(width), *COLUMNS[1:]]))
    for row in rows:
        shown = (str(row[name]).rjust(len(name)) for name in COLUMNS[1:])
        terminalreporter.write_line(" ".join([row["fault"].ljust(width), *shown]))
    if path := config.getoption("chaos_table"):
        path.write_text(json.dumps(rows, indent=2) + "\n")


@pytest.fixture(scope="session")
def extent(pytestconfig: pytest.Config) -> Extent:
    return FULL_LENGTH if pytestconfig.getoption("full_length") else CUT


@pytest.fixture(scope="session")
def rng(pytestconfig: pytest.Config) -> random.Random:
    seed = pytestconfig.getoption("chaos_seed")
    seed = random.SystemRandom().randrange(10**6) if seed is None else seed
    sys.stderr.write(f"--chaos-seed {seed}\n")  # pytest shows it with what fails
    pytestconfig.stash[SEED] = seed
    return random.Random(seed)


@pytest.fixture(scope="module")
def stacks(aws_url: str, extent: Extent) -> Iterator[Callable[[str], BreakableStack]]:
    """The stack of a kind, started when it is first asked for: shared, on a small volume, with a clock of its own."""
    started: dict[str, BreakableStack] = {}
    with ExitStack() as opened:

        def get(kind: str) -> BreakableStack:
            if kind not in started:
                started[kind] = _start(kind, aws_url=aws_url, extent=extent, opened=opened)
            return started[kind]

        yield get


def _start(kind: str, *, aws_url: str, extent: Extent, opened: ExitStack) -> BreakableStack:
    # Not in pytest's folder, which is closed to the user that PostgreSQL runs as.
    folder = Path(opened.enter_context(tempfile.TemporaryDirectory(prefix="oddline-chaos-", dir="/var/tmp")))
    folder.chmod(0o755)
    env = {"ODDLINE_LEASE": str(extent.lease_s)}
    if kind == "own clock":
        library = find_faketime(folder)
        if library is None:
            pytest.skip("NOT CHECKED: there is no libfaketime here, and it cannot be downloaded")
        env |= clock_environment(library, folder / "clock")
    if kind == "small volume":
        opened.enter_context(small_volume(folder / "volume"))
        data = folder / "home" / "postgres" / "data"
        data.parent.mkdir(parents=True)
        data.symlink_to(folder / "volume" / "data")
    stack = BreakableStack(folder / "home", aws_url=aws_url, env=env)
    opened.callback(stack.remove)
    stack.start()
    return stack
