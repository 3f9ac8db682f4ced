"""The file of statements that is shipped: each text once, packed, with a manifest of where it is from."""

import json
import lzma
from collections import Counter, defaultdict
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from oddline.scoring.training.statements.model import LEVELS, SLOT, Statement

DATA: Final = Path(__file__).parents[1] / "data"
SHIPPED: Final = DATA / "statements.tsv.xz"


def distinct(statements: Iterable[Statement]) -> list[Statement]:
    """Each text once, with the level it has most often (the milder of equals), in order of text.

    Texts that differ in blanks, in case or in what their values are called are the same one; the commonest stays.
    """
    levels: defaultdict[str, Counter[str]] = defaultdict(Counter)
    texts: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for statement in statements:
        text = " ".join(statement.text.split())
        key = SLOT.sub("{}", text).casefold()
        levels[key][statement.level] += 1
        texts[key][text] += 1
    found = [
        Statement(
            level=max(counts, key=lambda level: (counts[level], -LEVELS.index(level))),
            text=min(texts[key], key=lambda text: (-texts[key][text], text)),
        )
        for key, counts in levels.items()
    ]
    return sorted(found, key=lambda statement: statement.text)


def write(statements: Iterable[Statement], *, path: Path) -> None:
    """Store statements as xz-packed lines of `level TAB text`."""
    body = "".join(f"{statement.level}\t{statement.text}\n" for statement in statements)
    path.write_bytes(lzma.compress(body.encode(), preset=9 | lzma.PRESET_EXTREME))


def read(path: Path = SHIPPED) -> list[Statement]:
    """The statements of a file that `write` made; the shipped ones unless told otherwise."""
    lines = lzma.decompress(path.read_bytes()).decode().splitlines()
    return [Statement(level=level, text=text) for level, _, text in (line.partition("\t") for line in lines)]


def manifest(path: Path = DATA / "manifest.json") -> list[dict[str, str | int]]:
    """Where the shipped statements are from: registry, package, version, licence, count."""
    packages: list[dict[str, str | int]] = json.loads(path.read_text(encoding="utf-8"))["packages"]
    return packages
