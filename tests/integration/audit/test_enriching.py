"""What is added to a row later: names, networks, sentences; and that its failure costs no row anything."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import redis
from acting import CIPHER, ENCRYPTION_KEY, OTHER
from trail import Trail

from functions.parts import Parts
from functions.schedules import app as schedules
from oddline import audit
from oddline.audit import PROCESS_USER_ACTION, Actor, process_user_action, source_subject
from oddline.audit.enriching import network_of
from oddline.catalogue import CATALOGUE
from oddline.identity import Role, add_member, create_key, person_id
from oddline.objects import FolderObjects
from oddline.settings import Settings
from oddline.submissions import new_id
from oddline.tasks import NoPayload, Publisher, TaskContext


@pytest.fixture
def context(trail: Trail, redis_url: str, tmp_path: Path) -> Iterator[TaskContext]:
    """What a worker gives the task."""
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=trail.db("worker"),
        objects=FolderObjects(tmp_path),
        publisher=publisher,
        settings=Settings(_env_file=None, encryption_keys=ENCRYPTION_KEY),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="w",
        clock=trail.clock,
    )
    publisher.close()


def key_actor(trail: Trail) -> Actor:
    key = new_id()
    create_key(trail.db("worker"), project=trail.project, name="deploy", key_id=key, now=trail.clock())
    return Actor(id=f"key:{key}", cipher=CIPHER, address="203.0.113.7")


def test_a_row_gets_the_key_s_name_the_network_and_a_sentence(trail: Trail, context: TaskContext) -> None:
    subject = source_subject(trail.project, "checkout")
    trail.act(subject, by=key_actor(trail), details={"threshold": 0.9}, named={"source": "checkout"})
    trail.seal()

    done = [process_user_action(NoPayload(), context) for _ in range(2)]

    [view] = trail.views()
    assert done == [{"enriched": 1}, {"enriched": 0}]
    assert (view["name"], view["network"]) == ("deploy", "203.0.113.0/24")
    assert view["sentence"] == "deploy changed how source checkout is judged (threshold 0.9)"
    assert trail.fault() is None


def test_a_member_of_the_project_is_named_by_their_address(trail: Trail, context: TaskContext) -> None:
    issuer, usual = "https://login.example.org", {"issuer": "https://login.example.org", "role": Role.ADMIN}
    for subject, project in (("ada", trail.project), ("eve", trail.project)):
        member = {"subject": subject, "email": None, "member_id": new_id(), "now": trail.clock()}
        add_member(trail.db("owner"), project=project, **usual | member)
    trail.tamper("UPDATE members SET email = 'ada@example.org' WHERE subject = 'ada'")
    for subject in ("ada", "eve", "nobody"):
        trail.act(f"source:{subject}", by=Actor(id=f"person:{person_id(issuer, subject)}", cipher=CIPHER))
    trail.seal()

    process_user_action(NoPayload(), context)

    assert [view["name"] for view in reversed(trail.views())] == ["ada@example.org", "eve", None]


def test_a_row_that_cannot_be_enriched_is_passed_over_and_stays(trail: Trail, context: TaskContext) -> None:
    trail.act("source:a", by=OTHER)
    trail.act("source:b", by=key_actor(trail))
    trail.tamper("UPDATE person_keys SET wrapped_key = 'broken' WHERE person = 'operator:other'")
    trail.seal()

    done = process_user_action(NoPayload(), context)

    rows = trail.rows(
        "SELECT e.error FROM audit_enrichments e JOIN audit_actions a ON a.id = e.action_id ORDER BY a.number"
    )
    assert done == {"enriched": 2}
    assert ["none of the keys" in (error or "") for (error,) in rows] == [True, False]
    assert trail.fault() is None


def test_a_forgotten_person_s_enrichment_is_erased_with_the_row(trail: Trail, context: TaskContext) -> None:
    actor = key_actor(trail)
    trail.act("source:a", by=actor)
    trail.seal()
    process_user_action(NoPayload(), context)

    with trail.db("worker").transaction() as tx:
        audit.forget_person(tx, person=actor.id, by=OTHER, now=trail.clock())

    gone = trail.views(subject="source:a")[0]
    assert {gone[name] for name in ("name", "network", "sentence")} == {"erased"}
    assert "deploy" not in str(trail.rows("SELECT personal FROM audit_enrichments"))


def test_the_schedule_seals_and_wakes_what_enriches(
    trail: Trail, context: TaskContext, redis_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    trail.act("source:a")
    parts = Parts(context.settings, context.db, context.publisher, context.objects, clock=trail.clock)
    monkeypatch.setattr(schedules, "heads", lambda: trail.heads)

    sealed = schedules.IN_FUNCTION["seal_audit"](parts)

    assert sealed == {"sealed": 1, "heads": 1, "cut": 0}
    with redis.Redis.from_url(redis_url) as connection:
        [message] = connection.lrange(PROCESS_USER_ACTION.queue, 0, -1)
    assert json.loads(message)["headers"]["task"] == "process_user_action"


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.7", "203.0.113.0/24"),
        ("2001:db8:1:2::7", "2001:db8:1::/48"),
        ("testclient", None),
        ("", None),
    ],
)
def test_an_address_has_a_network(address: str, network: str | None) -> None:
    assert network_of(address) == network
