"""Large files of full raw lines: real logs from beside the checkout where they are, else the sample that ships."""

import lzma
import random
import re
from collections.abc import Iterator, Sequence
from functools import cache
from itertools import cycle, islice
from pathlib import Path
from uuid import UUID

from oddline.sample import read_corpus

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
BGL = DATA / "bgl100k" / "bgl_first_100000_lines.log.xz"
OPENSTACK = DATA / "loghub" / "OpenStack_2k.log"
_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_WRITTEN_AT_ONCE = 100_000  # lines


def material() -> dict[str, str]:
    """Which lines stand for which log: what the figures are of is told with them."""
    return {
        "bgl": "BGL, the first 100,000 lines, repeated" if BGL.exists() else "the sample corpus, repeated",
        "openstack": "OpenStack_2k, repeated with fresh ids" if OPENSTACK.exists() else "the sample corpus, repeated",
    }


def bgl_lines() -> Iterator[str]:
    """Lines without end."""
    return cycle(_read(BGL))


def openstack_lines() -> Iterator[str]:
    """Lines without end; the ids in them never come again, as in a real log."""
    lines = _read(OPENSTACK)
    rng = random.Random(1)
    while True:
        yield from (_UUID.sub(lambda _: str(UUID(int=rng.getrandbits(128))), line) for line in lines)


def write(path: Path, lines: Iterator[str], *, count: int) -> None:
    """Write the first `count` lines."""
    with path.open("w", encoding="utf-8") as file:
        while count > 0:
            file.writelines(f"{line}\n" for line in islice(lines, min(count, _WRITTEN_AT_ONCE)))
            count -= _WRITTEN_AT_ONCE


@cache
def _read(path: Path) -> Sequence[str]:
    if not path.exists():
        return [line.text for line in read_corpus()]
    raw = path.read_bytes()
    return (lzma.decompress(raw) if path.suffix == ".xz" else raw).decode(errors="replace").splitlines()
