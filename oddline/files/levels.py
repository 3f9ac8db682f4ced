"""Find the level that a message itself names, where no header does."""

import re
from collections.abc import Sequence
from typing import Final

from oddline.files.model import Entry
from oddline.files.severities import SEVERITIES, SYSLOG, WORDS

_LOOKED_AT_CHARACTERS: Final = 120
_LOOKED_AT_WORDS: Final = 8
_AROUND: Final = '[](){}<>|:,"'
_CLOSING: Final = ("]", ")", ">", "|")
_NAMES: Final = frozenset(WORDS.split("|"))
_SHORT: Final = frozenset({"dbg", "inf", "wrn", "ftl", "vrb"})
_IN_CAPITALS: Final = {name.upper(): SEVERITIES[name] for name in _NAMES | _SHORT}
_FIELD: Final = re.compile(rf"\b(?:level|lvl|severity)\"?\s?[=:]\s?\"?((?i:{WORDS}))\b")
_BRACKETED: Final = re.compile(rf"\[\s*((?i:{WORDS}|{'|'.join(_SHORT)}|note))\s*\]")
_CISCO: Final = re.compile(r"%[A-Z0-9_]+-([0-7])-[A-Z0-9_]+:")
_LETTER: Final = re.compile(r"([DIWEF])(?= [A-Z]{3,} | \| |, \[)")


def look_for_level(entry: Entry) -> None:
    """Give the entry the severity that its message names near its beginning, if it names one and has none.

    That is a name in capitals, in any letters in brackets or with a colon behind it, in a field, or as a letter before
    what some programs write behind it.
    """
    message = entry["message"]
    if "severity" in entry or not message:
        return
    if severity := _severity_in(message[:_LOOKED_AT_CHARACTERS]):
        entry["severity"] = severity


def level_at_start(line: str) -> str | None:
    """The severity that a line begins with: in brackets, or with a colon behind it."""
    return _at_start(line[:_LOOKED_AT_CHARACTERS].split(None, 1))


def _at_start(words: Sequence[str]) -> str | None:
    if words and (words[0].endswith(_CLOSING) or ":" in words[0]):
        name = words[0].strip(_AROUND).partition(":")[0].lower()
        return SEVERITIES[name] if name in _NAMES else None
    return None


def _severity_in(start: str) -> str | None:
    words = start.split(None, _LOOKED_AT_WORDS)
    if severity := _at_start(words):
        return severity
    for word in words:
        name = word.strip(_AROUND)
        if severity := _IN_CAPITALS.get(name):
            return severity
        if (word[-1] == ":" or not name.isalnum()) and (severity := _in_word(word)):
            return severity
    return _by_its_signs(start)


def _by_its_signs(start: str) -> str | None:
    if "[" in start and (found := _BRACKETED.search(start)):
        return SEVERITIES[found[1].lower()]
    if ("=" in start or '"' in start) and (found := _FIELD.search(start)):
        return SEVERITIES[found[1].lower()]
    if "%" in start and (found := _CISCO.search(start)):
        return SYSLOG[int(found[1])]
    return SEVERITIES[found[1]] if (found := _LETTER.match(start)) else None


def _in_word(word: str) -> str | None:
    """The level in `channel.ERROR:`, `ERROR/worker`, `ERROR[7]` or `error:`."""
    if word[-1] == ":":
        return _IN_CAPITALS.get(word[:-1].rpartition(".")[2]) or (
            SEVERITIES[word[:-1]] if word[:-1] in _NAMES else None
        )
    for sign in "/[":
        if sign in word and (severity := _IN_CAPITALS.get(word.lstrip(_AROUND).partition(sign)[0])):
            return severity
    return None
