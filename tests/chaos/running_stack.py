"""A whole local stack in a folder of its own, clients that send to it, and the count of what it stored."""

import json
import os
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import httpx
import psutil

from oddline.local.processes import Account, Record
from oddline.local.stack import Stack

READY_S = 60.0
POLL_S = 0.05


def wait_until(condition: Callable[[], Any], *, seconds: float, what: str | Callable[[], str]) -> None:
    """Poll until `condition` holds; `what` that is may be told when it does not.

    Raises:
        AssertionError: it does not within `seconds`.
    """
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"not within {seconds} s: {what if isinstance(what, str) else what()}"
        time.sleep(POLL_S)


class RunningStack:
    """`oddline up` as a user runs it.

    `up` is what the interpreter is told to run.

    Args:
        home: its folder.
        env: settings beyond those of every stack.
        account: who runs it; None for who runs the tests.
        interpreter: a Python that `account` can run.
    """

    up: tuple[str, ...] = ("-m", "oddline", "up")

    def __init__(
        self,
        home: Path,
        *,
        env: Mapping[str, str] | None = None,
        account: Account | None = None,
        interpreter: str = sys.executable,
    ) -> None:
        self.home = home
        self._interpreter = interpreter
        self._user = {"user": account.uid, "group": account.gid, "extra_groups": []} if account else {}
        self._process: subprocess.Popen[bytes] | None = None
        port = 18_000 + os.getpid() % 2_000
        self._env = dict(os.environ) | {
            "ODDLINE_HOME": str(home),
            "ODDLINE_PORT": str(port),
            "ODDLINE_WORKER_CONCURRENCY": "2",
            **(env or {}),
        }

    def start(self, *, demo: bool = False, flower: bool = False) -> None:
        """Start it and wait until it is healthy."""
        command = [self._interpreter, *self.up, "--demo" if demo else "--no-demo"]
        command += ["--flower"] if flower else []
        with (self.home.parent / "up.log").open("ab") as log:
            self._process = subprocess.Popen(
                command, cwd=self.home.parent, env=self._env, stdout=log, stderr=log, **self._user
            )
        wait_until(self.healthy, seconds=READY_S, what="the stack is healthy")

    def oddline(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Another command of the same user, with the same settings."""
        command = [self._interpreter, "-m", "oddline", *arguments]
        return subprocess.run(
            command, cwd=self.home.parent, env=self._env, capture_output=True, text=True, check=False, **self._user
        )

    def said(self) -> str:
        """What `oddline up` has printed so far."""
        return (self.home.parent / "up.log").read_text()

    def stop(self) -> None:
        """End it as Ctrl-C does."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(60)
            self._process = None

    def remove(self) -> None:
        """End it and delete its state, also what PostgreSQL keeps outside of the home folder."""
        self.stop()
        done = self.oddline("stop", "--forget")
        assert done.returncode == 0, done.stderr

    def kill_supervisor(self) -> None:
        """Kill it with -9."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()
        self._process = None

    def healthy(self) -> bool:
        """Whether `oddline status` says so."""
        assert self._process is None or self._process.poll() is None, self.said()[-2_000:]
        return bool(self.status().get("healthy"))

    def status(self) -> dict[str, Any]:
        """What `oddline status --json` prints; nothing before the first start is through."""
        done = self.oddline("status", "--json")
        return json.loads(done.stdout) if done.stdout else {}

    def process(self, name: str) -> psutil.Process:
        """The main process of a part: api, worker, schedules, valkey/process, postgres/process."""
        record = Record.read(self.home / f"{name}.json")
        assert record is not None, name
        return psutil.Process(record.process.pid)

    def survivors(self) -> list[psutil.Process]:
        """Processes that still know this home folder; ask `info` of them, not themselves: some end any moment."""
        found = []
        for process in psutil.process_iter(["uids"]):
            with suppress(psutil.NoSuchProcess, psutil.AccessDenied):  # ended meanwhile, or another user's
                knows = process.environ().get("ODDLINE_HOME") == str(self.home) or str(self.home) in process.cwd()
                if knows and process.status() != psutil.STATUS_ZOMBIE:
                    found.append(process)
        return found

    @property
    def stack(self) -> Stack:
        """Its address and keys."""
        return Stack.load(self.home)

    def stored(self) -> Counter[UUID]:
        """How often each entry is listed, by id, reading page after page."""
        stack, found, page = self.stack, Counter[UUID](), {"limit": "1000"}
        with httpx.Client(base_url=stack.url, headers={"X-API-Key": stack.api_key}, timeout=30) as client:
            while True:
                answer = client.get("/api/v1/logs", params=page).raise_for_status().json()
                assert all(entry["anomaly_score"] is not None for entry in answer["entries"])
                found.update(UUID(entry["id"]) for entry in answer["entries"])
                if not answer.get("next"):
                    return found
                page["after"] = answer["next"]


@dataclass
class Sender:
    """Sends batches until told to stop, each with a key, again and again until it is accepted."""

    stack: RunningStack
    batches: int
    lines: int
    accepted: list[UUID] = field(default_factory=list)
    pause_s: float = 0.0

    def run(self) -> None:
        """Send all batches."""
        for number in range(self.batches):
            entries = [
                {"message": f"batch {number} line {line} took {line * 7} ms", "source": "chaos"}
                for line in range(self.lines)
            ]
            batch = self._send(entries)
            self.accepted += [UUID(int=batch.int | index) for index in range(self.lines)]
            time.sleep(self.pause_s)

    def start(self) -> threading.Thread:
        """Send in the background."""
        thread = threading.Thread(target=self.run, daemon=True)
        thread.start()
        return thread

    def _send(self, entries: list[dict[str, Any]]) -> UUID:
        key = {"Idempotency-Key": str(uuid4())}
        deadline = time.monotonic() + 120
        while time.monotonic() < deadline:
            stack = self.stack.stack
            try:
                answer = httpx.post(
                    f"{stack.url}/api/v1/logs/batch",
                    json=entries,
                    headers=key | {"X-API-Key": stack.api_key},
                    timeout=15,
                )
            except httpx.TransportError:
                time.sleep(POLL_S)
                continue
            if answer.status_code == 202:
                assert answer.json()["accepted"] == len(entries)
                return UUID(answer.json()["batch_id"])
            assert answer.status_code in {409, 503}, answer.text
            time.sleep(POLL_S)
        raise AssertionError("a batch was not accepted within 120 s")
