"""Find the level that a message itself names, where no header does."""

import re
from typing import Final

from oddline.files.model import Entry
from oddline.files.severities import SEVERITIES, WORDS

_LOOKED_AT_CHARACTERS: Final = 120
_WITHIN: Final = re.compile(
    rf"(?:^|[\s\[(<|])({WORDS.upper()})(?=[\s\])>|:,]|$)"
    rf"|^[\[(<]?((?i:{WORDS}))(?=[\])>]?[:|]|[\])>])|\b(?:level|lvl|severity)=\"?((?i:{WORDS}))\b"
)


def look_for_level(entry: Entry) -> None:
    """Give the entry the severity that its message names near its beginning, if it names one and has none."""
    if "severity" not in entry and entry["message"]:
        found = _WITHIN.search(entry["message"], 0, _LOOKED_AT_CHARACTERS)
        if found:
            entry["severity"] = SEVERITIES[(found[1] or found[2] or found[3]).lower()]
