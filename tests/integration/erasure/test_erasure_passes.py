"""Passes go over everything until nothing is left, whatever happens meanwhile."""

from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from erasing import NAME, attempt, compact, erase, finish, lines, stored_ids
from inbox import Inbox

from oddline import submissions
from oddline.entries import EntryQuery, list_entries
from oddline.errors import LostClaim
from oddline.privacy import SETTLED
from oddline.tasks import State, TaskContext


def test_an_entry_that_is_scored_meanwhile_is_caught(inbox: Inbox, context: TaskContext, project: UUID) -> None:
    inbox.submit(project, {"message": f"late word of {NAME}"})
    [claimed] = submissions.claim_share(
        inbox.db("worker"),
        worker="slow",
        lines=100,
        lines_alone=100,
        after=UUID(int=0),
        after_retried=UUID(int=0),
        retried_first=False,
        lease=timedelta(minutes=5),
        now=inbox.clock(),
    )
    done = submissions.Finished(claimed=claimed, anomalies=0, highest_score=0.0, chunk_ids=(), result={})

    erasure = erase(inbox, project, context)
    inbox.clock.move(SETTLED)
    attempt(inbox, project, erasure, context)

    with pytest.raises(LostClaim), inbox.db("worker").transaction() as tx:
        submissions.finish(tx, [done], now=inbox.clock())
    inbox.score()
    assert inbox.entries(project)["message"].to_list() == ["late word of <erased>"]
    assert finish(inbox, project, erasure, context).state is State.SUCCESS


def test_a_merge_that_has_read_the_old_texts_loses(
    inbox: Inbox, context: TaskContext, project: UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    inbox.submit(project, *lines(120))
    inbox.score()
    erasure, put = erase(inbox, project, context), inbox.objects.put
    inbox.clock.move(SETTLED)
    merges = iter([True])

    def erase_then_put(key: str, data: bytes, **options: Any) -> None:
        if next(merges, False):
            attempt(inbox, project, erasure, context)
        put(key, data, **options)

    compact(inbox, later=timedelta(hours=2))
    monkeypatch.setattr(inbox.objects, "put", erase_then_put)
    compact(inbox, later=timedelta(days=1))  # into an object: it stands in the middle of the merge
    task = finish(inbox, project, erasure, context)

    assert task.state is State.SUCCESS, task.error
    blobs = inbox.rows("SELECT 1 FROM compacted_chunks WHERE replaced_by IS NULL")
    assert len(blobs) == 1
    assert not any(NAME in message for message in messages(inbox, project))
    assert len(stored_ids(inbox, project)) == 120


def messages(inbox: Inbox, project: UUID) -> list[str]:
    page = list_entries(
        EntryQuery(), db=inbox.db("search"), objects=inbox.objects, project=project, now=inbox.clock(), limit=1_000
    )
    return [entry["message"] for entry in page.entries]


def test_a_folder_of_objects_is_cleaned_like_a_bucket(
    inbox: Inbox, context: TaskContext, project: UUID, tmp_path: Path
) -> None:
    inbox.submit(project, *lines(25))
    inbox.score()
    compact(inbox, later=timedelta(hours=2))
    compact(inbox, later=timedelta(days=1))

    task = finish(inbox, project, erase(inbox, project, context), context)

    assert task.state is State.SUCCESS
    files = [path for path in (tmp_path / "objects").rglob("*") if path.is_file()]
    assert [path for path in files if NAME.encode() in path.read_bytes()] == []
    assert task.result["searched"]["objects"] == 1


def test_what_cannot_be_taken_out_is_told_and_never_called_proved(
    inbox: Inbox, context: TaskContext, project: UUID
) -> None:
    task = finish(inbox, project, erase(inbox, project, context, values=("first",)), context)

    assert task.state is State.FAILURE
    assert task.error == "StillHeld: values still stand in: projects (1)"
