"""An action and its trace are one: both are there, or neither; and no role can take the trace away."""

import subprocess
import sys
from itertools import product
from pathlib import Path
from uuid import UUID

import psycopg
import pytest
from acting import CIPHER, ENCRYPTION_KEY, OTHER
from trail import Trail

from oddline import audit
from oddline.audit import Actor
from oddline.encryption import Cipher
from oddline.errors import NotConfigured, Undecipherable
from oddline.settings import Side

READERS: tuple[Side, ...] = ("console", "search", "worker")
FORBIDDEN = (
    "UPDATE audit_actions SET subject = 'source:b'",
    "UPDATE audit_actions SET number = NULL, hash = NULL",
    "DELETE FROM audit_actions",
    "TRUNCATE audit_actions CASCADE",
    "DELETE FROM person_keys",
    "UPDATE audit_chains SET number = 0",
    "UPDATE audit_chains SET cut_number = 1",
    "INSERT INTO audit_actions SELECT (jsonb_populate_record(a, '{\"number\": 9}')).* FROM audit_actions a",
)
PERSONAL = Actor(
    id="person:7", cipher=CIPHER, name="Ada Lovelace", address="203.0.113.7", user_agent="curl/8", request_id="r-1"
)


def test_what_is_rolled_back_leaves_no_trace(trail: Trail) -> None:
    with trail.db("console").transaction(project=trail.project) as tx:
        trail.record(tx, "source:a")
        tx.rollback()

    assert trail.numbers() == []


ACT_AND_DIE = """
import os, sys, uuid
from datetime import datetime, UTC
from oddline.audit import Action, Actor, record
from oddline.database import Database
from oddline.encryption import Cipher

url, project, key, when = sys.argv[1:]
actor, now = Actor(id="person:1", cipher=Cipher([key])), datetime.now(UTC)
project = uuid.UUID(project)
with Database(url, size=1).transaction(project=project) as tx:
    tx.execute("UPDATE projects SET retention_days = 7")
    record(tx, project=project, by=actor, action=Action.PROJECT_CHANGED, subject="project:x", now=now)
    if when == "before":
        os.kill(os.getpid(), 9)
    tx.commit()
    os.kill(os.getpid(), 9)
"""


@pytest.mark.parametrize(("killed", "days", "traces"), [("before", 30, 0), ("after", 7, 1)])
def test_a_process_killed_around_its_commit_leaves_action_and_trace_or_neither(
    trail: Trail, database_urls: dict[Side, str], killed: str, days: int, traces: int
) -> None:
    arguments = [database_urls["console"], str(trail.project), ENCRYPTION_KEY, killed]

    done = subprocess.run([sys.executable, "-c", ACT_AND_DIE, *arguments], cwd=Path(__file__).parents[3], check=False)

    assert done.returncode == -9
    assert trail.rows("SELECT retention_days FROM projects WHERE id = %s", trail.project) == [(days,)]
    assert len(trail.numbers()) == traces


def test_who_acts_for_people_writes_into_the_trail_and_what_takes_logs_does_not(trail: Trail) -> None:
    for side in READERS:
        trail.act(f"source:{side}", side=side)
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        trail.act("source:ingest", side="ingest")

    assert {subject for _, subject in trail.numbers()} == {"source:console", "source:search", "source:worker"}


def test_no_role_changes_or_deletes_what_stands_there(trail: Trail) -> None:
    trail.sealed("source:a")

    for side, statement in product(READERS, FORBIDDEN):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            trail.db(side).transaction(project=trail.project) as tx,
        ):
            tx.execute(statement)


def test_only_the_sealing_job_s_role_seals_and_cuts(trail: Trail) -> None:
    calls = ("SELECT seal_actions(%s, 0, '{}', '{}')", "SELECT cut_actions(%s, 0, 1, '')")

    for side, call in product(("ingest", "console", "search"), calls):
        with (
            pytest.raises(psycopg.errors.InsufficientPrivilege),
            trail.db(side).transaction(project=trail.project) as tx,  # type: ignore[arg-type]  # they are sides
        ):
            tx.execute(call, [trail.project])


def test_a_project_s_trail_is_neither_read_nor_written_from_another(trail: Trail, other_project: UUID) -> None:
    trail.act("source:a", by=PERSONAL)

    foreign = Trail(trail.db, trail.heads, other_project)

    assert foreign.views() == []
    with trail.db("console").transaction(project=other_project) as tx:
        assert tx.execute("SELECT count(*) FROM person_keys").fetchone() == (0,)
    with (
        pytest.raises(psycopg.errors.InsufficientPrivilege, match="row-level security"),
        trail.db("console").transaction(project=other_project) as tx,
    ):
        foreign.record(tx, "source:a", project=trail.project)


def test_what_names_a_person_stands_nowhere_in_the_clear(trail: Trail) -> None:
    trail.act("source:a", by=PERSONAL, note="asked for by Charles")

    [view] = trail.views()
    stored = str(trail.rows("SELECT a, k FROM audit_actions a, person_keys k"))
    assert (view["name"], view["address"], view["note"]) == ("Ada Lovelace", "203.0.113.7", "asked for by Charles")
    assert (view["actor"], view["details"]) == ("person:7", {"request_id": "r-1"})
    for personal in ("Ada", "203.0.113.7", "curl", "Charles"):
        assert personal not in stored
        assert personal.encode().hex() not in stored


def test_what_people_have_named_is_told_found_by_its_name_and_stands_nowhere_in_the_clear(trail: Trail) -> None:
    subject = audit.source_subject(trail.project, "app of Ada")
    trail.act(subject, by=OTHER, details={"threshold": 0.9}, named={"source": "app of Ada"})
    trail.act("source:app of Ada", by=OTHER)  # as once

    views = trail.views(subject="source:app of Ada")
    trail.tamper("DELETE FROM audit_actions WHERE subject = 'source:app of Ada'")

    assert [view["subject"] for view in views] == ["source:app of Ada", subject]
    assert views[1]["details"] == {"threshold": 0.9, "source": "app of Ada"}
    assert "app of Ada" not in str(trail.rows("SELECT a FROM audit_actions a"))
    assert trail.views(subject=subject) == [views[1]]


def test_who_has_changed_what_bears_an_erased_name_is_forgotten_with_it(trail: Trail) -> None:
    trail.act("source:1", by=PERSONAL, named={"source": "app of Charles"})
    trail.act("source:2", by=OTHER, named={"source": "app of nobody"})
    trail.seal()

    with trail.db("worker").transaction() as tx:
        gone = audit.forget_told_of(
            tx, trail.project, holds=lambda text: "Charles" in text, by=OTHER, now=trail.clock()
        )
    trail.seal()

    assert gone == [PERSONAL.id]
    assert [view["details"].get("source") for view in trail.views(actions=("source.changed",))] == [
        "app of nobody",
        None,
    ]
    assert trail.fault() is None


def test_words_of_ours_beside_what_people_have_named_forget_nobody(trail: Trail) -> None:
    trail.act("source:1", by=PERSONAL, named={"source": "checkout"})

    with trail.db("worker").transaction() as tx:
        gone = audit.forget_told_of(tx, trail.project, holds=lambda text: "source" in text, by=OTHER, now=trail.clock())

    assert gone == []


def test_a_person_has_one_key_however_often_they_act_at_once(trail: Trail) -> None:
    with trail.db("console").transaction(project=trail.project) as first:
        trail.record(first, "source:a")
        with trail.db("console").transaction(project=trail.project) as second:
            second.execute("SET LOCAL lock_timeout = '50ms'")
            with pytest.raises(psycopg.errors.LockNotAvailable):
                trail.record(second, "source:b")  # the first has yet to say whether there is a key
            second.rollback()
    trail.act("source:c")

    assert len(trail.rows("SELECT id FROM person_keys")) == 1


def test_without_its_keys_nothing_is_done_unseen(trail: Trail) -> None:
    trail.act("source:a", by=PERSONAL)

    for keys, error in (([], NotConfigured), (["another key altogether"], Undecipherable)):
        with pytest.raises(error):
            trail.act("source:b", by=Actor(id=PERSONAL.id, cipher=Cipher(keys)))

    assert trail.numbers() == [(None, "source:a")]


def test_keys_can_be_changed_without_losing_what_was_written(trail: Trail) -> None:
    trail.act("source:a", by=PERSONAL)
    newer = Cipher(["a key of later days", ENCRYPTION_KEY])

    trail.act("source:b", by=Actor(id=PERSONAL.id, cipher=newer, name="Ada King"))
    with trail.db("worker").transaction() as tx:
        renewed = [audit.renew_person_keys(tx, after=UUID(int=0), limit=9, cipher=newer)[1] for _ in range(2)]
    with trail.db("console").transaction(project=trail.project) as tx:
        newest = Cipher(["a key of later days"])
        entries = audit.list_actions(tx, trail.project, audit.Query(), cipher=newest, limit=9)

    assert renewed == [1, 0]
    assert [entry.view()["name"] for entry in entries] == ["Ada King", "Ada Lovelace"]


def test_a_forgotten_person_is_erased_and_the_chain_still_valid(trail: Trail) -> None:
    trail.act("source:a", by=PERSONAL, note="mine")
    trail.act("source:b", by=OTHER)
    trail.seal()

    with trail.db("worker").transaction() as tx:
        forgotten = audit.forget_person(tx, person=PERSONAL.id, by=OTHER, now=trail.clock())
    trail.seal()

    views = {view["subject"]: view for view in trail.views()}
    gone = views["source:a"]
    assert forgotten == [trail.project]
    assert {gone[name] for name in ("name", "address", "user_agent", "note", "sentence")} == {"erased"}
    assert (gone["erased"], gone["actor"], gone["action"]) == (True, PERSONAL.id, "source.changed")
    assert (views["source:b"]["name"], views[PERSONAL.id]["action"]) == ("other", "person.forgotten")
    assert trail.fault() is None


def test_who_was_forgotten_and_acts_again_gets_a_new_key(trail: Trail) -> None:
    trail.act("source:a", by=PERSONAL)
    with trail.db("worker").transaction() as tx:
        audit.forget_person(tx, person=PERSONAL.id, by=PERSONAL, now=trail.clock())

    trail.act("source:b", by=PERSONAL)

    assert [view["erased"] for view in trail.views()] == [False, False, True]
