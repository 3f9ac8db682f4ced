"""Show odd lines: to a person with their odd tokens in colour, to a program as JSON."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson
import typer

if TYPE_CHECKING:
    from oddline.scoring import OddLine

SHOWN_CHARS: Final = 1_000  # Of a line, to a person: ten lines of a wide terminal.
STANDS_OUT: Final = 0.25  # Of the largest share above the line's mean: below it everything would be coloured.
IS_STRONG: Final = 0.6

# A log can hold what moves a terminal's cursor, or worse; tabs are harmless.
_CONTROL: Final = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) != "\t"}


def as_json(odd_lines: Sequence["OddLine"], *, source: str | None, model: str) -> Iterator[str]:
    """Each line as one JSON object."""
    for odd in odd_lines:
        yield orjson.dumps(
            {
                "file": odd.file,
                "line": odd.line,
                "source": source or odd.file,
                "score": round(odd.score, 4),
                "is_anomaly": True,
                "severity": round(odd.severity, 4),
                "novelty": round(odd.novelty, 4),
                "count": odd.pattern.count,
                "message": odd.message,
                "tokens": odd.tokens,
                "pattern": odd.pattern.text,
                "nearest_pattern": odd.nearest,
                "model_version": model,
            }
        ).decode()


def as_text(odd_lines: Sequence["OddLine"], *, is_coloured: bool, has_files: bool) -> Iterator[str]:
    """Score, how often, where, and the line itself, under one another."""
    counts = [f"×{odd.pattern.count:,}" for odd in odd_lines]
    places = [f"{odd.file}:{odd.line}" if has_files else f"{odd.line}" for odd in odd_lines]
    count_width, place_width = max(map(len, counts), default=0), max(map(len, places), default=0)
    for odd, count, place in zip(odd_lines, counts, places, strict=True):
        message = _message(odd, is_coloured=is_coloured)
        yield f"{odd.score:.2f}  {count:>{count_width}}  {place:>{place_width}}  {message}"


def _message(odd: "OddLine", *, is_coloured: bool) -> str:
    pieces = odd.tokens
    if not is_coloured or "".join(text for text, _ in pieces) != odd.message:
        pieces = [(odd.message, 0.0)]
    shares = [share for text, share in pieces if not text.isspace()]
    # Beside the line's own mean, so that something stands out in a line of which little sounds bad.
    mean = sum(shares) / len(shares)
    largest = max(shares) - mean
    shown, room = [], SHOWN_CHARS
    for text, share in pieces:
        clean = text[:room].translate(_CONTROL)
        shown.append(clean if text.isspace() else _coloured(clean, share=share - mean, largest=largest))
        room -= len(clean)
    return "".join(shown) + ("…" if len(odd.message) > SHOWN_CHARS else "")


def _coloured(text: str, *, share: float, largest: float) -> str:
    if not text or share <= 0 or share < STANDS_OUT * largest:
        return text
    return typer.style(text, fg="red", bold=True) if share >= IS_STRONG * largest else typer.style(text, fg="yellow")
