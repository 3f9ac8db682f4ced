"""Tasks started on somebody's wish: whose, with what, and never another's."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest

from oddline.database import Database
from oddline.errors import Forbidden, InvalidParameter, UnknownTask
from oddline.settings import Side
from oddline.tasks import Catalogue, Payload, Queue, Schedule, Starter, TaskSpec, find, request

START = datetime(2026, 11, 22, 12, tzinfo=UTC)


class Wish(Payload):
    text: str


class WishOfAProject(Payload):
    project: UUID | None = None


def spec(name: str, *starters: Starter, **options: Any) -> TaskSpec:
    return TaskSpec(
        name=name,
        queue=Queue.DEFAULT,
        idempotency="it is a test",
        starters=frozenset(starters),
        **{"payload": Wish, "smoke": Wish(text=""), **options},
    )


CATALOGUE = Catalogue(
    [
        spec("of_the_system", Starter.SYSTEM),
        spec("of_admins", Starter.ADMIN),
        spec("of_members", Starter.MEMBER),
        spec("of_a_project", Starter.MEMBER, payload=WishOfAProject, smoke=WishOfAProject()),
        spec("in_function", Starter.SYSTEM, in_function=True, schedule=Schedule("rate(1 minute)")),
    ]
)


@pytest.fixture
def wish(db: Callable[[Side], Database], project: UUID) -> Callable[..., tuple[TaskSpec, UUID | None]]:
    def wish(
        name: str, starter: Starter, payload: Mapping[str, Any] | None = None, **options: Any
    ) -> tuple[TaskSpec, UUID | None]:
        with db("console").transaction(project=project) as tx:
            return request(
                tx,
                CATALOGUE,
                name=name,
                payload={"text": "go"} if payload is None else payload,
                starter=starter,
                project=project,
                now=START,
                **options,
            )

    return wish


def test_a_task_is_written_with_what_it_was_given(
    wish: Callable[..., Any], db: Callable[[Side], Database], project: UUID
) -> None:
    of_members, task_id = wish("of_members", Starter.MEMBER, {"text": "hello"})

    with db("worker").transaction() as tx:
        task = find(tx, task_id)
    assert task is not None
    assert (of_members.name, task.name, task.project) == ("of_members", "of_members", project)
    assert task.payload == {"text": "hello"}


def test_each_starts_what_is_theirs_and_what_is_of_those_below(wish: Callable[..., Any]) -> None:
    def may(name: str, starter: Starter) -> bool:
        try:
            wish(name, starter)
        except Forbidden:
            return False
        return True

    names = ["of_the_system", "of_admins", "of_members", "in_function"]
    assert [[may(name, starter) for name in names] for starter in Starter] == [
        [True, True, True, False],
        [False, True, True, False],
        [False, False, True, False],
    ]


def test_what_the_catalogue_does_not_have_is_unknown(wish: Callable[..., Any]) -> None:
    with pytest.raises(UnknownTask):
        wish("knitting", Starter.SYSTEM)


@pytest.mark.parametrize(
    ("payload", "field"),
    [({}, "payload.text"), ({"text": 1}, "payload.text"), ({"text": "", "more": 1}, "payload.more")],
)
def test_a_payload_that_does_not_fit_is_refused_by_its_field(
    wish: Callable[..., Any], payload: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidParameter) as refused:
        wish("of_members", Starter.MEMBER, payload)

    assert refused.value.extra["field"] == field


def test_a_nul_is_refused_and_its_name_is_not(wish: Callable[..., Any]) -> None:
    with pytest.raises(InvalidParameter):
        wish("of_members", Starter.MEMBER, {"text": "a\\\0"})

    assert wish("of_members", Starter.MEMBER, {"text": "a\\u0000"})


def test_a_payload_that_names_another_project_or_all_of_them_is_refused(
    wish: Callable[..., Any], project: UUID, other_project: UUID
) -> None:
    for whose in (str(other_project), None):
        with pytest.raises(Forbidden):
            wish("of_a_project", Starter.ADMIN, {"project": whose})

    assert wish("of_a_project", Starter.ADMIN, {"project": str(project)})
    assert wish("of_a_project", Starter.SYSTEM, {"project": None})


def test_a_payload_that_leaves_its_project_out_is_about_the_task_s_own(
    wish: Callable[..., Any], db: Callable[[Side], Database], project: UUID
) -> None:
    _, task_id = wish("of_a_project", Starter.MEMBER, {})

    with db("worker").transaction() as tx:
        assert find(tx, task_id).payload == {"project": str(project)}  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "starter", "told"),
    [
        ("of_admins", Starter.MEMBER, "of_admins may be started by the role admin, and not by the role member"),
        ("of_the_system", Starter.ADMIN, "of_the_system is started by Oddline itself and its operator alone"),
        ("in_function", Starter.SYSTEM, "in_function runs by itself, on its schedule: nobody starts it"),
    ],
)
def test_who_may_not_start_a_task_is_told_who_may(
    wish: Callable[..., Any], name: str, starter: Starter, told: str
) -> None:
    with pytest.raises(Forbidden) as refused:
        wish(name, starter)

    assert refused.value.detail == told


def test_a_second_one_with_the_same_key_is_not_written_while_the_first_waits(wish: Callable[..., Any]) -> None:
    first = wish("of_members", Starter.MEMBER, unique_key="one")
    second = wish("of_members", Starter.MEMBER, unique_key="one")

    assert (first[1] is not None, second[1]) == (True, None)
