"""From odd lines to a mail in somebody's inbox: one per submission, by what the project has set."""

from collections.abc import Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from inbox import Databases, Inbox

from oddline.catalogue import CATALOGUE
from oddline.identity import update_mail
from oddline.notifications import SEND_ANOMALY_MAIL, AnomalyMail, send_anomaly_mail
from oddline.objects import FolderObjects
from oddline.settings import Settings, load_settings
from oddline.submissions import entry_id
from oddline.tasks import Publisher, State, TaskContext, find, opened, run_task

SOURCE = "cart"
LINES = [f"{word} failed on host {word}" for word in ("disk", "network", "memory", "payment", "login")]


@pytest.fixture
def inbox(db: Databases, project: UUID, other_project: UUID, tmp_path: Path) -> Inbox:
    """In which every line that is new to its source is odd."""
    inbox = Inbox(db=db, objects=FolderObjects(tmp_path))
    for one in (project, other_project):
        inbox.set_threshold(one, SOURCE, 0.0)
    return inbox


@pytest.fixture
def context(db: Databases, redis_url: str, inbox: Inbox, tmp_path: Path) -> Iterator[TaskContext]:
    publisher = Publisher(redis_url)
    yield TaskContext(
        db=db("worker"),
        objects=inbox.objects,
        publisher=publisher,
        settings=Settings(_env_file=None, home=tmp_path),  # type: ignore[call-arg]
        catalogue=CATALOGUE,
        worker="test",
        clock=inbox.clock,
    )
    publisher.close()


def mail_to(inbox: Inbox, project: UUID, *recipients: str, minimum_score: float = 0.0) -> None:
    with inbox.db("worker").transaction() as tx:
        update_mail(tx, project, recipients=recipients, minimum_score=minimum_score)


def submit(inbox: Inbox, project: UUID, *messages: str) -> UUID:
    return inbox.submit(project, *({"message": message, "source": SOURCE} for message in messages))


def score(inbox: Inbox) -> list[UUID]:
    return [mail for scored in inbox.score() for mail in scored.mails]


def read(inbox: Inbox, mail: UUID) -> AnomalyMail:
    return AnomalyMail.model_validate(opened(inbox.task(mail), load_settings().cipher()).payload)


def test_a_submission_with_odd_lines_is_told_in_one_mail(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org")
    submission = submit(inbox, project, *LINES)

    [mail] = score(inbox)

    told, task = read(inbox, mail), inbox.task(mail)
    assert (task.name, task.state, task.project) == ("send_anomaly_mail", State.PENDING, project)
    assert (told.project_name, told.submission_id, told.recipients) == ("first", submission, ("ops@example.org",))
    assert told.total == len(told.lines) == len(LINES)


def test_its_lines_say_what_was_stored_the_oddest_first(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org")
    submission = submit(inbox, project, *LINES)

    [mail] = score(inbox)

    stored = {entry_id(submission, row["index"]): row for row in inbox.entries(project).iter_rows(named=True)}
    lines = read(inbox, mail).lines
    assert [line.score for line in lines] == sorted((line.score for line in lines), reverse=True)
    for line in lines:
        row = stored[line.entry_id]
        assert (line.message, line.source, line.timestamp) == (row["message"], SOURCE, row["timestamp"])
        assert line.score == pytest.approx(row["score"])
        assert "".join(text for text, _ in line.tokens) == line.message


def test_of_many_odd_lines_the_twenty_oddest_are_shown_and_all_are_counted(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org")
    submit(inbox, project, *(f"{letter}{letter} failed" for letter in "abcdefghijklmnopqrstuvwxyz"))

    [mail] = score(inbox)

    shown = [line.score for line in read(inbox, mail).lines]
    assert (read(inbox, mail).total, len(shown)) == (26, 20)
    assert shown == pytest.approx(sorted(inbox.entries(project)["score"], reverse=True)[:20])


def test_each_submission_of_a_claim_gets_its_own_mail(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org")
    first, second = submit(inbox, project, *LINES[:2]), submit(inbox, project, *LINES[2:])

    mails = score(inbox)

    told = {read(inbox, mail).submission_id: read(inbox, mail).total for mail in mails}
    assert told == {first: 2, second: 3}


def test_only_lines_from_the_projects_minimum_score_on_are_told(
    inbox: Inbox, project: UUID, other_project: UUID
) -> None:
    submit(inbox, project, *LINES)
    score(inbox)
    scores = sorted(inbox.entries(project)["score"])

    mail_to(inbox, other_project, "ops@example.org", minimum_score=scores[2])
    submit(inbox, other_project, *LINES)
    [mail] = score(inbox)

    assert read(inbox, mail).total == sum(one >= scores[2] for one in scores)
    assert min(line.score for line in read(inbox, mail).lines) == pytest.approx(scores[2])


def test_below_the_minimum_score_nobody_gets_mail(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org", minimum_score=1.0)
    submit(inbox, project, *LINES)

    assert score(inbox) == []


def test_a_project_without_recipients_gets_no_mail(inbox: Inbox, project: UUID, other_project: UUID) -> None:
    mail_to(inbox, other_project, "ops@example.org")
    submit(inbox, project, *LINES)

    assert score(inbox) == []
    assert inbox.rows("SELECT count(*) FROM tasks") == [(0,)]


def test_lines_that_are_not_odd_call_for_no_mail(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org")
    inbox.set_threshold(project, SOURCE, 1.0)
    submit(inbox, project, *LINES)

    assert score(inbox) == []


def test_a_long_line_makes_no_long_mail(inbox: Inbox, project: UUID) -> None:
    mail_to(inbox, project, "ops@example.org")
    submit(inbox, project, *(f"{line} " + "a1b2 c3d4, " * 10_000 for line in LINES))

    [mail] = score(inbox)

    [(size,)] = inbox.rows("SELECT length(payload::text) FROM tasks WHERE id = %s", mail)
    assert size < 100_000
    assert all("".join(text for text, _ in line.tokens) == line.message for line in read(inbox, mail).lines)


@pytest.mark.both_postgres
def test_a_mail_reaches_its_recipient_once(inbox: Inbox, context: TaskContext, project: UUID, tmp_path: Path) -> None:
    mail_to(inbox, project, "ops@example.org")
    submit(inbox, project, *LINES)
    [mail] = score(inbox)

    for _ in range(2):
        run_task(SEND_ANOMALY_MAIL, send_anomaly_mail, task_id=mail, context=context)

    [file] = (tmp_path / "mail").glob("*.eml")
    sent: Any = message_from_bytes(file.read_bytes(), policy=policy.default)
    text = sent.get_body(["plain"]).get_content()
    assert (sent["To"], sent["Subject"]) == ("ops@example.org", "first: 5 odd lines")
    assert "host" in text
    with inbox.db("console").transaction(project=project) as tx:
        task = find(tx, mail)
    assert task is not None
    task = opened(task, load_settings().cipher())
    assert (task.state, task.result, task.attempt) == (State.SUCCESS, {"sent": 1, "refused": 0}, 1)
