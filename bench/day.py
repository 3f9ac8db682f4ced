"""A discrete-event model of a day: submissions at the door, the queue, workers that come and go, and the database.

SimPy moves the clock. Submissions come as a Poisson process; a task takes claims for all of its processes at once, as
large as what waits allows; Application Auto Scaling tracks the backlog per task; the database has a number of cores,
of which submissions get theirs first and workers the rest, one after the other. What the database cannot take stays at
the door: clients keep it and try again.
"""

import math
from collections import deque
from collections.abc import Generator
from typing import Any

import numpy as np
import simpy

from bench.fleet import Fleet, Line, Load, Minute, Work

Steps = Generator[simpy.Event, Any, None]

MINUTE_S = 60.0
LEAST_LEFT = 0.02  # of the database, for workers, however many submissions come


class Day:
    """One run. Everything counted is in batches; equal seeds give equal days."""

    def __init__(self, work: Work, fleet: Fleet, load: Load, *, seed: int) -> None:
        self.work, self.fleet, self.load = work, fleet, load
        self.env = simpy.Environment()
        self.door, self.waiting = Line(), Line()
        self.offered = self.served = self.in_service = self.claims = 0
        self.running = self.desired = fleet.fewest
        self.waited_s = 0.0  # summed over all that were claimed
        self.minutes: list[Minute] = []
        self._rng = np.random.default_rng(seed)
        self._idle: deque[simpy.Event] = deque()
        self._leaving = 0
        self._free_s = 0.0  # when the database has done all that it was asked for
        self._owed_s = 0.0  # of a core of it, at the last minute
        self._asked_s = self._writes = 0.0  # since the last minute
        self._unread = 0.0
        self._minute_offered = self._minute_served = 0
        self._busy_s = 0.0  # of tasks, since the last minute
        self._tracked: list[tuple[float, deque[float]]] = [
            (target, deque(maxlen=fleet.in_after)) for target in (fleet.backlog_lines, fleet.busy) if target is not None
        ]
        self._scaled_s = -math.inf
        for _ in range(fleet.fewest):
            self.env.process(self._task())
        for process in (self._arrivals(), self._minutes()):
            self.env.process(process)

    def run(self, until_s: float) -> "Day":
        """Let the clock run."""
        self.env.run(until=until_s)
        return self

    def _arrivals(self) -> Steps:
        grain, post_s = self.load.grain_s, self.work.post_database_s
        room = 0.0
        while True:
            rate = self.load.rate(self.env.now)
            yield self.env.timeout(grain or self._rng.exponential(1 / rate))
            came = int(self._rng.poisson(rate * grain)) if grain else 1
            self.offered += came
            self._minute_offered += came
            self.door.put(came, came_s=self.env.now)
            room = min(room, 1.0) + (self.fleet.database_cores * (1 - LEAST_LEFT) * grain / post_s if grain else 1.0)
            admitted = int(min(self.door.size, room))
            room -= admitted
            for came_s, count in self.door.take(admitted):
                self.waiting.put(count, came_s=came_s)
            self._ask(admitted * post_s)
            self._writes += admitted
            for _ in range(min(admitted, len(self._idle))):
                self._idle.popleft().succeed()

    def _task(self) -> Steps:
        while True:
            if self._leaving:
                self._leaving -= 1
                self.running -= 1
                return
            if not self.waiting.size:
                self._idle.append(self.env.event())
                yield self._idle[-1]
                continue
            claims, batches, seconds = self._turn()
            self.waited_s += sum((self.env.now - came_s) * count for came_s, count in self.waiting.take(batches))
            self.in_service += batches
            self.claims += claims
            done_s = self._ask(claims * self.work.claim_database_s + batches * self.work.batch_database_s)
            self._writes += claims * self.work.claim_writes
            self._busy_s += seconds
            yield self.env.timeout(max(seconds, done_s - self.env.now))
            self.in_service -= batches
            self.served += batches
            self._minute_served += batches

    def _turn(self) -> tuple[int, int, float]:
        """Claims, batches and seconds of a task's next turn: a claim of each process, and in a backlog several."""
        processes, most = self.fleet.processes, self.work.claim_batches
        full = processes * most
        if self.waiting.size < full:
            batches = self.waiting.size
            each = math.ceil(batches / processes)
            return min(batches, processes), batches, self.work.claim_s + each * self.work.batch_s
        seconds = self.work.claim_s + most * self.work.batch_s
        share = self.waiting.size // (full * max(1, self.running))
        rounds = max(1, min(share, int(self.fleet.stretch_s / seconds)))
        return rounds * processes, rounds * full, rounds * seconds

    def _ask(self, seconds: float) -> float:
        """Give the database so many seconds of a core to do; when it will have done them, after all before."""
        self._asked_s += seconds
        self._free_s = max(self._free_s, self.env.now) + seconds / self.fleet.database_cores
        return self._free_s

    def _minutes(self) -> Steps:
        while True:
            yield self.env.timeout(MINUTE_S)
            self._unread = max(0.0, self._unread + self._minute_served - MINUTE_S / self.work.reader_s)
            self.minutes.append(self._minute())
            tasks = max(1, self.running)
            values = (self.waiting.size * self.work.lines / tasks, self._busy_s / MINUTE_S / tasks)
            for (_, history), value in zip(self._tracked, values, strict=False):
                history.append(value)
            self._scale()
            self._asked_s = self._writes = self._busy_s = 0.0
            self._minute_offered = self._minute_served = 0

    def _minute(self) -> Minute:
        fleet, now = self.fleet, self.env.now
        owed_before, self._owed_s = self._owed_s, max(0.0, self._free_s - now) * fleet.database_cores
        done = self._asked_s + owed_before - self._owed_s
        of_workers = self.running * fleet.processes * fleet.connections
        of_functions = math.ceil(self._minute_offered / MINUTE_S * self.work.post_database_s)  # Little's law
        return Minute(
            at_s=now,
            offered_per_s=self._minute_offered / MINUTE_S,
            waiting=self.waiting.size,
            at_door=self.door.size,
            oldest_s=max(0.0, now - min(self.door.oldest, self.waiting.oldest)),
            tasks=self.running,
            writes_per_s=self._writes / MINUTE_S,
            database_share=done / MINUTE_S / fleet.database_cores,
            connections=of_workers + fleet.other_connections + of_functions,
            readers_behind_s=self._unread * self.work.reader_s,
        )

    def _scale(self) -> None:
        """Target tracking: the policy that wants the most tasks wins."""
        wanted = max(self._wanted(target, list(history)) for target, history in self._tracked)
        if wanted == self.desired:
            return
        self._scaled_s = self.env.now
        for _ in range(wanted - self.desired):
            self.env.process(self._starting())
        for _ in range(self.desired - wanted):
            self._leaving += 1
            if self._idle:
                self._idle.popleft().succeed()
        self.desired = wanted

    def _wanted(self, target: float, history: list[float]) -> int:
        """Out in proportion, in by and by."""
        fleet, since = self.fleet, self.env.now - self._scaled_s
        lately = history[-fleet.out_after :]
        if len(lately) == fleet.out_after and min(lately) > target and since >= fleet.out_cooldown_s:
            return min(fleet.most, math.ceil(self.desired * lately[-1] / target))
        if len(history) == fleet.in_after and max(history) < 0.9 * target and since >= fleet.in_cooldown_s:
            return max(fleet.fewest, self.desired - max(1, int(self.desired * fleet.leaving)))
        return self.desired

    def _starting(self) -> Steps:
        yield self.env.timeout(self.fleet.start_s)
        self.running += 1
        self.env.process(self._task())
