"""Find the level that a message itself names, where no header does."""

import re
from typing import Final

from oddline.files.model import Entry
from oddline.files.severities import SEVERITIES, WORDS

_LOOKED_AT_CHARACTERS: Final = 120
_LOOKED_AT_WORDS: Final = 8
_AROUND: Final = '[](){}<>|:,"'
_CLOSING: Final = ("]", ")", ">", "|")
_NAMES: Final = frozenset(WORDS.split("|"))
_IN_CAPITALS: Final = {name.upper(): SEVERITIES[name] for name in _NAMES}
_FIELD: Final = re.compile(rf"\b(?:level|lvl|severity)=\"?((?i:{WORDS}))\b")


def look_for_level(entry: Entry) -> None:
    """Give the entry the severity that its message names near its beginning, if it names one and has none.

    That is a name in capitals, in any letters with a bracket or colon behind it at the very beginning, or in a field.
    """
    message = entry["message"]
    if "severity" in entry or not message:
        return
    start = message[:_LOOKED_AT_CHARACTERS]
    words = start.split(None, _LOOKED_AT_WORDS)
    if words and (words[0].endswith(_CLOSING) or ":" in words[0]):
        name = words[0].strip(_AROUND).partition(":")[0].lower()
        if name in _NAMES:
            entry["severity"] = SEVERITIES[name]
            return
    for word in words:
        if severity := _IN_CAPITALS.get(word.strip(_AROUND)):
            entry["severity"] = severity
            return
    if "=" in start and (found := _FIELD.search(start)):
        entry["severity"] = SEVERITIES[found[1].lower()]
