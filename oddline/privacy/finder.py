"""Find the values of a person in what is stored, in whatever form it is stored, and take them out."""

import gzip
import re
import zlib
from collections.abc import Iterator, Sequence
from io import BytesIO
from itertools import accumulate
from typing import Any, Final

import orjson
import polars as pl
import zstandard

from oddline.chunks import TEXT_COLUMNS
from oddline.encryption import Cipher
from oddline.errors import Undecipherable
from oddline.redaction import ERASED, ErasedValues, Redactor, compiled, spellings

MOST_BYTES: Final = 256 * 1024 * 1024  # unpacked, of one blob
_PARQUET, _ZSTD, _GZIP = b"PAR1", b"\x28\xb5\x2f\xfd", b"\x1f\x8b"
SEALED: Final = "gAAAA"  # what every token of `Cipher` begins with
_TOKEN: Final = re.compile(SEALED + r"[A-Za-z0-9_-]{60,}={0,2}")
_SPECIAL: Final = frozenset(".^$*+?()[]{}|\\")
_SHORTEST_WORD: Final = 3  # characters of a piece of a value that says something of it


class Finder:
    """Finds some values; `pattern` is what it looks for, for RE2, polars and PostgreSQL alike.

    Args:
        cipher: opens what is stored encrypted, and closes it again.
    """

    def __init__(self, wanted: ErasedValues, *, cipher: Cipher) -> None:
        self._cipher = cipher
        self.ignore_case = wanted.ignore_case
        self._values = [_folded(value) for value in wanted.values]
        self._redactor = Redactor((), erased=[wanted])
        spelt = {spelling for value in wanted.values for spelling in spellings(value)}
        self.pattern = "|".join(map(_literal, sorted(spelt, key=lambda one: (-len(one), one))))
        prefix = "(?i)" if wanted.ignore_case else ""
        self._expression = compiled(prefix + self.pattern)
        self._in_frames = prefix + self.pattern

    def in_bytes(self, data: bytes) -> bool:
        """Whether the data hold a value, packed or not."""
        return any(self._expression.search(part) is not None for part in contents(data))

    def in_text(self, text: str) -> bool:
        """Whether a text holds a value, in the clear or encrypted."""
        if self._expression.search(text) is not None:
            return True
        return SEALED in text and self.text(text) != text

    def in_entries(self) -> pl.Expr:
        """Whether an entry holds a value."""
        return pl.any_horizontal(pl.col(name).str.contains(self._in_frames) for name in TEXT_COLUMNS)

    def text(self, text: str) -> str:
        """A text without the values, also where it is encrypted."""
        if SEALED in text:
            text = _TOKEN.sub(self._sealed_anew, text)
        return self._redactor.erase(text)

    def json_text(self, document: str) -> str:
        """A JSON document without the values; its names come from outside, too."""
        if not document or not self.in_text(document):
            return document
        return orjson.dumps(self.json(orjson.loads(document), names=True)).decode()

    def json(self, value: Any, *, names: bool = False) -> Any:
        """A JSON value without the values, in texts, numbers, and in texts that stand there in pieces.

        Args:
            names: whether its names come from outside, too. Else they are words of ours, by which it is read.
        """
        if isinstance(value, dict):
            return {self.text(name) if names else name: self.json(inner, names=names) for name, inner in value.items()}
        if isinstance(value, list):
            return self._pieces(value) if _is_in_pieces(value) else [self.json(one, names=names) for one in value]
        if isinstance(value, bool | None):
            return value
        erased = self.text(value if isinstance(value, str) else str(value))
        return erased if isinstance(value, str) or erased != str(value) else value

    def _sealed_anew(self, found: re.Match[str]) -> str:
        """A token, or another one for the same without the values; what other keys closed stays."""
        try:
            stored = self._cipher.decrypt(found[0].encode())
            data, is_packed = _unpacked(stored)
            plain = data.decode()
        except (Undecipherable, UnicodeDecodeError):
            return found[0]
        if not self.in_text(plain):
            return found[0]
        try:
            erased = orjson.dumps(self.json(orjson.loads(plain)))
        except orjson.JSONDecodeError:
            erased = self.text(plain).encode()
        return self._cipher.encrypt(zlib.compress(erased) if is_packed else erased).decode()

    def _pieces(self, pieces: Sequence[list[Any]]) -> list[list[Any]]:
        """A text in pieces, each with its share. Those that hold a value are one, so that the shares still add up."""
        whole = "".join(text for text, _ in pieces)
        ends = list(accumulate(len(text) for text, _ in pieces))
        spans = [found.span() for found in self._expression.finditer(whole)]
        told: list[list[Any]] = []
        is_within = False
        for end, (text, share) in zip(ends, pieces, strict=True):
            if is_within:
                told[-1] = [told[-1][0] + text, told[-1][1] + share]
            else:
                told.append([text, share])
            is_within = any(start < end < stop for start, stop in spans)
        return [[self._piece(text), share] for text, share in told]

    def _piece(self, text: str) -> str:
        """A piece without the values, and nothing at all if it is a part of one: words are told singly, too."""
        word = _folded(text.strip())
        if len(word) >= _SHORTEST_WORD and any(word in value for value in self._values):
            return text.replace(text.strip(), ERASED)
        return self.text(text)


def contents(data: bytes) -> Iterator[bytes]:
    """What is in stored bytes, in the clear: Parquet, zstd, gzip, or as it is."""
    if data.startswith(_PARQUET):
        yield from _columns(data)
    elif data.startswith(_ZSTD):
        yield zstandard.ZstdDecompressor().decompress(data, max_output_size=MOST_BYTES)
    elif data.startswith(_GZIP):
        try:
            with gzip.GzipFile(fileobj=BytesIO(data)) as stream:
                yield stream.read(MOST_BYTES)
        except (OSError, EOFError, zlib.error):
            yield data
    else:
        yield data


def _unpacked(data: bytes) -> tuple[bytes, bool]:
    """What was encrypted, and whether zlib had packed it."""
    try:
        return zlib.decompressobj().decompress(data, MOST_BYTES), True
    except zlib.error:
        return data, False


def _columns(data: bytes) -> Iterator[bytes]:
    try:
        frame = pl.read_parquet(BytesIO(data), hive_partitioning=False)
    except pl.exceptions.PolarsError:
        yield data
        return
    for column in frame.iter_columns():
        if column.dtype == pl.String:
            yield "\n".join(column.unique().drop_nulls()).encode()
        elif column.dtype == pl.Binary:
            yield b"\n".join(column.unique().drop_nulls())


def _literal(text: str) -> str:
    """A text as an expression that finds only itself, which RE2, Rust and PostgreSQL read alike."""
    return "".join(f"\\{character}" if character in _SPECIAL else character for character in text)


def _is_in_pieces(value: list[Any]) -> bool:
    return bool(value) and all(
        isinstance(one, list)
        and len(one) == 2
        and isinstance(one[0], str)
        and isinstance(one[1], int | float)
        and not isinstance(one[1], bool)
        for one in value
    )


def _folded(text: str) -> str:
    return text.casefold()
