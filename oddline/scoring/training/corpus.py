"""What there is to learn from, and what of it is held out, to choose a threshold on lines never trained on."""

import zlib
from dataclasses import dataclass
from typing import Final

from oddline.scoring.training.handwritten import Line
from oddline.scoring.training.statements import Statement

# Eight kinds of software, and one statement in so many.
HELD_OUT_KINDS: Final = frozenset(
    {
        "logistics and warehouse robots",
        "tape library",
        "printers and spoolers",
        "feature flags and configuration service",
        "inference server",
        "content delivery network and caches",
        "smart meters and utilities",
        "negation",
    }
)
_HELD_OUT_EACH: Final = 25


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training material and what is held out of it."""

    statements: list[Statement]
    lines: list[Line]
    held_statements: list[Statement]
    held_lines: list[Line]


def split(found: list[Statement], lines: list[Line]) -> Corpus:
    """Part by content, so that a larger corpus holds out what a smaller one did."""
    held = [zlib.crc32(statement.text.encode()) % _HELD_OUT_EACH == 0 for statement in found]
    return Corpus(
        statements=[statement for statement, out in zip(found, held, strict=True) if not out],
        held_statements=[statement for statement, out in zip(found, held, strict=True) if out],
        lines=[line for line in lines if line.kind not in HELD_OUT_KINDS],
        held_lines=[line for line in lines if line.kind in HELD_OUT_KINDS],
    )
