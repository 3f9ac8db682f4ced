"""Say of each pattern where it stands among others (an embedding) and how bad it sounds (a severity, word by word)."""

import math
import re
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from oddline.errors import ModelUnavailable
from oddline.patterns import PLACEHOLDERS
from oddline.scoring.model_folder import opened_model
from oddline.scoring.novelty import VIEW, Views, pack_views
from oddline.settings import DEFAULT_MODEL
from oddline.tracing import span

_READ_CHARS: Final = 2_048  # No 64 tokens are longer, but for padding with blanks; bounds the cost of a hostile line.
_BLANK: Final = "[UNK]"  # What a pattern without anything to read is read as, so that it too has a token.
_TOKENS_AT_ONCE: Final = 512  # of a batch: with more, what passes between two operators leaves the processor's cache
_OUTPUTS: Final = ("token_logits", "token_views", "line_embedding")
EFFECTS: Final = "token_effects"  # an output, too, of models that were fitted to explain themselves
_WORD: Final = re.compile(r"<[a-z]+>|\w+|\[UNK\]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the model says of one pattern.

    Attributes:
        embedding: (dim,), of unit length.
        tokens: the words of the pattern as they stand in it, in order, as far as the model reads (64 word pieces).
            Punctuation counts towards the word before it.
        shares: (len(tokens),), each token's part of the severity logit: their sum is `severity_logit`. What the logit
            would lose without the token, as the model's effects tell it, and an even part of what they leave. Of a
            model without effects it is the token's part of the mean.
        severity_logit: mean of the logits of the pattern's word pieces; `severity` makes 0..1 of it.
        views: (len(tokens), VIEW), what `novelty` compares words by.
    """

    embedding: NDArray[np.float32]
    tokens: tuple[str, ...]
    shares: NDArray[np.float32]
    severity_logit: float
    views: Views


@dataclass(frozen=True, slots=True)
class Words:
    """The words that an explanation names, and which of them each word piece that is read belongs to.

    Attributes:
        spans: where each stands in the text.
        of_piece: (pieces,), the place of a piece's word.
        is_inside: (pieces,), False for punctuation: it has its share, but says little of which word it stands behind.
    """

    spans: list[tuple[int, int]]
    of_piece: NDArray[np.intp]
    is_inside: NDArray[np.bool_]


def words_of(line: Encoding, text: str) -> Words:
    """The words of a text, as far as it is read."""
    starts = np.array(
        [start for (start, _), special in zip(line.offsets, line.special_tokens_mask, strict=True) if not special]
    )
    spans = [found.span() for found in _WORD.finditer(text)] or [(0, len(text))]
    of_piece = np.searchsorted([start for start, _ in spans], starts, side="right") - 1
    # What stands before the first word counts towards it; pieces are in the order of the text.
    of_piece = np.maximum.accumulate(np.maximum(of_piece, 0))
    spans = spans[: of_piece[-1] + 1]
    return Words(spans, of_piece, starts < np.array([end for _, end in spans])[of_piece])


def severity(logit: float) -> float:
    """The logistic function: how bad a pattern sounds, 0 to 1."""
    if logit >= 0:
        return 1.0 / (1.0 + math.exp(-logit))
    return math.exp(logit) / (1.0 + math.exp(logit))


class Encoder:
    """A BERT in ONNX Runtime with its tokenizer. Make one per process, after any fork: sessions do not survive one.

    Attributes:
        version: name of the model, which memos are kept under.
        default_threshold: on score = novelty x severity, for a source without one of its own.
        dimension: length of an embedding.
        novelty_scale: cosine distance from which a word is wholly new (see `novelty`).
        config: all of config.json.
        patterns_read: how many patterns it has read since it was made.
        reading_s: seconds that it took for them.
    """

    def __init__(
        self, *, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, config: Mapping[str, Any]
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self._outputs = [*_OUTPUTS, *(EFFECTS for output in session.get_outputs() if output.name == EFFECTS)]
        self.version: str = config["version"]
        self.default_threshold: float = config["default_threshold"]
        self.dimension: int = config["dimension"]
        self.novelty_scale: float = config["novelty_scale"]
        self.config = config
        self.patterns_read = 0
        self.reading_s = 0.0

    @classmethod
    def load(cls, folder: Path = DEFAULT_MODEL, *, threads: int = 1) -> "Encoder":
        """The model of a folder with `config.json`, `model.onnx` and `tokenizer.json`, computing on `threads` threads.

        Raises:
            ModelUnavailable: a file is missing, damaged, not the one that config.json names, or they do not fit.
        """
        with opened_model(folder) as files:
            # The graph is written as it is to run; what would be fused further (residuals with their norms) is slower.
            as_written = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
            return cls(
                session=files.open_session(threads=threads, optimization=as_written),
                tokenizer=_fitting(files.open_tokenizer(), vocabulary=files.config["vocabulary"]),
                config=files.config,
            )

    def encode(self, patterns: Sequence[str]) -> list[Encoded]:
        """What the model says of each masked pattern, in their order; neighbours change nothing.

        Lines of as many tokens run together: nothing is padded, and the scales of int8 are fixed, so that no line's
        numbers depend on those of another.
        """
        if not patterns:
            return []
        started = time.perf_counter()
        with span("model"):
            answers = self._encode(patterns)
        self.reading_s += time.perf_counter() - started
        self.patterns_read += len(patterns)
        return answers

    def _encode(self, patterns: Sequence[str]) -> list[Encoded]:
        lines = [self._tokenise(pattern) for pattern in patterns]
        answers: dict[int, Encoded] = {}
        for places in _batches([len(line) for _, line in lines]):
            ids = np.array([lines[place][1].ids for place in places], dtype=np.int64)
            is_read = 1 - np.array([lines[place][1].special_tokens_mask for place in places], dtype=np.int64)
            found = self._session.run(self._outputs, {"input_ids": ids, "read_mask": is_read})
            if EFFECTS not in self._outputs:
                found.append(found[0] / is_read.sum(axis=1, keepdims=True, dtype=np.float32))
            for place, logits, views, embedding, effects in zip(places, *found, strict=True):
                text, line = lines[place]
                answers[place] = _by_word(line, text, logits=logits, views=views, embedding=embedding, effects=effects)
        return [answers[place] for place in range(len(patterns))]

    def _tokenise(self, pattern: str) -> tuple[str, Encoding]:
        """The pattern as far as it is read, and its word pieces: at least one."""
        text = pattern[:_READ_CHARS].encode(errors="replace").decode()
        line = self._tokenizer.encode(text)
        return (text, line) if 0 in line.special_tokens_mask else (_BLANK, self._tokenizer.encode(_BLANK))


def _batches(lengths: Sequence[int]) -> Iterator[list[int]]:
    """The places of lines of as many tokens, together up to _TOKENS_AT_ONCE tokens."""
    by_length: dict[int, list[int]] = defaultdict(list)
    for place, length in enumerate(lengths):
        by_length[length].append(place)
    for length, places in by_length.items():
        at_once = max(_TOKENS_AT_ONCE // length, 1)
        for start in range(0, len(places), at_once):
            yield places[start : start + at_once]


def _by_word(
    line: Encoding,
    text: str,
    *,
    logits: NDArray[np.float32],
    views: NDArray[np.float32],
    embedding: NDArray[np.float32],
    effects: NDArray[np.float32],
) -> Encoded:
    """Merge the word pieces of a line to the words that they are pieces of.

    logits and effects (pieces,), views (pieces, VIEW). What words are told to do never is all that a line says: what is
    left is shared out evenly, so that it adds up (FastSHAP's efficient normalisation).
    """
    is_read = np.array(line.special_tokens_mask) == 0
    words = words_of(line, text)
    count, word_of, is_inside = len(words.spans), words.of_piece, words.is_inside
    severity_logit = float(logits[is_read].mean())
    shares = np.bincount(word_of, weights=effects[is_read], minlength=count)
    shares += (severity_logit - shares.sum()) / count
    has_inside = np.bincount(word_of[is_inside], minlength=count) > 0
    seen = is_inside | ~has_inside[word_of]
    sums = np.zeros((count, VIEW), dtype=np.float32)
    np.add.at(sums, word_of[seen], views[is_read][seen])
    return Encoded(
        embedding=embedding,
        tokens=tuple(text[start:end] for start, end in words.spans),
        shares=shares.astype(np.float32),
        severity_logit=severity_logit,
        views=pack_views(sums),
    )


def _fitting(tokenizer: Tokenizer, *, vocabulary: int) -> Tokenizer:
    unknown = [name for name in PLACEHOLDERS if tokenizer.token_to_id(name) is None]
    if unknown or tokenizer.get_vocab_size() != vocabulary:
        raise ModelUnavailable(f"tokenizer.json does not fit the model or the masks; not in it: {unknown}")
    return tokenizer
