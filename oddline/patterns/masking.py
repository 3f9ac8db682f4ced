"""Turn a log message into its pattern, fast enough that a worker may do it for every line."""

import re
from collections.abc import Iterable
from typing import Final

from oddline.patterns import rules

MASK_VERSION: Final = 2
PLACEHOLDERS: Final = rules.PLACEHOLDERS

MESSAGE_CHARS: Final = 8_192  # What lies beyond adds little to the first pages; bounds the cost of a line.
PATTERN_CHARS: Final = 2_048  # Patterns stand in an index and in a model's 512 tokens: longer ones help nobody.
CACHE_BYTES: Final = 32 * 1024 * 1024  # About 150,000 tokens, more than the distinct ones of an hour of most sources.
_ENTRY_BYTES: Final = 160  # What a dict entry and its two strings cost beside their characters.
_ROUNDS: Final = 8  # A mask can make room for another; real messages settle in one or two rounds.
_CUT_MARK: Final = "<cut>"
_DIGIT_TO_0: Final = bytes.maketrans(b"123456789", b"0" * 9)
# What `rules.mask_token` would find too, but for these commonest of all-distinct tokens a fifth of its cost.
_LONG_ID: Final = re.compile(
    r"([\[\](){}\"',;:]*(?:[A-Za-z]{1,16}-)?)"
    r"(?:(?P<uuid>[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12})|(?P<hex>[0-9a-f]{32,}))"
    r"([\[\](){}\"',;:]*)"
)
_LONG_ID_CHARS: Final = 32


class _TokenMasks(dict[str, str]):
    """Token → masked token, filled on demand; emptied when it holds more than `capacity` bytes.

    Masks depend on where the digits of a token stand, not on which they are: one answer serves all tokens of a shape,
    and most new tokens never meet an expression.
    """

    def __init__(self, *, capacity: int) -> None:
        super().__init__({"0": "0"})
        self._shapes: dict[bytes, str] = {}
        self._capacity = capacity
        self._held = 0

    def __missing__(self, token: str) -> str:
        shape = token.encode("utf-8", "surrogatepass").translate(_DIGIT_TO_0)
        masked = self._shapes.get(shape)
        if masked is None:
            masked = self._mask(token, shape=shape)
        self._make_room(len(token) + len(masked))
        self[token] = masked
        return masked

    def _mask(self, token: str, *, shape: bytes) -> str:
        if not rules.SUSPECT.search(token):
            return token
        if ',"' in token:
            return ',"'.join([self[piece] for piece in token.split(',"')])
        if len(token) >= _LONG_ID_CHARS and (found := _LONG_ID.fullmatch(token)):
            return f"{found[1]}<{'uuid' if found['uuid'] else 'hex'}>{found[4]}"
        masked = rules.mask_token(token)
        if not rules.DIGITS_MATTER.search(token) and not rules.DIGIT.search(masked):
            self._make_room(len(shape) + len(masked))
            self._shapes[shape] = masked
        return masked

    def _make_room(self, characters: int) -> None:
        self._held += characters + _ENTRY_BYTES
        if self._held > self._capacity:
            self.clear()
            self["0"] = "0"
            self._shapes.clear()
            self._held = 0


class Masker:
    """Masks messages, remembering the tokens and lines it has seen; one per process.

    Two stages. The first maps each blank-separated token through a cache; of a stream of lines few different texts
    are left after that. The second finds what spans tokens (codes, quantities, dates, quotes), once per such text.
    `capacity` is about how many bytes each of the two caches may hold before it is emptied.
    """

    def __init__(self, *, capacity: int = CACHE_BYTES) -> None:
        self._tokens = _TokenMasks(capacity=capacity)
        self._patterns: dict[str | tuple[str, ...], str] = {}
        self._codes: dict[str, tuple[tuple[int, bool], ...]] = {}
        self._capacity = capacity
        self._held = 0

    def mask(self, message: str) -> str:
        """The pattern of one message: at most PATTERN_CHARS long, and the pattern of itself."""
        return self.mask_many((message,))[0]

    def mask_many(self, messages: Iterable[str]) -> list[str]:
        """The patterns of many messages, in their order."""
        token_mask = self._tokens.__getitem__
        known = self._patterns.get
        patterns: list[str] = []
        for message in messages:
            whole = len(message) <= MESSAGE_CHARS
            tokens = (message if whole else _cut(message, limit=MESSAGE_CHARS)).split(" ")
            line = " ".join(map(token_mask, tokens))
            patterns.append(known(line) or self._resolve(line, tokens=tokens))
        return patterns

    def _resolve(self, line: str, *, tokens: list[str]) -> str:
        """The pattern of a line whose tokens are masked, where the masked tokens alone do not tell it yet."""
        positions = self._codes.get(line)
        if positions is None:
            positions = rules.code_positions(line.split(" "))
        codes = rules.codes_at(positions, tokens=tokens)
        key = (line, *codes) if positions else line
        pattern = self._patterns.get(key)
        if pattern is None:
            pattern = self._settle(rules.mask_line(line, positions=positions, codes=codes))
            self._remember(line, key=key, positions=positions, pattern=pattern)
        return pattern

    def _settle(self, pattern: str) -> str:
        """Mask until nothing changes, so that a pattern is its own pattern."""
        for _ in range(_ROUNDS):
            if len(pattern) > PATTERN_CHARS:
                pattern = _cut(pattern, limit=PATTERN_CHARS)
            again = self._mask_once(pattern)
            if again == pattern:
                break
            pattern = again
        return pattern[:PATTERN_CHARS]

    def _mask_once(self, text: str) -> str:
        tokens = text.split(" ")
        masked = [self._tokens[token] for token in tokens]
        positions = rules.code_positions(masked)
        codes = rules.codes_at(positions, tokens=tokens)
        return rules.mask_line(" ".join(masked), positions=positions, codes=codes)

    def _remember(
        self, line: str, *, key: str | tuple[str, ...], positions: tuple[tuple[int, bool], ...], pattern: str
    ) -> None:
        self._held += len(line) + len(pattern) + _ENTRY_BYTES
        if self._held > self._capacity:
            self._patterns.clear()
            self._codes.clear()
            self._held = 0
        if positions:
            self._codes[line] = positions
        self._patterns[key] = pattern


def _cut(text: str, *, limit: int) -> str:
    """The first part of a text, with a mark that says so; ends between tokens where it can, never inside a mask."""
    room = limit - len(_CUT_MARK) - 1
    blank = text.rfind(" ", room // 2, room)
    if blank > 0:
        return f"{text[:blank]} {_CUT_MARK}"
    last_mask = text.rfind("<", 0, room)
    if last_mask > 0 and ">" not in text[last_mask:room]:
        room = last_mask
    return text[:room] + _CUT_MARK
