"""Say of each pattern where it stands among others (an embedding) and how bad it sounds (a severity, word by word)."""

import hashlib
import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import onnxruntime
from numpy.typing import NDArray
from tokenizers import Encoding, Tokenizer

from oddline.errors import ModelUnavailable
from oddline.patterns import PLACEHOLDERS
from oddline.settings import DEFAULT_MODEL

_READ_CHARS: Final = 2_048  # No 64 tokens are longer, but for padding with blanks; bounds the cost of a hostile line.
_BLANK: Final = "[UNK]"  # What a pattern without anything to read is read as, so that it too has a token.
_WORD: Final = re.compile(r"<[a-z]+>|\w+|\[UNK\]")


@dataclass(frozen=True, slots=True)
class Encoded:
    """What the model says of one pattern.

    Attributes:
        embedding: (dim,), of unit length.
        tokens: the words of the pattern as they stand in it, in order, as far as the model reads (64 word pieces).
            Punctuation counts towards the word before it.
        shares: (len(tokens),), each token's part of the severity logit: their sum is `severity_logit`.
        severity_logit: mean of the logits of the pattern's word pieces; `severity` makes 0..1 of it.
    """

    embedding: NDArray[np.float32]
    tokens: tuple[str, ...]
    shares: NDArray[np.float32]
    severity_logit: float


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
        novelty_scale: cosine distance from which a pattern is wholly new (see `novelty`).
        config: all of config.json.
    """

    def __init__(
        self, *, session: onnxruntime.InferenceSession, tokenizer: Tokenizer, config: Mapping[str, Any]
    ) -> None:
        self._session = session
        self._tokenizer = tokenizer
        self.version: str = config["version"]
        self.default_threshold: float = config["default_threshold"]
        self.dimension: int = config["dimension"]
        self.novelty_scale: float = config["novelty_scale"]
        self.config = config

    @classmethod
    def load(cls, folder: Path = DEFAULT_MODEL, *, threads: int = 1) -> "Encoder":
        """The model of a folder with `config.json`, `model.onnx` and `tokenizer.json`, computing on `threads` threads.

        Raises:
            ModelUnavailable: a file is missing, damaged, not the one that config.json names, or they do not fit.
        """
        try:
            config = json.loads((folder / "config.json").read_bytes())
            files = {name: (folder / name).read_bytes() for name in ("model.onnx", "tokenizer.json")}
            _check(files, checksums=config["sha256"], folder=folder)
            tokenizer = _open_tokenizer(files["tokenizer.json"], config=config)
            return cls(session=_open_session(files["model.onnx"], threads=threads), tokenizer=tokenizer, config=config)
        except OSError as error:
            raise ModelUnavailable(f"model {folder.name}: {error.strerror}: {error.filename}") from error
        except (KeyError, TypeError, ValueError) as error:  # What is not JSON, or lacks a member, is a ValueError too.
            raise ModelUnavailable(f"model {folder.name}: config.json cannot be used: {error!r}") from error

    def encode(self, patterns: Sequence[str]) -> list[Encoded]:
        """What the model says of each masked pattern, in their order; neighbours change nothing.

        Each line runs alone. In a batch int8 would scale them together, and a line's score would depend on its
        neighbours; nor does a batch of equal length pay on one core (the model card has the figures).
        """
        return [self._encode(pattern) for pattern in patterns]

    def _encode(self, pattern: str) -> Encoded:
        text, line = self._tokenise(pattern)
        is_read = 1 - np.array([line.special_tokens_mask], dtype=np.int64)
        feed = {"input_ids": np.array([line.ids], dtype=np.int64), "read_mask": is_read}
        logits, embeddings = self._session.run(["token_logits", "line_embedding"], feed)
        return _by_word(line, text, logits=logits[0], embedding=embeddings[0])

    def _tokenise(self, pattern: str) -> tuple[str, Encoding]:
        """The pattern as far as it is read, and its word pieces: at least one."""
        text = pattern[:_READ_CHARS].encode(errors="replace").decode()
        line = self._tokenizer.encode(text)
        return (text, line) if 0 in line.special_tokens_mask else (_BLANK, self._tokenizer.encode(_BLANK))


def _by_word(line: Encoding, text: str, *, logits: NDArray[np.float32], embedding: NDArray[np.float32]) -> Encoded:
    """Merge the word pieces of a line to the words that they are pieces of."""
    pieces = [(offset, index) for index, offset in enumerate(line.offsets) if not line.special_tokens_mask[index]]
    words = [found.span() for found in _WORD.finditer(text)] or [(0, len(text))]
    shares = np.zeros(len(words), dtype=np.float32)
    word = last = 0
    for (start, _), index in pieces:
        while word + 1 < len(words) and start >= words[word + 1][0]:
            word += 1
        shares[word] += logits[index] / len(pieces)
        last = max(last, word)
    tokens = tuple(text[start:end] for start, end in words[: last + 1])
    shares = shares[: last + 1]
    return Encoded(embedding=embedding, tokens=tokens, shares=shares, severity_logit=float(shares.sum()))


def _check(files: Mapping[str, bytes], *, checksums: Mapping[str, str], folder: Path) -> None:
    for name, body in files.items():
        if hashlib.sha256(body).hexdigest() != checksums[name]:
            raise ModelUnavailable(f"model {folder.name}: {name} is not the file that config.json names")


def _open_tokenizer(body: bytes, *, config: Mapping[str, Any]) -> Tokenizer:
    try:
        tokenizer = Tokenizer.from_str(body.decode())
    except Exception as error:  # tokenizers raises bare Exception for whatever it cannot read.
        raise ModelUnavailable(f"tokenizer.json cannot be read: {error}") from error
    unknown = [name for name in PLACEHOLDERS if tokenizer.token_to_id(name) is None]
    if unknown or tokenizer.get_vocab_size() != config["vocabulary"]:
        raise ModelUnavailable(f"tokenizer.json does not fit the model or the masks; not in it: {unknown}")
    tokenizer.no_padding()
    tokenizer.enable_truncation(config["max_tokens"] + tokenizer.num_special_tokens_to_add(is_pair=False))
    return tokenizer


def _open_session(body: bytes, *, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(body, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no base but Exception.
        raise ModelUnavailable(f"model.onnx cannot be opened: {error}") from error
