"""What must be so after every fault, looked up entry by entry: stored once with a score, or dead with its reason."""

from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import httpx
import psutil
import psycopg
from breakable_stack import BreakableStack

OVERDUE = timedelta(seconds=20)
"""Longer than anything may wait that is due: the watch and reconcile look more often."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the entries of some submissions."""

    stored: int
    dead: int
    lost: int
    doubled: int
    strangers: int
    """Stored though nobody was told that they were taken: refused ones."""
    unscored: int

    @property
    def is_good(self) -> bool:
        """Whether the promise was kept."""
        return not (self.lost or self.doubled or self.strangers or self.unscored)


def judge(stack: BreakableStack, accepted: Mapping[UUID, set[UUID]], *, source: str) -> Verdict:
    """Compare what was answered for with what the API lists of a source, and with the dead letters."""
    stored: Counter[UUID] = Counter()
    unscored = 0
    for entry in _listed(stack, source):
        stored[UUID(str(entry["id"]))] += 1
        unscored += entry["anomaly_score"] is None
    rows = stack.ask(
        "SELECT id FROM submission_state WHERE state = 'dead' AND error <> '' AND id = ANY (%s)", [list(accepted)]
    )
    dead = {entry for (submission,) in rows for entry in accepted[submission]}
    answered = {entry for entries in accepted.values() for entry in entries}
    return Verdict(
        stored=len(stored),
        dead=len(dead),
        lost=len(answered - stored.keys() - dead),
        doubled=sum(count > 1 for count in stored.values()) + len(dead & stored.keys()),
        strangers=len(stored.keys() - answered),
        unscored=unscored,
    )


def settled(stack: BreakableStack, submissions: Collection[UUID]) -> bool:
    """Whether each is done or dead."""
    try:
        rows = stack.ask(
            "SELECT count(*) FROM submission_state WHERE state IN ('done', 'dead') AND id = ANY (%s)",
            [list(submissions)],
        )
    except psycopg.OperationalError:  # it is down at this moment
        return False
    return bool(rows[0][0] == len(submissions))


def runs_for_ever(stack: BreakableStack, *, now: datetime) -> list[str]:
    """Tasks and submissions whose holder is gone, or that are due and that nobody begins."""
    rows = stack.ask(
        "SELECT name || ' ' || state FROM tasks WHERE state IN ('STARTED', 'PROGRESS') AND lease_until < %(late)s"
        " OR state IN ('PENDING', 'RETRY') AND coalesce(not_before, created_at) < %(late)s"
        " UNION ALL SELECT 'submission ' || state FROM submission_state"
        " WHERE state = 'claimed' AND lease_until < %(late)s"
        " OR state = 'accepted' AND coalesce(not_before, received_at) < %(late)s",
        {"late": now - OVERDUE},
    )
    return [row[0] for row in rows]


def connections_too_many(stack: BreakableStack, *, pool: int, of_worker: int) -> dict[str, int]:
    """Programs with more connections than their pools may hold, and dead worker processes that still have any."""
    return {
        name: count
        for name, count in stack.connections().items()
        if count > (of_worker if name.startswith("worker") else pool)
        or (name.startswith("worker ") and not psutil.pid_exists(int(name.split()[1])))
    }


def _listed(stack: BreakableStack, source: str) -> Iterator[dict[str, object]]:
    for key in stack.keys:
        page: dict[str, str] = {"limit": "1000", "source": source}
        with httpx.Client(headers={"X-API-Key": key}, timeout=60, trust_env=False) as client:
            while True:
                answer = client.get(f"{stack.stack.url}/api/v1/logs", params=page).raise_for_status().json()
                yield from answer["entries"]
                if not answer.get("next"):
                    break
                page["after"] = answer["next"]
