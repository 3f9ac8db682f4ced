"""A million lines with a random fault every 20 seconds, beside the same lines without one."""

import random
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from breakable_stack import BreakableStack
from extent import Extent
from fault import Moment
from faults import FAULTS
from load import Load
from running_stack import wait_until
from verdict import Verdict, judge, settled

EVERY_S = 20.0
OUTAGE_S = 10.0
DONE_S = 3_600.0


def test_a_million_lines_come_through_a_random_fault_every_20_seconds(
    stacks: Callable[[str], BreakableStack],
    extent: Extent,
    rng: random.Random,
    record_property: Callable[[str, Any], None],
) -> None:
    if not extent.long_run:
        pytest.skip("takes longer than the cut allows: make chaos")
    stack = stacks("shared")
    long = replace(extent, submissions=extent.long_run, outage_s=OUTAGE_S)

    undisturbed = send_all(stack, long, source="undisturbed", disturb=lambda _: [])
    disturbed = send_all(stack, long, source="disturbed", disturb=lambda over: disturb(stack, long, rng, over))

    for (verdict, took_s, met), name in ((undisturbed, "long run, no fault"), (disturbed, "long run, random faults")):
        row = {
            "fault": f"{name}: {took_s:.0f} s",
            "rounds": len(met),
            "submissions": long.submissions,
            "entries": verdict.stored,
            "lost": verdict.lost,
            "doubled": verdict.doubled,
            "strangers": verdict.strangers,
            "dead": verdict.dead,
            "slowest_recovery_s": "",
            "memory_mb": sum(stack.memory_mb().values()),
            "connections": sum(stack.connections().values()),
            "took_s": round(took_s, 1),
            "met": met,
        }
        record_property("chaos", row)
    assert undisturbed[0].is_good
    assert disturbed[0].is_good
    assert disturbed[2]


def send_all(
    stack: BreakableStack, extent: Extent, *, source: str, disturb: Callable[[threading.Event], list[str]]
) -> tuple[Verdict, float, list[str]]:
    """What became of the entries, seconds from the first request to the last score, and the faults that were met."""
    load = Load(stack, source=source, submissions=extent.submissions, lines=extent.lines, patience_s=DONE_S)
    over, met = threading.Event(), list[str]()
    disturbing = threading.Thread(target=lambda: met.extend(disturb(over)), daemon=True)

    began = time.monotonic()
    load.start()
    disturbing.start()
    wait_until(lambda: len(load.accepted) >= extent.submissions or load.failures, seconds=DONE_S, what="all is sent")
    over.set()
    disturbing.join()
    load.finish()
    wait_until(lambda: settled(stack, tuple(load.accepted)), seconds=DONE_S, what="all of it is done")
    took_s = time.monotonic() - began
    return judge(stack, load.accepted, source=source), took_s, met


def disturb(stack: BreakableStack, extent: Extent, rng: random.Random, over: threading.Event) -> list[str]:
    """Inflict one fault after the other, each at its time, until it is over; which they were."""
    possible = [fault for fault in FAULTS if fault.stack == "shared"]
    met = []
    while not over.wait(EVERY_S):
        fault = rng.choice(possible)
        met.append(fault.name)
        fault.inflict(
            stack, Moment(rng=rng, round=rng.randrange(100), outage_s=extent.outage_s, lease_s=extent.lease_s)
        )
    return met
