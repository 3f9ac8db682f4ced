"""Fair share: what one project sends, however much and however new, keeps no other waiting for longer than a turn."""

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from uuid import UUID

import pytest
from inbox import Databases, Inbox, WatchedEncoder

from oddline.objects import FolderObjects
from oddline.scoring.reading import LEARNED_AT_ONCE
from oddline.tasks import State

BATCH = 1_000


@pytest.fixture
def inbox(db: Databases, tmp_path: Path) -> Inbox:
    return Inbox(db=db, objects=FolderObjects(tmp_path))


def new_patterns(count: int, *, seed: int) -> Sequence[str]:
    letters = random.Random(seed)
    return ["".join(letters.choices("abcdefghijklmnoprstuvwz", k=12)) + " failed to start" for _ in range(count)]


def test_a_single_entry_is_in_the_next_claim_whatever_waits_of_another_project(
    inbox: Inbox, project: UUID, other_project: UUID
) -> None:
    scorer = inbox.scorer()
    for number in range(25):
        inbox.submit(project, *[f"request {number} took {line} ms" for line in range(BATCH)])
    inbox.score_once(scorer)

    turns = []
    for number in range(3):
        single = inbox.submit(other_project, f"user {number} logged in")
        scored = inbox.score_once(scorer)
        turns.append((inbox.task(single).state, scored is not None and scored.entries > BATCH // 2))

    assert turns == [(State.SUCCESS, True)] * 3  # and the flood goes on as well


def test_many_new_patterns_of_one_project_do_not_make_another_wait(
    inbox: Inbox, project: UUID, other_project: UUID
) -> None:
    encoder = WatchedEncoder()
    scorer = inbox.scorer(encoder)
    patterns = new_patterns(3 * LEARNED_AT_ONCE, seed=1)
    flood = inbox.submit(project, *patterns)

    inbox.score_once(scorer, reading_turn=timedelta())
    read_in_a_turn = len(encoder.read)
    single = inbox.submit(other_project, "user 1 logged in")
    inbox.score_once(scorer, reading_turn=timedelta())
    states = inbox.task(single).state, inbox.task(flood).state
    while inbox.score_once(scorer, reading_turn=timedelta()) is not None:
        pass

    assert read_in_a_turn == LEARNED_AT_ONCE
    assert states == (State.SUCCESS, State.PENDING)
    assert (inbox.task(flood).state, inbox.task(flood).attempt) == (State.SUCCESS, 1)
    assert len(inbox.entries(project)) == len(patterns)
    assert len(encoder.read) == len(set(encoder.read)) == len(patterns) + 1  # none was read twice
