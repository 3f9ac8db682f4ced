"""Sessions and windows of entries put into chunks, and judged at moments that a test chooses."""

import random
from collections.abc import Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from reading import Databases
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_entries import Archive

from oddline.scoring.sequences import detect_sequences

GAP = timedelta(minutes=10)
LATER = NOON + GAP + timedelta(seconds=1)
NORMAL = [[1, 2, 3, 4, 5], [1, 2, 2, 3, 4, 5], [1, 2, 4, 3, 5]]
WITHOUT_3 = [1, 2, 4, 5]

WINDOW = 60  # seconds


class Sessions(Archive):
    """Stores sessions of entries, and lets them be judged."""

    def put(self, sequences: Sequence[Sequence[int]], *, name: str = "s", **columns: Any) -> None:
        """Store one session for each of these sequences of pattern ids."""
        steps = [(f"{name}-{number}", step) for number, one in enumerate(sequences) for step in one]
        told = {"message": [f"step {step} of {session}" for session, step in steps]} | columns
        self.store(
            scored_frame(
                len(steps),
                spacing=timedelta(milliseconds=1),
                session=[session for session, _ in steps],
                pattern_id=[step for _, step in steps],
                **told,
            )
        )

    def spoil(self, *, keep: int) -> None:
        """Put nonsense into the project's chunks but the newest."""
        with self.worker.transaction() as tx:
            tx.execute(
                "UPDATE hot_chunks SET blob = 'nonsense' WHERE project_id = %(project)s AND id NOT IN (SELECT id"
                " FROM hot_chunks WHERE project_id = %(project)s ORDER BY xid DESC LIMIT %(keep)s)",
                {"project": self.project, "keep": keep},
            )

    def detect(self, now: datetime = NOON) -> dict[str, int]:
        return detect_sequences(db=self.worker, objects=self.objects, now=lambda: now, gap=GAP)

    def set(self, **settings: Any) -> None:
        """Set how the entries of the first source are put together."""
        with self.worker.transaction() as tx:
            for name, value in settings.items():
                tx.execute(f"UPDATE sources SET {name} = %s WHERE project_id = %s AND id = 1", [value, self.project])

    def put_windows(self, windows: Sequence[Sequence[int]], *, before: int = 0) -> None:
        """Store entries without a session: those of the last window end `before` windows before NOON."""
        begin = NOON - timedelta(seconds=WINDOW * (len(windows) + before))
        steps = [(begin + timedelta(seconds=WINDOW * number), one) for number, one in enumerate(windows)]
        moments = [
            moment + timedelta(seconds=WINDOW * place / len(one)) for moment, one in steps for place in range(len(one))
        ]
        patterns = [step for one in windows for step in one]
        told = [f"step {step}" for step in patterns]
        self.store(scored_frame(len(patterns), timestamp=moments, pattern_id=patterns, message=told))

    def learn_windows(self, number: int = 300) -> None:
        """Let windows in which each of three things comes three to five times become what is usual."""
        self.put_windows(usual_windows(number), before=60)
        self.detect()
        self.detect(LATER)

    def learn(self, sessions: int = 300) -> None:
        """Let the normal sequences become what is usual."""
        self.put(random.Random(1).choices(NORMAL, k=sessions), name="learned")
        self.detect()
        self.detect(LATER)


def usual_windows(number: int, *, seed: int = 1) -> list[list[int]]:
    """Windows of things that have nothing to do with each other, side by side."""
    chance = random.Random(seed)
    windows = [[step for step in (1, 2, 3) for _ in range(chance.randint(3, 5))] for _ in range(number)]
    for one in windows:
        chance.shuffle(one)
    return windows


def begun(db: Databases, project: UUID, folder: Path) -> Sessions:
    """Sessions of a project for which the reader has its cursor already: what was before it is not read."""
    made = Sessions.make(worker=db("worker"), search=db("search"), project=project, folder=folder)
    assert isinstance(made, Sessions)
    made.store(scored_frame(1))
    made.detect()
    with made.worker.transaction() as tx:
        tx.execute(
            "INSERT INTO patterns SELECT %s, n, 1, n::text::bytea, 'step ' || n, now() FROM generate_series(1, 9) n",
            [project],
        )
    return made


def shown(client: TestClient, **asked: str) -> list[dict[str, Any]]:
    answer = client.get("/api/v1/anomalies", params={"kind": "sequence", **asked})
    assert answer.status_code == 200, answer.text
    anomalies: list[dict[str, Any]] = answer.json()["anomalies"]
    return anomalies
