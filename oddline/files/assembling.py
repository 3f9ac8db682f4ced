"""Put entries together from the records that a format's parser explains, and hand them on in blocks."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import orjson

from oddline.files.encodings import CP_1252, without_colours
from oddline.files.levels import level_at_start
from oddline.files.model import ENTRY_BYTES, ENTRY_LINES, Block, Entry, Joins, Parser, Problems
from oddline.files.splitting import Records
from oddline.files.timestamps import Clock
from oddline.files.traces import Trace

BLOCK_BYTES: Final = 8 * 1024 * 1024  # a block ends behind it whatever its entries: it is held in memory as a whole

_SAFE_CHARACTERS: Final = 8 * 1024  # of a record: its attributes are then within what an entry may have
_ATTRIBUTES_BYTES: Final = 63 * 1024  # of the 64 KB that an entry may have; the rest is for marks
_ATTRIBUTES_BRACKETS: Final = 30  # of the 32 levels that they may be nested
_REPLACEMENT: Final = "\ufffd"


class Assembler:
    """Takes records, gives blocks.

    What a block holds depends on its own bytes and on nothing before them: so reading can begin at any block's end.
    """

    def __init__(self, parser: Parser, *, clock: Clock, encoding: str, most_entries: int, start: int) -> None:
        self._parse, self._joins, self._clock, self._encoding = parser.parse, parser.joins, clock, encoding
        self._most_entries, self._header = most_entries, parser.header
        self._at = self._start = start
        self._begin()

    def _begin(self) -> None:
        self._clock.begin()
        self._entries: list[Entry] = []
        self._timeless: list[int] = []
        self._problems, self._lines = Problems(), 0
        self._more: list[str] = []
        self._trace: Trace | None = None
        self._room = 0

    def take(self, records: Records) -> Iterator[Block]:
        """Add records; gives the blocks that are full by them."""
        raws, sizes, left_out = records
        parse, has_headers = self._parse, self._joins is not Joins.TRACES
        at = self._at
        for index, raw in enumerate(raws):
            size = len(raw) + 1 if sizes is None else sizes[index]
            before, at = at, at + size
            try:
                text, replaced = raw.decode(self._encoding), 0
            except UnicodeDecodeError:
                text, replaced = self._replace(raw)
            if "\0" in text:
                replaced += text.count("\0")
                text = text.replace("\0", _REPLACEMENT)
            if "\x1b" in text:
                text = without_colours(text)
            if text.endswith("\r"):
                text = text.rstrip("\r")
            is_expected = not has_headers and self._trace is not None and self._trace.is_open
            entry = parse(text) if text and not is_expected and not text.isspace() else None
            if entry is None and self._belongs(text, is_whole=not replaced):
                self._join(text)
                self._at = at
                continue
            if len(self._entries) >= self._most_entries or before - self._start >= BLOCK_BYTES:
                yield self._close(before)
                entry = entry and parse(text)  # with what the next block assumes
            self._at = at
            self._lines += 1
            if entry is not None:
                self._open(entry, text, replaced=replaced, left_out=left_out)
            else:
                self._problems.unparsed += 1
                self._open({"message": text, "attributes": {}}, text, replaced=replaced, left_out=left_out)
                self._trace = Trace()
                self._trace.continues(text)
        self._at = at

    def end(self) -> Iterator[Block]:
        """The last block, if there is anything in it."""
        if self._entries or self._at > self._start:
            yield self._close(self._at)

    def _replace(self, raw: bytes) -> tuple[str, int]:
        encoding = CP_1252 if self._encoding == CP_1252 else "utf-8"
        text = raw.decode(encoding, "replace")
        return text, text.count(_REPLACEMENT)

    def _belongs(self, text: str, *, is_whole: bool) -> bool:
        """Whether a line that begins no entry is part of the one before it; blank lines are at least no entries."""
        if not text or text.isspace() or text == self._header:
            return True
        if self._joins is Joins.NOTHING or not self._entries or not is_whole or len(self._more) >= ENTRY_LINES - 1:
            return False
        if self._room < _utf_8_bytes(text):
            return False
        self._trace = self._trace or Trace()
        if self._trace.continues(text):
            return True
        return self._joins is Joins.ALL or (self._joins is Joins.INDENTED and text[0] in " \t")

    def _join(self, text: str) -> None:
        self._lines += 1
        if self._entries and self._joins is not Joins.NOTHING and len(self._more) < ENTRY_LINES - 1:
            self._more.append(text)
            self._room -= _utf_8_bytes(text) + 1

    def _open(self, entry: Entry, text: str, *, replaced: int, left_out: int) -> None:
        self._finish()
        if not entry["message"] or entry["message"].isspace():
            entry["message"] = text
        if len(text) > _SAFE_CHARACTERS:
            entry = self._bounded(entry, text)
        attributes = entry["attributes"]
        if left_out > 0:
            attributes["cut_bytes"] = left_out
            self._problems.cut += 1
        if replaced:
            attributes["replaced_characters"] = replaced
            self._problems.replaced += replaced
        if "timestamp" not in entry:
            self._timeless.append(len(self._entries))
        self._entries.append(entry)
        self._room = ENTRY_BYTES - _utf_8_bytes(text)

    def _bounded(self, entry: Entry, text: str) -> Entry:
        """A long record's entry within its limits: with its whole text where its attributes are too many."""
        attributes: dict[str, Any] = entry["attributes"]
        if not are_storable(attributes):
            entry = {**entry, "message": text, "attributes": {}}
        message = entry["message"].encode()
        if len(message) > ENTRY_BYTES:
            entry["message"] = message[:ENTRY_BYTES].decode(errors="ignore")
            entry["attributes"]["cut_bytes"] = len(message) - ENTRY_BYTES
            self._problems.cut += 1
        return entry

    def _finish(self) -> None:
        """Give the last entry the lines that joined it."""
        while self._more and not self._more[-1].strip():
            self._more.pop()
        if self._more:
            entry = self._entries[-1]
            entry["message"] += "\n" + "\n".join(self._more)
            if "severity" not in entry and (severity := level_at_start(self._more[0])):
                entry["severity"] = severity
        self._more, self._trace = [], None

    def _close(self, end: int) -> Block:
        self._finish()
        self._give_times()
        block = Block(
            entries=self._entries,
            start=self._start,
            end=end,
            lines=self._lines,
            problems=self._problems,
            zone_assumed=self._clock.zone_assumed,
            year_guessed=self._clock.year_guessed,
        )
        self._start = end
        self._begin()
        return block

    def _give_times(self) -> None:
        """An entry without a time has that of the one before it in its block, or else of the first that has one."""
        if not self._timeless:
            return
        entries = self._entries
        first = next((entry["timestamp"] for entry in entries if "timestamp" in entry), None)
        for index in self._timeless:
            if first is None:
                entries[index]["timestamp"] = rfc3339(self._clock.hint)
                entries[index]["attributes"]["timestamp_guessed"] = True
                self._problems.guessed += 1
            else:
                entries[index]["timestamp"] = entries[index - 1]["timestamp"] if index else first


def _utf_8_bytes(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-8", "replace"))


def rfc3339(moment: datetime) -> str:
    """As `oddline.submissions` writes it."""
    return moment.isoformat(timespec="microseconds")


def are_storable(attributes: dict[str, Any]) -> bool:
    """Whether an entry may have them: not too long, not nested too deeply."""
    stored = orjson.dumps(attributes)
    brackets = stored.count(b"{") + stored.count(b"[")
    return len(stored) <= _ATTRIBUTES_BYTES and (
        brackets <= _ATTRIBUTES_BRACKETS or _depth(attributes) <= _ATTRIBUTES_BRACKETS
    )


def _depth(value: Any) -> int:
    if isinstance(value, dict):
        return 1 + max(map(_depth, value.values()), default=0)
    return 1 + max(map(_depth, value), default=0) if isinstance(value, list) else 0
