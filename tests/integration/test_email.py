"""Mail goes out by SMTP, SES or into a folder, once to each recipient, and what went wrong is remembered."""

import json
import socket
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime
from email import message_from_bytes, message_from_string
from email.policy import default
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from uuid import UUID

import boto3
import pytest
from moto.ses.models import ses_backends
from smtp_server import Mailbox, certificate, smtp_server

from oddline.database import Database
from oddline.errors import DeliveryFailed, DeliveryRefused, NotConfigured, NotFound
from oddline.notifications import (
    SEND_EMAIL,
    TASKS,
    AnomalyLine,
    AnomalyMail,
    EmailPayload,
    send_anomaly_mail,
    send_email,
)
from oddline.notifications.channels.email import smtp
from oddline.objects import FolderObjects
from oddline.settings import Settings, Side
from oddline.submissions import new_id
from oddline.tasks import Catalogue, Publisher, TaskContext, enqueue

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
AWS_REGION = "eu-central-1"

Connect = Callable[[Side], Database]
Outcome = tuple[list[str], str, str]


@pytest.fixture
def mailbox() -> Iterator[Mailbox]:
    with smtp_server() as mailbox:
        yield mailbox


@pytest.fixture
def context(db: Connect, project: UUID, tmp_path: Path) -> TaskContext:
    """Of a task in the ledger; nothing to send mail by is configured."""
    return TaskContext(
        db=db("worker"),
        objects=FolderObjects(tmp_path / "objects"),
        publisher=Publisher("redis://127.0.0.1:1/0"),
        settings=Settings(home=tmp_path, mail_from="Odd Line <odd@line.example>"),
        catalogue=Catalogue(TASKS),
        worker="test",
        clock=lambda: NOW,
        task_id=start(db("worker"), project=project),
    )


def start(db: Database, *, project: UUID | None) -> UUID:
    task_id = new_id()
    with db.transaction() as tx:
        enqueue(tx, SEND_EMAIL, email(), task_id=task_id, project=project, now=NOW)
    return task_id


def by(context: TaskContext, **settings: Any) -> TaskContext:
    return replace(context, settings=context.settings.model_copy(update=settings))


def email(*recipients: str) -> EmailPayload:
    return EmailPayload(recipients=recipients, subject="Hello", text="plain\n", html="<p>rich</p>\n")


def outcomes(context: TaskContext) -> list[Outcome]:
    with context.db.transaction() as tx:
        rows = tx.execute(
            "SELECT sealed, state FROM deliveries WHERE task_id = %s ORDER BY state DESC", [context.task_id]
        ).fetchall()
    told = [(json.loads(context.settings.cipher().decrypt(sealed.encode())), state) for sealed, state in rows]
    return [(one["recipients"], state, one["detail"]) for one, state in told]


# What arrives


def test_a_mail_arrives_whole_over_smtp(context: TaskContext, mailbox: Mailbox) -> None:
    result = send_email(email("a@x.example", "b@x.example"), by(context, smtp_url=mailbox.url))

    [(recipients, mail, _)] = mailbox.taken
    plain, rich = mail.get_body(("plain",)), mail.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert result == {"sent": 2, "refused": 0}
    assert recipients == ["a@x.example", "b@x.example"]
    assert (mail["From"], mail["To"]) == ("Odd Line <odd@line.example>", "a@x.example, b@x.example")
    assert (mail["Subject"], mail["Date"].datetime) == ("Hello", NOW)
    assert (plain.get_content().strip(), rich.get_content().strip()) == ("plain", "<p>rich</p>")
    assert outcomes(context) == [(["a@x.example", "b@x.example"], "sent", "")]


def test_the_mail_on_odd_lines_arrives_with_their_tokens(context: TaskContext, mailbox: Mailbox) -> None:
    line = AnomalyLine(
        entry_id=new_id(),
        timestamp=NOW,
        severity="ERROR",
        source="kernel",
        message="kernel panic: ఖాళీ లేదు\n.\n.x",
        score=0.99,
        threshold=0.9,
        tokens=(("kernel ", 0.1), ("panic", 2.0), (": ఖాళీ లేదు\n.\n.x", 0.1)),
        pattern="kernel panic: <*>",
    )
    payload = AnomalyMail(
        project_name="shop",
        submission_id=new_id(),
        recipients=("a@x.example",),
        total=40,
        minimum_score=0.9,
        lines=(line,),
    )

    send_anomaly_mail(payload, by(context, smtp_url=mailbox.url))

    [(_, mail, _)] = mailbox.taken
    plain = mail.get_body(("plain",))
    assert plain is not None
    assert mail["Subject"] == "shop: 40 odd lines"
    assert "    | kernel **panic**: ఖాళీ లేదు\n    | .\n    | .x\n" in plain.get_content().replace("\r\n", "\n")


def test_a_list_longer_than_a_mail_may_have_goes_out_in_several(context: TaskContext, mailbox: Mailbox) -> None:
    everybody = [f"p{number}@x.example" for number in range(120)]

    result = send_email(email(*everybody, "p0@x.example"), by(context, smtp_url=mailbox.url))

    assert result == {"sent": 120, "refused": 0}
    assert mailbox.reached == everybody
    assert len({mail["Message-ID"] for _, mail, _ in mailbox.taken}) == 3


# Once


def test_a_task_that_runs_twice_sends_once(context: TaskContext, mailbox: Mailbox) -> None:
    context = by(context, smtp_url=mailbox.url)

    results = [send_email(email("a@x.example"), context) for _ in range(2)]

    assert results == [{"sent": 1, "refused": 0}] * 2
    assert mailbox.reached == ["a@x.example"]


def test_a_double_after_a_crash_bears_the_same_message_id(context: TaskContext, mailbox: Mailbox) -> None:
    context = by(context, smtp_url=mailbox.url)

    send_email(email("a@x.example"), context)
    with context.db.transaction() as tx:
        tx.execute("DELETE FROM deliveries")  # as if the worker died before it could note it
    send_email(email("a@x.example"), context)

    assert [mail["Message-ID"] for _, mail, _ in mailbox.taken] == [f"<{context.task_id}@line.example>"] * 2


def test_a_goodbye_that_fails_does_not_send_the_mail_again(context: TaskContext, mailbox: Mailbox) -> None:
    mailbox.to_quit = "421 too busy to say goodbye"

    result = send_email(email("a@x.example"), by(context, smtp_url=mailbox.url))

    assert result == {"sent": 1, "refused": 0}


# What the server turns down


def test_recipients_that_are_refused_keep_nobody_else_from_the_mail(context: TaskContext, mailbox: Mailbox) -> None:
    mailbox.to_recipient["gone@x.example"] = "550 no such user"

    result = send_email(
        email("a@x.example", "gone@x.example", "not an address", "b@x.example"), by(context, smtp_url=mailbox.url)
    )

    assert result == {"sent": 2, "refused": 2}
    assert mailbox.reached == ["a@x.example", "b@x.example"]
    reasons = "not an address: not an address; gone@x.example: 550 no such user"
    assert outcomes(context) == [
        (["a@x.example", "b@x.example"], "sent", ""),
        (["not an address", "gone@x.example"], "failed", reasons),
    ]


def test_a_deferred_recipient_is_tried_again_and_the_others_are_not(context: TaskContext, mailbox: Mailbox) -> None:
    context = by(context, smtp_url=mailbox.url)
    mailbox.to_recipient["grey@x.example"] = "451 greylisted"

    with pytest.raises(DeliveryFailed, match="451 greylisted"):
        send_email(email("a@x.example", "grey@x.example"), context)
    mailbox.to_recipient.clear()
    result = send_email(email("a@x.example", "grey@x.example"), context)

    assert result == {"sent": 2, "refused": 0}
    assert mailbox.reached == ["a@x.example", "grey@x.example"]


def test_where_the_server_ends_the_session_nobody_counts_as_reached(context: TaskContext, mailbox: Mailbox) -> None:
    context = by(context, smtp_url=mailbox.url)
    mailbox.to_recipient["b@x.example"] = "421 shutting down"

    with pytest.raises(DeliveryFailed, match="421"):
        send_email(email("a@x.example", "b@x.example"), context)
    mailbox.to_recipient.clear()
    send_email(email("a@x.example", "b@x.example"), context)

    assert mailbox.reached == ["a@x.example", "b@x.example"]


@pytest.mark.parametrize(
    ("answer", "error"), [("452 disk full", DeliveryFailed), ("554 looks like spam", DeliveryRefused)]
)
def test_a_mail_turned_down_is_tried_again_only_where_that_may_help(
    context: TaskContext, mailbox: Mailbox, answer: str, error: type[Exception]
) -> None:
    mailbox.to_data = answer

    with pytest.raises(error, match=answer):
        send_email(email("a@x.example"), by(context, smtp_url=mailbox.url))

    [(recipients, state, detail)] = outcomes(context)
    assert (recipients, state) == (["a@x.example"], "failed")
    assert answer in detail


def test_nobody_to_be_reached_is_for_good(context: TaskContext, mailbox: Mailbox) -> None:
    mailbox.to_recipient["gone@x.example"] = "550 no such user"

    with pytest.raises(DeliveryRefused, match="550 no such user"):
        send_email(email("gone@x.example", "nonsense"), by(context, smtp_url=mailbox.url))


def test_a_server_that_is_not_there_may_come_back(context: TaskContext) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))

        with pytest.raises(DeliveryFailed):
            send_email(email("a@x.example"), by(context, smtp_url=f"smtp://127.0.0.1:{unused.getsockname()[1]}"))


def test_a_server_that_says_nothing_is_left(context: TaskContext, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smtp, "TIMEOUT_S", 0.2)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}"

        with pytest.raises(DeliveryFailed, match="timed out"):
            send_email(email("a@x.example"), by(context, smtp_url=url))


# Secrecy


def test_starttls_is_used_where_it_is_offered(
    context: TaskContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    trusted, tls = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    with smtp_server(tls_context=tls, login=True) as mailbox:
        url = mailbox.url.replace("//", "//user:p%40ss%2Fword@")
        send_email(email("a@x.example"), by(context, smtp_url=url))

    assert [over_tls for _, _, over_tls in mailbox.taken] == [True]
    assert mailbox.logins == [b"p@ss/word"]


def test_smtps_speaks_tls_from_the_start(context: TaskContext, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    trusted, tls = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(trusted))

    with smtp_server(ssl_context=tls) as mailbox:
        send_email(email("a@x.example"), by(context, smtp_url=f"smtps://127.0.0.1:{mailbox.port}"))

    assert mailbox.reached == ["a@x.example"]


def test_a_certificate_that_nobody_vouches_for_is_not_taken(context: TaskContext, tmp_path: Path) -> None:
    _, tls = certificate(tmp_path)

    with smtp_server(tls_context=tls) as mailbox, pytest.raises(DeliveryFailed, match="certificate"):
        send_email(email("a@x.example"), by(context, smtp_url=mailbox.url))


@pytest.mark.parametrize("url", ["smtp://user:secret@127.0.0.1:{}", "smtp://127.0.0.1:{}?starttls=required"])
def test_nothing_secret_goes_to_a_server_without_tls(context: TaskContext, mailbox: Mailbox, url: str) -> None:
    with pytest.raises(DeliveryRefused, match="STARTTLS"):
        send_email(email("a@x.example"), by(context, smtp_url=url.format(mailbox.port)))

    assert mailbox.taken == []


def test_a_wrong_password_is_for_good(context: TaskContext) -> None:
    with smtp_server(login=True, auth_require_tls=False) as mailbox:
        url = f"smtp://user:wrong@127.0.0.1:{mailbox.port}?starttls=off"

        with pytest.raises(DeliveryRefused, match="535") as told:
            send_email(email("a@x.example"), by(context, smtp_url=url))

    assert "wrong" not in str(told.value)


@pytest.mark.parametrize(
    "url", ["http://u:secret@x", "smtp://", "mail.x", "smtp://u:secret@x:99999", "smtp://u:secret@x?starttls=maybe"]
)
def test_a_url_that_is_none_is_told_without_its_password(context: TaskContext, url: str) -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_SMTP_URL") as told:
        send_email(email("a@x.example"), by(context, smtp_url=url))

    assert "secret" not in str(told.value)


# SES


@pytest.fixture
def ses_url(aws_url: str, credentials: None) -> Iterator[str]:
    yield aws_url
    ses_backends.reset()


@pytest.fixture
def credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")


def test_a_mail_arrives_at_ses(context: TaskContext, ses_url: str) -> None:
    client = boto3.client("sesv2", region_name=AWS_REGION, endpoint_url=ses_url)
    client.create_email_identity(EmailIdentity="odd@line.example")

    result = send_email(email("a@x.example"), by(context, ses_region=AWS_REGION, aws_endpoint_url=ses_url))

    [sent] = ses_backends["123456789012"][AWS_REGION].sent_messages
    mail = message_from_string(sent.raw_data, policy=default)
    assert result == {"sent": 1, "refused": 0}
    assert (sent.source, set(sent.destinations)) == ("odd@line.example", {"a@x.example"})
    assert (mail["Subject"], mail["Message-ID"]) == ("Hello", f"<{context.task_id}@line.example>")


def test_a_sender_that_ses_does_not_know_is_refused_for_good(context: TaskContext, ses_url: str) -> None:
    with pytest.raises(DeliveryRefused, match="MessageRejected"):
        send_email(email("a@x.example"), by(context, ses_region=AWS_REGION, aws_endpoint_url=ses_url))


@pytest.mark.parametrize(
    ("status", "code", "error"),
    [
        (429, "TooManyRequestsException", DeliveryFailed),
        (400, "SendingPausedException", DeliveryFailed),
        (500, "InternalFailure", DeliveryFailed),
        (403, "AccessDeniedException", DeliveryRefused),
    ],
)
@pytest.mark.usefixtures("credentials")
def test_what_ses_says_decides_whether_it_is_tried_again(
    context: TaskContext, status: int, code: str, error: type[Exception]
) -> None:
    asked = []

    class Answer(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self.send_response(status)
            self.send_header("x-amzn-ErrorType", code)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"

        with pytest.raises(error, match=code):
            send_email(email("a@x.example"), by(context, ses_region=AWS_REGION, aws_endpoint_url=url))

        server.shutdown()
        thread.join()
    assert len(asked) == 1


@pytest.mark.usefixtures("credentials")
def test_an_ses_that_is_not_there_may_come_back(context: TaskContext) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}"

        with pytest.raises(DeliveryFailed, match="SES"):
            send_email(email("a@x.example"), by(context, ses_region=AWS_REGION, aws_endpoint_url=url))


# The folder


def test_where_nothing_is_configured_mail_goes_into_a_folder(context: TaskContext) -> None:
    send_email(email("a@x.example"), context)

    [file] = (context.settings.home / "mail").iterdir()
    mail = message_from_bytes(file.read_bytes(), policy=default)
    assert file.name == f"{context.task_id}@line.example.eml"
    assert (mail["To"], mail["Subject"]) == ("a@x.example", "Hello")


def test_a_folder_that_cannot_be_written_may_be_mended(context: TaskContext) -> None:
    (context.settings.home / "mail").write_text("a file in its place")

    with pytest.raises(DeliveryFailed):
        send_email(email("a@x.example"), context)


# The deliveries


def test_a_project_sees_its_own_deliveries_alone(
    context: TaskContext, db: Connect, project: UUID, other_project: UUID
) -> None:
    send_email(email("a@x.example"), context)

    def seen_by(viewer: UUID) -> int:
        with db("console").transaction(project=viewer) as tx:
            return len(tx.execute("SELECT * FROM deliveries").fetchall())

    assert (seen_by(project), seen_by(other_project)) == (1, 0)


def test_a_mail_of_no_project_is_sent_and_noted(context: TaskContext) -> None:
    context = replace(context, task_id=start(context.db, project=None))

    send_email(email("a@x.example"), context)

    assert outcomes(context) == [(["a@x.example"], "sent", "")]


def test_without_a_task_in_the_ledger_nothing_is_sent(context: TaskContext) -> None:
    with pytest.raises(NotFound):
        send_email(email("a@x.example"), replace(context, task_id=new_id()))

    assert not (context.settings.home / "mail").exists()


def test_nobody_to_send_to_is_fine(context: TaskContext) -> None:
    assert send_email(email(), context) == {"sent": 0, "refused": 0}
