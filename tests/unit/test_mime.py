"""Mails are made so that nothing in a message can become a header, and every server can take them."""

from datetime import UTC, datetime
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default

import pytest

from oddline.errors import NotConfigured
from oddline.notifications import Message
from oddline.notifications.channels.email.mime import compose, is_address, sender_address

NOW = datetime(2026, 11, 1, 12, 0, tzinfo=UTC)


def sent(*, subject: str = "s", text: str = "t", html: str | None = None, sender: str = "o@x.example") -> EmailMessage:
    message = Message(message_id="id-1", recipients=("a@b.example",), subject=subject, text=text, html=html)
    mail = compose(message, recipients=["a@b.example", "c@d.example"], sender=sender_address(sender), now=NOW)
    parsed = message_from_bytes(mail.as_bytes(), policy=default)
    assert isinstance(parsed, EmailMessage)
    return parsed


def test_a_mail_has_every_header_that_it_needs() -> None:
    mail = sent(sender="Odd Line <o@x.example>")

    assert dict(mail.items()) == {
        "From": "Odd Line <o@x.example>",
        "To": "a@b.example, c@d.example",
        "Subject": "s",
        "Date": "Sun, 01 Nov 2026 12:00:00 +0000",
        "Message-ID": "<id-1@x.example>",
        "Auto-Submitted": "auto-generated",
        "Content-Type": 'text/plain; charset="utf-8"',
        "Content-Transfer-Encoding": "7bit",
        "MIME-Version": "1.0",
    }


@pytest.mark.parametrize("end", ["\r\n", "\n", "\r", "\x0b", "\x0c", "\x85", "\u2028", "\x00"])
def test_a_subject_cannot_become_another_header(end: str) -> None:
    mail = sent(subject=f"hello{end}Bcc: spy@example.org{end}{end}body")

    assert "Bcc" not in mail
    assert mail["Subject"].split() == ["hello", "Bcc:", "spy@example.org", "body"] or end == "\x00"


def test_a_subject_of_any_script_and_length_arrives() -> None:
    subject = "ఖాళీ లేదు " * 15

    short, long = sent(subject=subject)["Subject"], sent(subject=subject * 10)["Subject"]

    # Some versions of Python lose a space where they fold such a header.
    assert short.replace(" ", "") == subject.replace(" ", "")
    assert long.endswith("…")
    assert len(long) <= 200


def test_both_bodies_arrive_as_they_were_and_within_what_every_server_takes() -> None:
    text, html = "é" * 3_000 + "\n.\nFrom me\n", "<p>" + "<b>ö</b>" * 3_000 + "</p>\n"
    message = Message(message_id="id", recipients=("a@b.example",), subject="s", text=text, html=html)

    raw = compose(message, recipients=["a@b.example"], sender=sender_address("o@x"), now=NOW).as_bytes()

    parsed = message_from_bytes(raw, policy=default)
    assert isinstance(parsed, EmailMessage)
    plain, rich = parsed.get_body(("plain",)), parsed.get_body(("html",))
    assert plain is not None
    assert rich is not None
    assert [body.get_content().replace("\r\n", "\n") for body in (plain, rich)] == [text, html]
    assert raw.isascii()
    assert max(map(len, raw.split(b"\r\n"))) <= 998


@pytest.mark.parametrize("text", ["a@b", "oddline@localhost", "first.last+tag@mail.example.org", "o'neil@x.example"])
def test_an_address_is_one(text: str) -> None:
    assert is_address(text)


@pytest.mark.parametrize(
    "text",
    [
        *[
            "",
            "a",
            "a@",
            "@b",
            "a@b@c",
            "a b@c",
            "a@b\r\nBcc: c@d",
            "a@b\n",
            "<a@b>",
            "A <a@b>",
            "a,b@c",
            "a@b.",
            "ä@b",
        ],
        *["a@" + "b" * 300, '"a"@b', "a@[127.0.0.1]", "a@b>", "a@b RCPT TO:<c@d>"],
    ],
)
def test_what_is_no_plain_address_is_none(text: str) -> None:
    assert not is_address(text)


@pytest.mark.parametrize("configured", ["", "nobody", "a@b\r\nBcc: c@d", "a@b, c@d", "Eve\n <a@b"])
def test_a_sender_that_is_no_address_is_not_configured(configured: str) -> None:
    with pytest.raises(NotConfigured, match="ODDLINE_MAIL_FROM"):
        sender_address(configured)
