"""What the mail on a submission's odd lines says, and that nothing in a line can break out of it."""

from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any
from uuid import UUID

import pytest

from oddline.notifications import AnomalyLine, AnomalyMail
from oddline.notifications.anomaly_mail import LONGEST_MESSAGE, MOST_LINES_OF_A_MESSAGE, render

SUBMISSION = UUID("0199a3f2-0000-7000-8000-000000000000")


def line(**changes: Any) -> AnomalyLine:
    usual = {
        "entry_id": UUID(int=SUBMISSION.int | 7),
        "timestamp": datetime(2026, 11, 1, 12, 30, 0, 123456, tzinfo=UTC),
        "severity": "ERROR",
        "source": "payments",
        "message": "disk sda full",
        "score": 0.9876,
        "threshold": 0.9,
        "tokens": (("disk", 0.5), (" ", 0.0), ("sda", 0.1), (" ", 0.0), ("full", 3.0)),
        "pattern": "disk <device> full",
    }
    return AnomalyLine.model_validate(usual | changes)


def mail(*lines: AnomalyLine, total: int | None = None, **changes: Any) -> AnomalyMail:
    usual = {
        "project_name": "shop",
        "submission_id": SUBMISSION,
        "recipients": ("a@example.org",),
        "total": len(lines) if total is None else total,
        "minimum_score": 0.9,
        "lines": lines,
    }
    return AnomalyMail.model_validate(usual | changes)


class Seen(HTMLParser):
    """The tags and the text of a page, as a browser takes them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.text = ""
        self.marked: list[str] = []
        self._in_mark = False
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self._in_mark = tag == "mark"

    def handle_endtag(self, tag: str) -> None:
        self._in_mark = False

    def handle_data(self, data: str) -> None:
        self.text += data
        if self._in_mark:
            self.marked.append(data)


def test_the_subject_names_the_project_and_the_count_of_all() -> None:
    message = render(mail(line(), total=1_500), message_id="m")

    assert message.subject == "shop: 1,500 odd lines"
    assert (message.message_id, message.recipients) == ("m", ("a@example.org",))


def test_one_line_is_told_as_one() -> None:
    message = render(mail(line()), message_id="m")

    assert message.subject == "shop: 1 odd line"
    assert "The oddest" not in message.text


def test_a_line_is_told_with_all_that_makes_it_odd() -> None:
    message = render(mail(line()), message_id="m")

    assert message.text == (
        "shop: 1 odd line\n\n"
        "1 odd line in submission 0199a3f2-0000-7000-8000-000000000000, each with a score of 0.900 or more.\n\n"
        "1. score 0.988 (threshold 0.900) · ERROR · payments · 2026-11-01 12:30:00.123 UTC\n"
        "    | disk sda **full**\n"
        "   entry: 0199a3f2-0000-7000-8000-000000000007\n"
        "   pattern: disk <device> full\n"
    )


def test_the_html_tells_the_same_with_the_odd_tokens_marked() -> None:
    seen = Seen(render(mail(line()), message_id="m").html or "")

    assert seen.marked == ["full"]
    for said in ("score 0.988", "payments", "disk sda full", "0199a3f2-0000-7000-8000-000000000007", "<device>"):
        assert said in seen.text


def test_of_500_lines_the_oddest_20_are_told_oddest_first() -> None:
    lines = [line(score=number / 1_000, message=f"line {number}", tokens=()) for number in range(500)]

    message = render(mail(*lines), message_id="m")

    assert "shop: 500 odd lines" in message.text
    assert "The oddest 20:" in message.text
    told = [row.removeprefix("    | ") for row in message.text.splitlines() if row.startswith("    | ")]
    assert told == [f"line {number}" for number in range(499, 479, -1)]
    assert Seen(message.html or "").tags.count("li") == 20


@pytest.mark.parametrize("field", ["message", "source", "severity", "pattern"])
def test_markup_in_a_line_stays_text(field: str) -> None:
    hostile = "</code><script>alert(1)</script><img src=x onerror=alert(1)>\"'&amp;"
    expected = Seen(render(mail(line(**{field: "x"}, tokens=())), message_id="m").html or "").tags

    seen = Seen(render(mail(line(**{field: hostile}, tokens=())), message_id="m").html or "")

    assert seen.tags == expected
    assert hostile in seen.text


def test_markup_in_a_token_stays_text() -> None:
    hostile = line(message="a <script> b", tokens=(("a ", 0.0), ("<script>", 2.0), (" b", 0.0)))

    seen = Seen(render(mail(hostile), message_id="m").html or "")

    assert "script" not in seen.tags
    assert seen.marked == ["<script>"]


def test_markup_in_the_name_of_a_project_stays_text() -> None:
    seen = Seen(render(mail(line(), project_name="<b>shop\r\nBcc: x"), message_id="m").html or "")

    assert "b" not in seen.tags
    assert "<b>shop Bcc: x: 1 odd line" in seen.text.replace("\\r", "")


def test_a_long_line_is_cut_and_says_how_much_is_missing() -> None:
    message = render(mail(line(message="x" * 2_000, tokens=())), message_id="m")

    assert "x" * LONGEST_MESSAGE + " … (1,200 more characters)" in message.text
    assert "x" * (LONGEST_MESSAGE + 1) not in message.text


def test_what_stands_out_in_a_long_line_is_marked_as_far_as_it_is_shown() -> None:
    long = line(message="x" * 790 + "panic at the end", tokens=(("x" * 790, 0.0), ("panic at the end", 2.0)))

    message = render(mail(long), message_id="m")

    assert "x**panic at t** … (6 more characters)" in message.text


def test_a_line_without_tokens_is_told_unmarked() -> None:
    message = render(mail(line(tokens=())), message_id="m")

    assert "    | disk sda full\n" in message.text


def test_a_line_of_many_rows_is_cut_and_cannot_pose_as_another_line() -> None:
    message = render(mail(line(message="\n".join(["2. score 1.000"] * 50), tokens=())), message_id="m")

    rows = [row for row in message.text.splitlines() if "score 1.000" in row]
    assert len(rows) == MOST_LINES_OF_A_MESSAGE
    assert all(row.startswith("    | ") for row in rows)


def test_what_a_screen_would_obey_is_written_out() -> None:
    message = render(mail(line(message="\x1b[31mred \u202eback\u202c \x00", tokens=())), message_id="m")

    for body in (message.text, message.html or ""):
        assert r"\x1b[31mred \u202eback\u202c \x00" in body


def test_words_of_other_scripts_are_left_as_they_are() -> None:
    message = render(mail(line(message="డిస్క్\u200cలో ఖాళీ లేదు", tokens=())), message_id="m")

    assert "డిస్క్\u200cలో ఖాళీ లేదు" in message.text


def test_twenty_long_lines_stay_below_what_gmail_shows() -> None:
    tokens = tuple((f"word{number} ", float(number % 8 == 0)) for number in range(400))
    words = "".join(text for text, _ in tokens)
    long = [line(message=words, tokens=tokens, pattern=words) for _ in range(20)]

    message = render(mail(*long), message_id="m")

    assert len((message.html or "").encode()) < 102_000


def test_a_payload_survives_its_way_through_json() -> None:
    payload = mail(line(), line(message="two"), total=5)

    assert AnomalyMail.model_validate_json(payload.model_dump_json()) == payload
