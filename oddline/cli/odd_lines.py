"""Show odd lines: to a person with their odd tokens in colour, to a program as JSON."""

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Final

import orjson
import typer

if TYPE_CHECKING:
    from oddline.scoring import OddLine

SHOWN_CHARS: Final = 1_000  # Of a line, to a person: ten lines of a wide terminal.
STYLES: Final[tuple[dict[str, Any], ...]] = ({}, {"fg": "yellow"}, {"fg": "red", "bold": True})  # By weight.

# A log can hold what moves a terminal's cursor, or worse; tabs are harmless, and entries of several lines are usual.
_CONTROL: Final = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) != "\t"} | {ord("\n"): "⏎"}


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
                "newest": odd.newest,
                "nearest_pattern": odd.nearest,
                "model_version": model,
            }
        ).decode()


def as_text(odd_lines: Sequence["OddLine"], *, is_coloured: bool, has_files: bool) -> Iterator[str]:
    """Score, how often, where, and the line itself, under one another."""
    counts = [f"×{odd.pattern.count:,}" for odd in odd_lines]
    places = [f"{clean(odd.file)}:{odd.line}" if has_files else f"{odd.line}" for odd in odd_lines]
    count_width, place_width = max(map(len, counts), default=0), max(map(len, places), default=0)
    for odd, count, place in zip(odd_lines, counts, places, strict=True):
        message = coloured(odd.tokens, is_coloured=is_coloured)
        yield f"{odd.score:.2f}  {count:>{count_width}}  {place:>{place_width}}  {message}"


def coloured(tokens: Sequence[tuple[str, float]], *, is_coloured: bool) -> str:
    """A line from its pieces and their shares, as a terminal may show it: cut, clean, and what stands out in colour."""
    from oddline.patterns import cut_pieces, weigh  # Reading it takes a quarter of a second, which --help does without.

    shown = []
    for text, weight in cut_pieces(weigh(tokens), length=SHOWN_CHARS):
        shown.append(typer.style(clean(text), **STYLES[weight]) if weight and is_coloured else clean(text))
    return "".join(shown) + ("…" if sum(len(text) for text, _ in tokens) > SHOWN_CHARS else "")


def plain(message: str) -> str:
    """A line as a terminal may show it: cut and clean."""
    return clean(message[:SHOWN_CHARS]) + ("…" if len(message) > SHOWN_CHARS else "")


def clean(text: str) -> str:
    """One line of text as a terminal may show it, however long it is."""
    return text.translate(_CONTROL)
