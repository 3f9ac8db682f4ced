"""A schedule has the rights that whoever made it has when it fires, and none that they had when they made it."""

from datetime import timedelta
from uuid import UUID

import pytest
from reading import Databases
from scheduling import START, administrator, as_kept, runs, scheduled, tasks_of

from oddline.catalogue import CATALOGUE
from oddline.identity import Role, add_member, change_role, person_id, remove_member, revoke_key
from oddline.ids import new_id
from oddline.schedules import UserSchedule, change, fire, resume
from oddline.tasks import Publisher, Starter, raised_alerts

ELEVEN = START.replace(hour=11, minute=0, second=0)
HOUR = timedelta(hours=1)
ISSUER = "https://login.example.org"
ADA = f"person:{person_id(ISSUER, 'ada')}"


class Fired:
    """Schedules of a project, and what becomes of them."""

    def __init__(self, db: Databases, redis_url: str, project: UUID) -> None:
        self.db, self.project, self.publisher = db, project, Publisher(redis_url)

    def fire(self, schedule: UserSchedule, *, hours: int = 0) -> bool:
        now = ELEVEN + hours * HOUR
        return fire(self.db("worker"), self.publisher, schedule.id, catalogue=CATALOGUE, now=now) is not None

    def member(self, role: Role = Role.ADMIN) -> UUID:
        member = add_member(
            self.db("console"), project=self.project, issuer=ISSUER, subject="ada", email=None, role=role,
            member_id=new_id(), now=START,
        )  # fmt: skip
        return member.id

    def is_refused(self, schedule: UserSchedule, *, hours: int = 0) -> bool:
        """Whether it starts nothing, says so in its run and to operators, and is paused."""
        assert not self.fire(schedule, hours=hours)
        kept = as_kept(self.db, schedule)
        with self.db("worker").transaction() as tx:
            alerts = [(alert.kind, alert.subject) for alert in raised_alerts(tx)]
        assert ("schedule_refused", str(schedule.id)) in alerts
        return (str(kept.state), kept.next_at, runs(self.db, schedule)[-1][1]) == ("paused", None, "refused")


@pytest.fixture
def fired(db: Databases, redis_url: str, project: UUID) -> Fired:
    return Fired(db, redis_url, project)


def key_of(schedule: UserSchedule) -> UUID:
    return UUID(schedule.actor.removeprefix("key:"))


def test_a_schedule_of_a_key_that_was_revoked_is_refused_and_paused(fired: Fired) -> None:
    schedule = scheduled(fired.db, fired.project)
    assert fired.fire(schedule)

    revoke_key(fired.db("console"), key_of(schedule), project=fired.project, now=ELEVEN)

    assert fired.is_refused(schedule, hours=1)
    assert len(tasks_of(fired.db, fired.project)) == 1


def test_a_schedule_of_a_key_that_has_expired_or_is_gone_is_refused(fired: Fired) -> None:
    schedule = scheduled(fired.db, fired.project)
    with fired.db("worker").transaction() as tx:
        tx.execute("DELETE FROM api_keys WHERE id = %s", [key_of(schedule)])

    assert fired.is_refused(schedule)


def test_another_project_s_key_gives_no_rights(fired: Fired, other_project: UUID) -> None:
    schedule = scheduled(fired.db, fired.project, actor=administrator(fired.db, other_project))

    assert fired.is_refused(schedule)


def test_a_schedule_of_a_person_who_was_removed_or_may_less_is_refused(fired: Fired) -> None:
    member = fired.member()
    first, second = scheduled(fired.db, fired.project, actor=ADA), scheduled(fired.db, fired.project, actor=ADA)
    assert fired.fire(first)

    change_role(fired.db("console"), member, project=fired.project, role=Role.MEMBER)
    assert fired.is_refused(first, hours=1)
    remove_member(fired.db("console"), member, project=fired.project)

    assert not fired.fire(second)
    assert str(as_kept(fired.db, second).state) == "paused"


def test_a_role_that_came_by_a_claim_is_trusted_for_thirty_days(fired: Fired) -> None:
    schedule = scheduled(fired.db, fired.project, actor=ADA)

    assert fired.fire(schedule, hours=29 * 24)

    assert fired.is_refused(schedule, hours=30 * 24)


def test_whoever_resumes_or_changes_it_lends_it_their_rights(fired: Fired) -> None:
    schedule = scheduled(fired.db, fired.project)
    revoke_key(fired.db("console"), key_of(schedule), project=fired.project, now=START)
    assert fired.is_refused(schedule)
    other = administrator(fired.db, fired.project)

    with fired.db("console").transaction(project=fired.project) as tx:
        resume(tx, schedule.id, starter=Starter.ADMIN, actor=other, now=ELEVEN + timedelta(minutes=1))
    resumed = fired.fire(schedule, hours=1)
    revoke_key(fired.db("console"), UUID(other.removeprefix("key:")), project=fired.project, now=START)
    third = administrator(fired.db, fired.project)
    with fired.db("console").transaction(project=fired.project) as tx:
        change(
            tx, schedule.id, {"name": "another"},
            starter=Starter.ADMIN, actor=third, catalogue=CATALOGUE, now=ELEVEN + HOUR,
        )  # fmt: skip

    assert (resumed, fired.fire(schedule, hours=2)) == (True, True)
    assert as_kept(fired.db, schedule).actor == third
