"""Clients that send while something breaks, and note which entries were taken: those must come out, and no others."""

import random
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any
from uuid import UUID, uuid4

import httpx
from breakable_stack import BODY_OBJECT_BYTES, BreakableStack
from running_stack import POLL_S

PATIENCE_S = 180.0  # in which a submission must be taken, sent again and again
NOISE_BYTES = BODY_OBJECT_BYTES * 3 // 2
ANSWER_S = 15.0
PASSING = {409, 429, 503}
REFUSED_EVERY, FAULTY_EVERY, LARGE_EVERY = 5, 4, 3  # submissions


@dataclass
class Load:
    """Two projects that send at once: so many batches of `lines`, then single entries until told that it is enough.

    Some batches hold an entry that must be refused, some are so large that their body becomes an object, and some
    requests are refused as a whole. `accepted` holds the entries that were answered for with 202, by submission. All
    are sent within `patience_s`, or it is an error.
    """

    stack: BreakableStack
    source: str
    submissions: int
    lines: int
    patience_s: float = PATIENCE_S
    accepted: dict[UUID, set[UUID]] = field(default_factory=dict)
    failures: list[str] = field(default_factory=list)
    _enough: threading.Event = field(default_factory=threading.Event)
    _threads: list[threading.Thread] = field(default_factory=list)

    def start(self) -> None:
        """Begin to send."""
        shares = [self.submissions - self.submissions // 2, self.submissions // 2]
        for key, share in zip(self.stack.keys, shares, strict=True):
            thread = threading.Thread(target=self._run, args=[key, share], daemon=True)
            self._threads.append(thread)
            thread.start()

    def finish(self) -> None:
        """Send what is left of the batches, and stop."""
        self._enough.set()
        for thread in self._threads:
            thread.join(self.patience_s)
        assert not self.failures, self.failures
        assert len(self.accepted) >= self.submissions

    def _run(self, key: str, share: int) -> None:
        try:
            with httpx.Client(headers={"X-API-Key": key}, timeout=ANSWER_S, trust_env=False) as client:
                for number in range(share):
                    self._send(client, number, lines=self.lines)
                    if number % REFUSED_EVERY == 0:
                        self._be_refused(client)
                while not self._enough.wait(POLL_S):
                    self._send(client, 1, lines=1)
        except Exception as error:
            self.failures.append(repr(error))

    def _send(self, client: httpx.Client, number: int, *, lines: int) -> None:
        entries: list[Any] = [
            {"message": f"batch {number} line {line} took {line * 7} ms", "source": self.source}
            for line in range(lines)
        ]
        refused = set()
        if number % FAULTY_EVERY == 0 and lines > 1:
            entries[lines // 2]["message"] = "what no store takes: \0"
            refused = {lines // 2}
        if number % LARGE_EVERY == 0:
            entries[0]["attributes"] = {"noise": random.randbytes(NOISE_BYTES).hex()}
        told = self._until_taken(client, entries)
        assert {fault["index"] for fault in told["refused"]} == refused, told
        batch = UUID(told["batch_id"])
        self.accepted[batch] = {UUID(int=batch.int | index) for index in range(lines) if index not in refused}

    def _until_taken(self, client: httpx.Client, entries: list[Any]) -> dict[str, Any]:
        key, deadline = {"Idempotency-Key": str(uuid4())}, time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                answer = client.post(f"{self.stack.stack.url}/api/v1/logs/batch", json=entries, headers=key)
                if answer.status_code == 202:
                    told: dict[str, Any] = answer.json()
                    return told
                assert answer.status_code in PASSING, answer.text
            time.sleep(POLL_S)
        raise AssertionError(f"a batch was not accepted within {PATIENCE_S} s")

    def _be_refused(self, client: httpx.Client) -> None:
        body = '[{"message": "refused as a whole", "source": "' + self.source + '"}'
        with suppress(httpx.TransportError):
            answer = client.post(
                f"{self.stack.stack.url}/api/v1/logs/batch", content=body, headers={"Content-Type": "application/json"}
            )
            assert answer.status_code in {400, *PASSING}, answer.text
