"""What a log statement is, how its level is named, and which texts are worth learning from."""

import re
from dataclasses import dataclass
from typing import Final

LEVELS: Final = ("debug", "info", "warning", "error", "critical", "raise")
"""`raise` is the text of a raised or returned error, `ClassName: message` where it has a class."""

METHODS: Final = {
    "trace": "debug", "debug": "debug", "fine": "debug", "finer": "debug", "finest": "debug", "silly": "debug",
    "verbose": "debug", "dbg": "debug",
    "info": "info", "success": "info", "notice": "info", "inf": "info",
    "warning": "warning", "warn": "warning", "wrn": "warning",
    "error": "error", "err": "error", "failure": "error", "exception": "error", "severe": "error",
    "critical": "critical", "fatal": "critical", "crit": "critical", "alert": "critical", "emerg": "critical",
    "emergency": "critical", "panic": "critical", "wtf": "critical",
}  # fmt: skip
"""The level that a word of a logging method's, macro's or constant's name stands for."""

SLOT: Final = re.compile(r"\{\w*\}")
_LONGEST: Final = 300  # Characters: longer ones are help texts and banners.
_FEWEST_LETTERS: Final = 6
_LEAST_PROSE: Final = 0.6  # Of the characters beside slots: less is code, a table or a format.
_NO_PROSE: Final = re.compile(
    r"</|<br|<[a-z]+>|&[a-z]+;"  # Markup.
    r"|^\W*usage\b|\bsyntax: |^\s*-{1,2}\w|[-=*#+_~.]{6}"  # What a command says of itself.
    r"|\(\);|=>\s*\{|\$\{|\{\{|\}\}|\bfunction\b ?\w*\("  # Code.
    r"|^\s*(?:SELECT|INSERT INTO|UPDATE|DELETE FROM|CREATE|DROP|ALTER) [\w*]|(?:GET|POST|PUT|DELETE) /\S* HTTP"
    r"|^\s*[\w.-]+: *\{\w*\}$|^\s*at \{",  # A lone value; a line of a stack.
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Statement:
    """A log statement: its level (one of LEVELS) and its text, with `{name}` where a value is put in."""

    level: str
    text: str


def worth_keeping(text: str) -> bool:
    """Whether a text is a line's worth of plain English: no banner, no markup, no lone word, no code."""
    text = " ".join(text.split())
    words = SLOT.sub("", text)
    if len(text) > _LONGEST or " " not in text or not (words.isascii() and words.isprintable()):
        return False
    letters = sum(character.isalpha() for character in words)
    prose = letters + words.count(" ")
    return letters >= _FEWEST_LETTERS and prose >= _LEAST_PROSE * len(words) and not _NO_PROSE.search(text)
