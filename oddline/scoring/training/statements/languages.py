"""Which reader takes the statements out of a file, by the ending of its name."""

from collections.abc import Callable, Iterator
from typing import Final

from oddline.scoring.training.statements import c, go, java, javascript, python
from oddline.scoring.training.statements.model import Statement

Reader = Callable[[str], Iterator[Statement]]

READERS: Final[dict[str, tuple[str, Reader]]] = {
    ".py": ("python", python.from_source),
    **dict.fromkeys((".c", ".h"), ("c", c.from_source)),
    **dict.fromkeys((".cc", ".cpp", ".cxx", ".hpp"), ("c++", c.from_source)),
    ".go": ("go", go.from_source),
    ".java": ("java", java.from_source),
    **dict.fromkeys((".js", ".cjs", ".mjs"), ("javascript", javascript.from_source)),
    **dict.fromkeys((".ts", ".mts", ".cts"), ("typescript", javascript.from_typescript)),
}
"""The name of the language and its reader."""
