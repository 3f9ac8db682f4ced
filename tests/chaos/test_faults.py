"""Whatever breaks while logs come in: each accepted entry is stored exactly once with a score, and no refused one."""

import random
import re
import time
from collections.abc import Callable
from typing import Any

import httpx
import pytest
from breakable_stack import BreakableStack
from extent import Extent
from fault import Fault, Moment
from faults import FAULTS
from load import ANSWER_S, Load
from proxy import Mode
from running_stack import wait_until
from verdict import Verdict, connections_too_many, judge, runs_for_ever, settled

from oddline.tasks import utc_now

RECOVERY_S = 90.0
MEMORY_FACTOR, MEMORY_SLACK_MB = 1.5, 200  # caches grow with what was read; a leak of each round grows further
POOL, POOL_OF_WORKER = 8, 3
POSTS, POST_EVERY_S = 7, 0.9  # over more than the 5 s in which nothing is published after a failure

Stacks = Callable[[str], BreakableStack]


@pytest.mark.parametrize("fault", [pytest.param(fault, id=fault.name) for fault in FAULTS])
def test_nothing_is_lost_or_doubled_when(
    fault: Fault,
    stacks: Stacks,
    extent: Extent,
    rng: random.Random,
    pytestconfig: pytest.Config,
    record_property: Callable[[str, Any], None],
) -> None:
    is_full = pytestconfig.getoption("full_length")
    if not (is_full or fault.in_cut):
        pytest.skip("takes longer than the cut allows: make chaos")
    rounds = pytestconfig.getoption("chaos_rounds") or (extent.long_rounds if fault.lasts else extent.rounds)
    stack = stacks(fault.stack)
    level_mb = level_of(stack, extent, rng)

    results = [meet(fault, stack, extent, rng, number=number) for number in range(rounds)]

    wait_until(stack.healthy, seconds=RECOVERY_S, what="the stack is healthy again")
    wait_until(
        lambda: not runs_for_ever(stack, now=utc_now() + stack.ahead),
        seconds=RECOVERY_S,
        what=lambda: f"nothing hangs, but {runs_for_ever(stack, now=utc_now() + stack.ahead)}",
    )
    wait_until(
        lambda: not connections_too_many(stack, pool=POOL, of_worker=POOL_OF_WORKER),
        seconds=RECOVERY_S,
        what="no more connections than the pools hold",
    )
    memory, connections = sum(stack.memory_mb().values()), stack.connections()
    record_property("chaos", _row(fault, results, memory=(level_mb, memory), connections=connections))
    assert all(verdict.is_good for verdict, _, _ in results), results
    assert max(recovery for _, recovery, _ in results) < RECOVERY_S
    assert memory < level_mb * MEMORY_FACTOR + MEMORY_SLACK_MB


@pytest.mark.parametrize("mode", [Mode.REFUSING, Mode.BLACK_HOLE], ids=["refused", "black-holed"])
def test_a_post_is_taken_within_a_second_while_connections_to_redis_are(mode: Mode, stacks: Stacks) -> None:
    stack = stacks("shared")
    wait_until(stack.healthy, seconds=RECOVERY_S, what="the stack is healthy again")
    took = []

    stack.valkey.set(mode)
    try:
        with httpx.Client(headers={"X-API-Key": stack.keys[0]}, timeout=ANSWER_S, trust_env=False) as client:
            for number in range(POSTS):
                began = time.monotonic()
                answer = client.post(f"{stack.stack.url}/api/v1/logs", json={"message": f"post {number}"})
                took.append(time.monotonic() - began)
                assert answer.status_code == 202
                time.sleep(POST_EVERY_S)
    finally:
        stack.valkey.set(Mode.OPEN)

    assert max(took) < 1.0


def test_a_stopped_stack_leaves_no_process_and_a_forgotten_one_no_folder(stacks: Stacks) -> None:
    stack = stacks("shared")

    stack.stop()

    assert stack.survivors() == []
    stack.remove()
    assert not stack.home.exists()


def level_of(stack: BreakableStack, extent: Extent, rng: random.Random) -> int:
    """The memory in MB that a stack holds once it has met the same load without a fault."""
    if stack.level_mb is None:
        nothing = Fault("no fault", lambda _stack, _moment: None)
        verdict, _, _ = meet(nothing, stack, extent, rng, number=0)
        assert verdict.is_good
        stack.level_mb = sum(stack.memory_mb().values())
    return stack.level_mb


def meet(
    fault: Fault, stack: BreakableStack, extent: Extent, rng: random.Random, *, number: int
) -> tuple[Verdict, float, int]:
    """One round: what became of its entries, the seconds from the fault's end to when all of before was done, how many
    submissions there were."""
    source = f"{re.sub(r'[^a-z0-9]+', '-', fault.name.lower())}-{number}"
    load = Load(stack, source=source, submissions=extent.submissions, lines=extent.lines)
    at = rng.randint(1, extent.submissions // 2)
    moment = Moment(rng=rng, round=number, outage_s=extent.outage_s, lease_s=extent.lease_s)

    load.start()
    wait_until(lambda: len(load.accepted) >= at or load.failures, seconds=RECOVERY_S, what="enough is sent")
    fault.inflict(stack, moment)
    over, held_up = time.monotonic(), tuple(load.accepted)
    wait_until(lambda: settled(stack, held_up), seconds=RECOVERY_S, what="what was held up is done")
    recovery = time.monotonic() - over

    load.finish()
    wait_until(lambda: settled(stack, tuple(load.accepted)), seconds=RECOVERY_S, what="all of it is done")
    return judge(stack, load.accepted, source=source), recovery, len(load.accepted)


def _row(
    fault: Fault, results: list[tuple[Verdict, float, int]], *, memory: tuple[int, int], connections: dict[str, int]
) -> dict[str, Any]:
    verdicts = [verdict for verdict, _, _ in results]
    return {
        "fault": fault.name,
        "rounds": len(results),
        "submissions": sum(count for _, _, count in results),
        "entries": sum(verdict.stored for verdict in verdicts),
        "lost": sum(verdict.lost for verdict in verdicts),
        "doubled": sum(verdict.doubled for verdict in verdicts),
        "strangers": sum(verdict.strangers for verdict in verdicts),
        "dead": sum(verdict.dead for verdict in verdicts),
        "slowest_recovery_s": round(max(recovery for _, recovery, _ in results), 1),
        "memory_mb": f"{memory[0]}→{memory[1]}",
        "connections": sum(connections.values()),
    }
