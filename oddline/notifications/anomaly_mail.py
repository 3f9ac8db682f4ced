"""Render one mail on the odd lines of one submission: the oddest first, as text and as HTML."""

from collections.abc import Sequence
from datetime import UTC
from html import escape

from oddline.notifications.model import AnomalyLine, Message
from oddline.notifications.tasks import AnomalyMail
from oddline.patterns import Weight, cut_pieces, weigh

MOST_LINES = 20
LONGEST_MESSAGE = 800  # characters; 20 of these usually stay below 102 KB, where Gmail cuts a mail
MOST_LINES_OF_A_MESSAGE = 12
LONGEST_NAME = 100
LONGEST_PATTERN = 300

_SHOWN_AS_THEY_ARE = "\n\t\u200c\u200d"  # the joiners belong to the spelling of many Indic words
_TEXT_MARKS = {Weight.PLAIN: "", Weight.ODD: "*", Weight.ODDEST: "**"}
# Each with its own ground and ink, so that it reads the same in a light and in a dark mail program.
_HTML_STYLES = {
    Weight.ODD: "background:#ffe3b3;color:#3d2600;border-radius:2px",
    Weight.ODDEST: "background:#ffb08a;color:#3d0f00;border-radius:2px;font-weight:bold",
}


def render(mail: AnomalyMail, *, message_id: str) -> Message:
    """The mail on `mail.total` odd lines, of which at most `MOST_LINES` are shown."""
    lines = sorted(mail.lines, key=lambda line: line.score, reverse=True)[:MOST_LINES]
    subject = f"{_one_line(mail.project_name)}: {_count(mail.total)}"
    return Message(
        message_id=message_id,
        recipients=mail.recipients,
        subject=subject,
        text=_as_text(mail, lines, subject=subject),
        html=_as_html(mail, lines, subject=subject),
    )


def _as_text(mail: AnomalyMail, lines: Sequence[AnomalyLine], *, subject: str) -> str:
    blocks = [subject, _summary(mail, shown=len(lines))]
    for number, line in enumerate(lines, start=1):
        quoted = "".join(
            f"{_TEXT_MARKS[weight]}{_visible(piece)}{_TEXT_MARKS[weight]}" for piece, weight in _pieces(line)
        )
        block = [f"{number}. {_facts(line)}", *(f"    | {row}" for row in quoted.split("\n"))]
        block += [f"   {label}: {value}" for label, value in _details(line)]
        blocks.append("\n".join(block))
    return "\n\n".join(blocks) + "\n"


def _as_html(mail: AnomalyMail, lines: Sequence[AnomalyLine], *, subject: str) -> str:
    items = []
    for line in lines:
        quoted = "".join(_marked(piece, weight) for piece, weight in _pieces(line))
        details = "".join(f"<br>{escape(label)}: <code>{escape(value)}</code>" for label, value in _details(line))
        items.append(
            f'<li style="margin:0 0 1.2em"><div>{escape(_facts(line))}</div>'
            '<div style="font-family:monospace;white-space:pre-wrap;overflow-wrap:anywhere;margin:.3em 0;'
            f'padding-left:.6em;border-left:3px solid #d9662b">{quoted}</div>'
            f'<div style="font-size:85%;opacity:.75">{details.removeprefix("<br>")}</div></li>'
        )
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">'
        f'<title>{escape(subject)}</title></head><body style="font-family:sans-serif">'
        f'<h1 style="font-size:120%">{escape(subject)}</h1><p>{escape(_summary(mail, shown=len(lines)))}</p>'
        f'<ol style="padding-left:1.6em">{"".join(items)}</ol></body></html>'
    )


def _marked(piece: str, weight: Weight) -> str:
    shown = escape(_visible(piece))
    return f'<mark style="{_HTML_STYLES[weight]}">{shown}</mark>' if weight else shown


def _pieces(line: AnomalyLine) -> list[tuple[str, Weight]]:
    shown = "\n".join(line.message[:LONGEST_MESSAGE].split("\n")[:MOST_LINES_OF_A_MESSAGE])
    pieces = cut_pieces(weigh(line.tokens or [(line.message, 0.0)]), length=len(shown))
    left_out = len(line.message) - len(shown)
    if left_out:
        pieces.append((f" … ({left_out:,} more characters)", Weight.PLAIN))
    return pieces


def _facts(line: AnomalyLine) -> str:
    moment = line.timestamp.astimezone(UTC).isoformat(sep=" ", timespec="milliseconds").replace("+00:00", " UTC")
    score = f"score {line.score:.3f} (threshold {line.threshold:.3f})"
    return " · ".join([score, _one_line(line.severity), _one_line(line.source), moment])


def _details(line: AnomalyLine) -> list[tuple[str, str]]:
    pattern = [("pattern", _one_line(line.pattern, longest=LONGEST_PATTERN))] if line.pattern else []
    return [("entry", str(line.entry_id)), *pattern]


def _summary(mail: AnomalyMail, *, shown: int) -> str:
    found = f"{_count(mail.total)} in submission {mail.submission_id}"
    which = f"{found}, each with a score of {mail.minimum_score:.3f} or more."
    return which if shown >= mail.total else f"{which} The oddest {shown}:"


def _count(lines: int) -> str:
    return "1 odd line" if lines == 1 else f"{lines:,} odd lines"


def _one_line(text: str, *, longest: int = LONGEST_NAME) -> str:
    shown = " ".join(_visible(text).split())
    return shown if len(shown) <= longest else shown[: longest - 1] + "…"


def _visible(text: str) -> str:
    """`text` with what a screen would not show, or would obey (colours, direction), written out."""
    return "".join(
        character
        if character.isprintable() or character in _SHOWN_AS_THEY_ARE
        else character.encode("unicode_escape").decode()
        for character in text
    )
