"""BGL, 100,000 lines of a supercomputer with labels: the first 10,000 are known, the rest is tested."""

import lzma
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

import numpy as np

from oddline.patterns import Masker
from oddline.scoring.encoder import Encoder
from oddline.scoring.evaluation import streams

FILE: Final = Path("bgl100k", "bgl_first_100000_lines.log.xz")
KNOWN_LINES: Final = 10_000
_HEADER_FIELDS: Final = 9


def measure(lines: Sequence[str], *, encoder: Encoder, masker: Masker) -> dict[str, Any]:
    """The figures of `streams.measure` on `raw_lines`.

    Only four of the anomalous patterns come after line 10,000, so F1 is coarse. What is judged is the message: what
    stands before it (label, times, node, facility, level) is left out.
    """
    fields = [line.split(" ", _HEADER_FIELDS) for line in lines]
    stream = streams.Stream(
        lines=[line[_HEADER_FIELDS] if len(line) > _HEADER_FIELDS else "" for line in fields],
        is_odd=np.array([line[0] != "-" for line in fields]),
        known=KNOWN_LINES,
    )
    return streams.measure(stream, encoder=encoder, masker=masker)


def raw_lines(data: Path) -> list[str]:
    """The full lines, labels and all."""
    with lzma.open(data / FILE, "rt", encoding="utf-8", errors="replace", newline="\n") as file:
        return [line.rstrip("\n") for line in file]
