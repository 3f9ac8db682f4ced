"""How many bytes a line of real logs takes, newborn and merged, beside gzip and zstd of the same text as a whole.

Each line is the message of an entry, sent in batches of 1,000; what is stored is counted with rows, indexes, filters of
words and TOAST, in PostgreSQL and in the object store. gzip and zstd give back the whole text alone; what is stored is
searched, and each line has its id, times, pattern and score.
"""

import gzip
import lzma
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import psycopg
import zstandard

from bench.entries import BATCH_ENTRIES, columns
from bench.listing import compact
from bench.raw_lines import BGL, DATA
from bench.services import BareDatabase, Filler, bare_database
from bench.storage import SIZE
from oddline.chunks.compaction import REPLACED_KEPT, clear_replaced
from oddline.sample import read_corpus

GZIP_LEVEL, ZSTD_LEVELS = 6, (3, 19)
COMPACTED = ("compacted_chunks", "chunk_patterns")


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`bytes_per_line_<log>_<form>` of each log that is here; of the sample where none is."""
    results: dict[str, Any] = {}
    for name, lines in _logs().items():
        taken = {source: some[: 200 if quick else None] for source, some in lines.items()}
        told = _measure(taken, work=work / name)
        results |= {f"bytes_per_line_{name}_{form}": value for form, value in told.items()}
    return results


def _logs() -> dict[str, Mapping[str, Sequence[str]]]:
    """The lines of each log, by source."""
    logs: dict[str, Mapping[str, Sequence[str]]] = {}
    if BGL.exists():
        logs["bgl"] = {"bgl": lzma.decompress(BGL.read_bytes()).decode(errors="replace").splitlines()}
    if found := sorted((DATA / "loghub").glob("*_2k.log")):
        logs["loghub"] = {path.stem: path.read_text("utf-8", "replace").splitlines() for path in found}
    return logs or {"sample": {"sample": [line.text for line in read_corpus()]}}


def _measure(lines: Mapping[str, Sequence[str]], *, work: Path) -> dict[str, float]:
    work.mkdir()
    text = "\n".join(line for some in lines.values() for line in some).encode()
    count = sum(map(len, lines.values()))
    sizes = {"raw": len(text), f"gzip_{GZIP_LEVEL}": len(gzip.compress(text, GZIP_LEVEL))}
    sizes |= {f"zstd_{level}": len(zstandard.ZstdCompressor(level=level).compress(text)) for level in ZSTD_LEVELS}
    with bare_database(work) as bare, bare.connect("worker") as worker, bare.connect("ingest") as ingest:
        filler, now = Filler(bare, ingest=ingest, worker=worker), datetime.now(UTC)
        empty = _bytes(bare, ["hot_chunks"]), _bytes(bare, COMPACTED)
        for body in _bodies(lines, now=now):
            filler.store(columns(body, now=now), now=now)
        sizes["hot"] = _bytes(bare, ["hot_chunks"]) - empty[0]
        compact(bare, worker)
        clear_replaced(worker, bare.objects, now=now + timedelta(days=2) + 2 * REPLACED_KEPT)
        _pack(bare)
        objects = sum(info.size for info in bare.objects.list("chunks/"))
        sizes["compacted"] = objects + _bytes(bare, COMPACTED) - empty[1]
        sizes["compacted_objects_alone"] = objects
    return {form: round(size / count, 1) for form, size in sizes.items()}


def _bodies(lines: Mapping[str, Sequence[str]], *, now: datetime) -> Iterator[bytes]:
    for source, some in lines.items():
        told = [line for line in some if line.strip()]
        for start in range(0, len(told), BATCH_ENTRIES):
            entries = [
                {
                    "timestamp": (now - timedelta(seconds=len(told) - start - number)).isoformat(),
                    "source": source,
                    "message": line,
                }
                for number, line in enumerate(told[start : start + BATCH_ENTRIES])
            ]
            yield orjson.dumps({"entries": entries})


def _bytes(bare: BareDatabase, tables: Sequence[str]) -> int:
    with psycopg.connect(bare.urls["owner"], autocommit=True) as connection:
        return sum(int(connection.execute(SIZE, {"table": table}).fetchall()[0][0]) for table in tables)


def _pack(bare: BareDatabase) -> None:
    """As vacuuming and time would: rows that were replaced leave no room behind."""
    with psycopg.connect(bare.urls["owner"], autocommit=True) as connection:
        connection.execute("VACUUM FULL compacted_chunks")
