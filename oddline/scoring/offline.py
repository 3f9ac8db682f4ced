"""Find the odd lines of a file by themselves: known is what the same run, or a baseline file, has shown before."""

import heapq
from collections import Counter, OrderedDict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from oddline.patterns import Masker
from oddline.scoring.encoder import Encoded, Encoder, severity
from oddline.scoring.explanation import newest_words, token_shares
from oddline.scoring.nearest import highest_few
from oddline.scoring.novelty import Views, novelty, word_novelties

MOST_PATTERNS: Final = 50_000  # With 384 numbers each, their embeddings are 77 MB, their words' views some 40.
MOST_PATTERN_CHARS: Final = 20_000_000  # What 50,000 patterns of 400 characters need: garbage is not to cost more.
MESSAGE_CHARS: Final = 16_384  # Kept of an odd line: twice what masks read of it.
_ENCODED_AT_ONCE: Final = 128  # New patterns; bounds what the answers take where every line is new.
_FIRST_ROWS: Final = 1_024


@dataclass(frozen=True, slots=True)
class Block:
    """Lines that follow one another in a file, without their ends; `first_line` counts from 1."""

    file: str
    first_line: int
    lines: Sequence[str]
    is_warm_up: bool = False


@dataclass(slots=True)
class KnownPattern:
    """A pattern that was seen; `row` is its embedding's place among those of the known patterns."""

    text: str
    row: int
    count: int
    is_odd: bool = False


@dataclass(frozen=True, slots=True)
class OddLine:
    """The first line of an odd pattern. `pattern.count` goes on counting while the run does.

    `tokens` are the message's pieces with their shares of the severity's logit, `newest` the words that make up the
    novelty (none in the warm-up); score = novelty x severity.
    """

    file: str
    line: int
    message: str
    score: float
    severity: float
    novelty: float
    tokens: list[tuple[str, float]]
    newest: list[tuple[str, float]]
    pattern: KnownPattern
    nearest: str | None


class OfflineScorer:
    """Scores blocks of lines in their order, in bounded memory whatever their number.

    A pattern is judged when it first occurs and is known from then on: a known one has novelty 0, so a fault that
    repeats is one odd line with a count. What occurs first in the warm-up is judged by its severity alone (novelty 1).
    A pattern that was pushed out by `capacity` more recent ones is new again.

    Attributes:
        lines: how many were read, baseline not counted.
        patterns: how many distinct ones were in them.
        odd_patterns, odd_lines: how many of them were odd, and on how many lines.
    """

    def __init__(
        self,
        encoder: Encoder,
        *,
        masker: Masker | None = None,
        threshold: float | None = None,
        capacity: int = MOST_PATTERNS,
    ) -> None:
        self._encoder = encoder
        self._masker = masker or Masker()
        self._threshold = encoder.default_threshold if threshold is None else threshold
        self._known = _KnownPatterns(dimension=encoder.dimension, capacity=capacity)
        self.lines = self.patterns = self.odd_patterns = self.odd_lines = 0

    def learn(self, block: Block) -> None:
        """Take the patterns of a baseline's lines as known, whatever they say."""
        counts = Counter(self._masker.mask_many(block.lines))
        for texts in _groups(self._new(counts)):
            for text, encoded in zip(texts, self._encoder.encode(texts), strict=True):
                self._known.add(text, encoded, count=0)

    def judge(self, block: Block) -> list[OddLine]:
        """The odd lines among those of a block whose pattern occurs for the first time, in their order."""
        masked = self._masker.mask_many(block.lines)
        counts = Counter(masked)
        self.lines += len(masked)
        new = self._new(counts)
        self.patterns += len(new)
        for text, count in counts.items():
            known = self._known.see(text, count=count)
            if known and known.is_odd:
                self.odd_lines += count
        if not new:
            return []
        # Built backwards, so that the first of equal patterns is the one that stays.
        places = dict(zip(reversed(masked), range(len(masked) - 1, -1, -1), strict=True))
        return [
            odd for texts in _groups(new) for odd in self._judge_new(texts, block=block, places=places, counts=counts)
        ]

    def _new(self, counts: Counter[str]) -> list[str]:
        """The unknown ones of some patterns; blank lines are no news."""
        return [text for text in counts if text not in self._known and text and not text.isspace()]

    def _judge_new(
        self, texts: Sequence[str], *, block: Block, places: dict[str, int], counts: Counter[str]
    ) -> Iterator[OddLine]:
        encoded = self._encoder.encode(texts)
        of_words, nearest = self._novelties(encoded, texts=texts)
        for place, (text, one) in enumerate(zip(texts, encoded, strict=True)):
            known = self._known.add(text, one, count=counts[text])
            how_bad = severity(one.severity_logit)
            how_new = 1.0 if block.is_warm_up else novelty(of_words[place])
            if how_bad * how_new < self._threshold:
                continue
            known.is_odd = True
            self.odd_patterns += 1
            self.odd_lines += known.count
            message = block.lines[places[text]][:MESSAGE_CHARS]
            yield OddLine(
                file=block.file,
                line=block.first_line + places[text],
                message=message,
                score=how_bad * how_new,
                severity=how_bad,
                novelty=how_new,
                tokens=token_shares(text, tokens=one.tokens, shares=one.shares, message=message),
                newest=[] if block.is_warm_up else newest_words(one.tokens, of_words[place]),
                pattern=known,
                nearest=nearest[place],
            )

    def _novelties(
        self, encoded: Sequence[Encoded], *, texts: Sequence[str]
    ) -> tuple[list[NDArray[np.float32]], list[str | None]]:
        """How new each new pattern's words are beside the known ones and the new ones before it; the nearest's text."""
        known, rows = self._known, len(self._known.embeddings)
        embeddings = np.stack([one.embedding for one in encoded])
        similar = np.hstack([embeddings @ known.embeddings.T, embeddings @ embeddings.T])
        of_words: list[NDArray[np.float32]] = []
        nearest: list[str | None] = []
        for place, one in enumerate(encoded):
            before = similar[np.newaxis, place, : rows + place]
            near = highest_few(before)[0].tolist()
            views = [known.views_of(row) if row < rows else encoded[row - rows].views for row in near]
            beside = [view for view in views if view is not None]
            of_words.append(word_novelties(one.views, beside=beside, scale=self._encoder.novelty_scale))
            row = int(before.argmax()) if near else -1
            nearest.append(known.text_of(row) if row < rows else texts[row - rows])
        return of_words, nearest


class Oddest:
    """The `top` oddest of any number of odd lines."""

    def __init__(self, *, top: int) -> None:
        self._top = top
        self._heap: list[tuple[float, int, OddLine]] = []
        self._pushed = 0

    def push(self, odd: OddLine) -> None:
        """Keep a line if it is among the oddest so far; of equal scores the earlier one stays."""
        self._pushed += 1
        item = (odd.score, -self._pushed, odd)
        if len(self._heap) < self._top:
            heapq.heappush(self._heap, item)
        else:
            heapq.heappushpop(self._heap, item)

    def sorted(self) -> list[OddLine]:
        """The kept lines, oddest first."""
        return [odd for _, _, odd in sorted(self._heap, reverse=True)]


class _KnownPatterns:
    """The most recently seen patterns with their embeddings, in one matrix that is searched whole."""

    def __init__(self, *, dimension: int, capacity: int) -> None:
        self._patterns: OrderedDict[str, KnownPattern] = OrderedDict()
        self._texts: list[str] = []  # by row
        self._views: list[Views | None] = []
        self._free: list[int] = []
        self._matrix = np.zeros((min(_FIRST_ROWS, capacity), dimension), dtype=np.float32)
        self._capacity = capacity
        self._chars = 0

    def __contains__(self, text: str) -> bool:
        return text in self._patterns

    @property
    def embeddings(self) -> NDArray[np.float32]:
        """(rows, dimension); rows of forgotten patterns are zero, which is near to nothing."""
        return self._matrix[: len(self._texts)]

    def text_of(self, row: int) -> str | None:
        """The pattern of a row; None of a forgotten one's, and of -1."""
        return self._texts[row] or None if row >= 0 else None

    def views_of(self, row: int) -> Views | None:
        """The views of a row's pattern; None of a forgotten one's."""
        return self._views[row]

    def see(self, text: str, *, count: int) -> KnownPattern | None:
        """Count a pattern, if it is known."""
        known = self._patterns.get(text)
        if known:
            known.count += count
            self._patterns.move_to_end(text)
        return known

    def add(self, text: str, encoded: Encoded, *, count: int) -> KnownPattern:
        """Take a pattern that is not known as known."""
        self._chars += len(text)
        while self._patterns and (len(self._patterns) >= self._capacity or self._chars > MOST_PATTERN_CHARS):
            self._forget_oldest()
        known = KnownPattern(text=text, row=self._take_row(), count=count)
        self._texts[known.row] = text
        self._matrix[known.row] = encoded.embedding
        self._views[known.row] = encoded.views
        self._patterns[text] = known
        return known

    def _forget_oldest(self) -> None:
        _, known = self._patterns.popitem(last=False)
        self._chars -= len(known.text)
        self._matrix[known.row] = 0.0
        self._texts[known.row] = ""
        self._views[known.row] = None
        self._free.append(known.row)

    def _take_row(self) -> int:
        if self._free:
            return self._free.pop()
        row = len(self._texts)
        self._texts.append("")
        self._views.append(None)
        if row == len(self._matrix):
            grown = np.zeros((min(2 * row, self._capacity), self._matrix.shape[1]), dtype=np.float32)
            grown[:row] = self._matrix
            self._matrix = grown
        return row


def _groups(texts: Sequence[str]) -> Iterator[list[str]]:
    remaining = iter(texts)
    while group := list(islice(remaining, _ENCODED_AT_ONCE)):
        yield group
