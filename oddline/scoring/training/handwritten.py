"""Lines written for this project with their severity, in contrast pairs: what a level in source code cannot teach."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final

SHIPPED: Final = Path(__file__).parent / "data" / "handwritten"
_SEVERITIES: Final = {"-": 0.0, "~": 0.5, "+": 1.0}


@dataclass(frozen=True, slots=True)
class Line:
    """A log line, the kind of software that it could be from, and its severity: 0 routine, 0.5 worth a look, 1 bad."""

    kind: str
    text: str
    severity: float


def read(folder: Path = SHIPPED) -> list[Line]:
    """The lines of all files of a folder, in the order of the files' names.

    Raises:
        ValueError: as `read_file`.
    """
    return [line for path in sorted(folder.glob("*.txt")) for line in read_file(path)]


def read_file(path: Path) -> list[Line]:
    """The lines of a file of `[kind]` headers and lines that open with `- `, `~ ` or `+ `.

    Raises:
        ValueError: a line is of none of these forms, or stands before the first header.
    """
    kind = ""
    lines = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), start=1):
        if line.startswith("[") and line.endswith("]"):
            kind = line[1:-1]
        elif kind and line[:2] in {"- ", "~ ", "+ "}:
            lines.append(Line(kind=kind, text=line[2:], severity=_SEVERITIES[line[0]]))
        elif line and not line.startswith("#"):
            raise ValueError(f"{path.name}:{number}: neither a header nor a line with its severity")
    return lines
