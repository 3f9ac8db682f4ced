"""How many bytes a stored entry takes: in batches of 1,000, one by one, as a row, and as the text that it was.

Counted with metadata, indexes and TOAST, in PostgreSQL and in the object store. What a submission's body takes for two
days, until it is dropped, and what is kept once per pattern and not per entry, is told apart.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench.entries import BATCH_ENTRIES, batch_body, columns
from bench.rows import create_table, insert, rows_of
from bench.services import FOLD_EVERY, BareDatabase, Filler, bare_database
from oddline.chunks import Reader, Wanted, list_parts
from oddline.database import Database
from oddline.submissions import Columns

BATCHES = 100
EARLIER = timedelta(minutes=5)
SINGLES = 3_000
PARTS = {
    "chunks": ("hot_chunks", "compacted_chunks"),
    "odd_entries": ("odd_entries",),
    "submission_state": ("submission_state",),
    "bodies_for_2_days": ("submissions",),
    "once_per_pattern": ("sources", "patterns", "pattern_memo", "source_patterns"),
    "rows": ("entry_rows",),
}
KEPT = ("chunks", "odd_entries", "submission_state")
# A table that has no partitions is not in its own partition tree.
SIZE = """
SELECT coalesce((SELECT sum(pg_total_relation_size(relid)) FROM pg_partition_tree(%(table)s::regclass)),
                pg_total_relation_size(%(table)s::regclass))::bigint
"""


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`bytes_per_entry_batch`, `…_single`, `…_row` and `…_raw_text`."""
    batches, singles = (3, 30) if quick else (BATCHES, SINGLES)
    with bare_database(work) as bare, bare.connect("worker") as worker, bare.connect("ingest") as ingest:
        create_table(bare)
        filler = Filler(bare, ingest=ingest, worker=worker)
        now = datetime.now(UTC)
        for number in range(-FOLD_EVERY, 0):  # at first all is new, and odd where it sounds bad
            filler.store(columns(batch_body(BATCH_ENTRIES, seed=number, start=now), now=now), now=now - EARLIER)
        bodies = [columns(batch_body(BATCH_ENTRIES, seed=number, start=now), now=now) for number in range(batches)]
        batch = _grown(bare, filler, bodies)
        row = _grown_by_rows(bare, worker, entries=(FOLD_EVERY + batches) * BATCH_ENTRIES)
        ones = [columns(batch_body(1, seed=1_000_000 + number, start=now), now=now) for number in range(singles)]
        single = _grown(bare, filler, ones)
    text = sum(len(message.encode()) for body in bodies for message in body.messages) / (batches * BATCH_ENTRIES)
    return {
        "bytes_per_entry_raw_text": round(text, 1),
        "bytes_per_entry_batch": round(sum(batch[part] for part in KEPT), 1),
        "bytes_per_entry_single": round(sum(single[part] for part in KEPT), 1),
        "bytes_per_entry_row": round(row["rows"], 1),
        "storage": {"batch": batch, "single": single, "entries": {"batch": batches * BATCH_ENTRIES, "single": singles}},
    }


def _grown(bare: BareDatabase, filler: Filler, submissions: Sequence[Columns]) -> dict[str, float]:
    """Bytes per entry by which each part grew when these were accepted and scored."""
    before, odd_before = sizes(bare), _odd_rows(bare)
    for submission in submissions:
        filler.store(submission, now=datetime.now(UTC))
    entries = sum(len(one) for one in submissions)
    return _per_entry(before, sizes(bare), entries=entries) | {
        "odd_rows_per_1000": round((_odd_rows(bare) - odd_before) / entries * 1_000, 1)
    }


def _grown_by_rows(bare: BareDatabase, worker: Database, *, entries: int) -> dict[str, float]:
    """The same for all stored entries, written as rows as well."""
    before = sizes(bare)
    now = datetime.now(UTC)
    wanted = Wanted(time_from=now - timedelta(days=1), time_to=now + timedelta(days=1))
    with worker.transaction(project=bare.project) as tx:
        parts = list_parts(tx, project=bare.project, wanted=wanted, today=now.date())
        for frame in Reader(db=worker, objects=bare.objects, project=bare.project).read(parts):
            insert(tx, rows_of(frame.iter_rows(named=True), project=bare.project))
    return _per_entry(before, sizes(bare), entries=entries)


def sizes(bare: BareDatabase, *, parts: Sequence[str] = tuple(PARTS)) -> dict[str, int]:
    """Bytes that each part takes in PostgreSQL and, of bodies, in the object store."""
    sizes = {}
    with psycopg.connect(bare.urls["owner"], autocommit=True) as connection:
        for part in parts:
            found = [connection.execute(SIZE, {"table": table}).fetchall() for table in PARTS[part]]
            sizes[part] = sum(size for ((size,),) in found)
    sizes["bodies_for_2_days"] += sum(info.size for info in bare.objects.list("bodies/"))
    return sizes


def _odd_rows(bare: BareDatabase) -> int:
    with psycopg.connect(bare.urls["owner"], autocommit=True) as connection:
        ((count,),) = connection.execute("SELECT count(*) FROM odd_entries").fetchall()
    return int(count)


def _per_entry(before: dict[str, int], after: dict[str, int], *, entries: int) -> dict[str, float]:
    return {part: round((after[part] - before[part]) / entries, 1) for part in PARTS}
