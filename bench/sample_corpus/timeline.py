"""The run: a long normal part, then faults with normal gaps between them, every window written down."""

import json
import random
import re
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from bench.sample_corpus.faults import FAULTS, Fault
from bench.sample_corpus.recorder import Recorder
from bench.sample_corpus.site import Site, make_site
from bench.sample_corpus.traffic import CLIENT_ERRORS, Traffic
from bench.sample_corpus.upkeep import ACTIONS

SEED = 20261122
NORMAL_SHARE = 0.36  # of the run before the first fault; a little over the 30 % that is promised
REPEATED = 6  # faults that come twice
SETTLE_SECONDS = 2.0  # after a fault is healed, its last lines still belong to its window


@dataclass(frozen=True)
class Window:
    """One fault as it happened: lines are counted from 0, `end_line` is the first one after it."""

    kind: str
    program: str
    description: str
    start_line: int
    end_line: int
    shows: tuple[str, ...]


def run(out_dir: Path, *, minutes: float, only: str | None = None) -> None:
    """Run the site, and leave `spool.log` and `spool-windows.json` in the folder.

    `only`, searched for in `kind program`, runs just those faults, after a short normal part.
    """
    chance = random.Random(SEED)
    recorder = Recorder(out_dir / "spool.log")
    site = make_site(recorder, chance=chance)
    traffic = Traffic(SEED)
    traffic.start()
    wanted = [fault for fault in FAULTS if re.search(only or "", f"{fault.kind} {fault.program}")]
    normal_seconds = minutes * 60 * NORMAL_SHARE if only is None else 15
    _run_normally(site, traffic, until=time.monotonic() + normal_seconds, upkeep=only is None)
    gap = minutes * 60 * (1 - NORMAL_SHARE) / (len(wanted) + REPEATED)
    plan = _plan(wanted, site=site, once=only is not None)
    windows = [_break(site, traffic, fault=fault, slot_seconds=gap) for fault in plan]
    traffic.stop()
    for program in reversed(site.programs()):
        program.stop()
    recorder.close()
    (out_dir / "spool-windows.json").write_text(json.dumps([asdict(window) for window in windows]), encoding="utf-8")


def _plan(faults: Sequence[Fault], *, site: Site, once: bool) -> list[Fault]:
    """Every fault once in a random order, then some again."""
    plan = site.chance.sample(faults, k=len(faults))
    return plan if once else plan + site.chance.sample(faults, k=REPEATED)


def _run_normally(site: Site, traffic: Traffic, *, until: float, upkeep: bool) -> None:
    """Normal running with every act of upkeep in turn, at least twice in the run's normal part."""
    queue = list(ACTIONS) * 2 if upkeep else []
    site.chance.shuffle(queue)
    while (left := until - time.monotonic()) > 0:
        time.sleep(min(left, left / (len(queue) + 1)))
        if queue:
            queue.pop()(site, traffic)


def _break(site: Site, traffic: Traffic, *, fault: Fault, slot_seconds: float) -> Window:
    """Cause one fault in its slot of time: window first, then normal running till the slot's end."""
    slot_end = time.monotonic() + slot_seconds
    start_line = site.recorder.lines
    print(f"{time.strftime('%H:%M:%S')} line {start_line}: {fault.kind} on {fault.program}", flush=True)
    try:
        fault.cause(site)
    except CLIENT_ERRORS as error:
        # A fault that could not be caused or healed as planned is seen by who makes the corpus, and left as it is.
        print(f"  {fault.kind} on {fault.program} did not go as planned: {error!r}", flush=True)
    _revive(site)
    time.sleep(SETTLE_SECONDS)
    window = Window(fault.kind, fault.program, fault.description, start_line, site.recorder.lines, fault.shows)
    if time.monotonic() < slot_end and site.chance.random() < 0.35:
        _upkeep_once(site, traffic)
    time.sleep(max(1.5, slot_end - time.monotonic()))
    return window


def _revive(site: Site) -> None:
    """Start again what did not outlive the fault, as a supervisor would."""
    for program in site.programs():
        if not program.running:
            program.start()


def _upkeep_once(site: Site, traffic: Traffic) -> None:
    action = site.chance.choice(ACTIONS)
    try:
        action(site, traffic)
    except CLIENT_ERRORS as error:
        # The site may still be on its feet only halfway: upkeep that fails is left for another day.
        print(f"upkeep {action.__name__} did not work: {error}", flush=True)
