"""How long the first page takes among 1,000,000 stored entries, by filter, before and after compaction.

The entries went through the code of the API and of the worker, in batches of 1,000, and arrived over the last 20 hours.
The pages are read by the code of functions/search, as its database role, one after the other.
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.entries import BATCH_ENTRIES, COMPONENTS, SOURCES, batch_body, columns
from bench.figures import p50_p99
from bench.services import BareDatabase, Filler, bare_database
from oddline.catalogue import CATALOGUE
from oddline.chunks import compact_chunks
from oddline.database import Database
from oddline.entries import EntryQuery, list_entries
from oddline.settings import Settings
from oddline.tasks import NoPayload, Publisher, TaskContext

ENTRIES = 1_000_000
QUERIES = 200
SCANS = 20  # of the queries that have to look at every entry
ARRIVED_OVER = timedelta(hours=20)
COMPACTED_AFTER = timedelta(days=2)  # hours and days are over by then, so that all is merged that ever will be


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`list_<filter>_<born or compacted>_p50_ms` and `…_p99_ms`."""
    entries, queries = (10_000, 5) if quick else (ENTRIES, QUERIES)
    began = datetime.now(UTC) - ARRIVED_OVER
    with bare_database(work) as bare, bare.connect("worker") as worker, bare.connect("search") as search:
        ids = _fill(bare, worker, entries=entries, began=began)
        results: dict[str, Any] = {"listing": {"entries": entries, "queries_per_filter": queries}}
        results |= _measure_pages(bare, search, state="born", queries=queries, ids=ids, began=began)
        results["listing"]["compaction"] = compact(bare, worker)
        return results | _measure_pages(bare, search, state="compacted", queries=queries, ids=ids, began=began)


def _fill(bare: BareDatabase, worker: Database, *, entries: int, began: datetime) -> list[str]:
    """Store the entries; some of the ids that stand in messages, each in one of them only."""
    ids = []
    step = ARRIVED_OVER * BATCH_ENTRIES / entries
    with bare.connect("ingest") as ingest:
        filler = Filler(bare, ingest=ingest, worker=worker)
        for batch in range(entries // BATCH_ENTRIES):
            start = began + batch * step
            taken = columns(batch_body(BATCH_ENTRIES, seed=batch, start=start, span=step), now=start + step)
            filler.store(taken, now=start + step)
            ids.append(next(word for message in taken.messages for word in message.split() if word.count("-") == 4))
    return ids


def _measure_pages(
    bare: BareDatabase, search: Database, *, state: str, queries: int, ids: Sequence[str], began: datetime
) -> dict[str, Any]:
    results: dict[str, Any] = {}
    rng = random.Random(1)
    for kind, make in _filters(rng, patterns=_pattern_ids(bare, search), ids=ids, began=began).items():
        asked = [make() for _ in range(min(queries, SCANS) if kind == "id" else queries)]
        results |= p50_p99(list(_seconds(bare, search, asked)), name=f"list_{kind}_{state}")
    return results


def _filters(
    rng: random.Random, *, patterns: Sequence[int], ids: Sequence[str], began: datetime
) -> dict[str, Callable[[], EntryQuery]]:
    """Random queries of each kind; a word stands in every fortieth message, an id in a single one."""

    def by_time_and_source() -> EntryQuery:
        start = began + ARRIVED_OVER * rng.random()
        span = timedelta(minutes=rng.uniform(5, 120))
        return EntryQuery(time_from=start, time_to=start + span, sources=(rng.choice(SOURCES),))

    return {
        "time_and_source": by_time_and_source,
        "pattern": lambda: EntryQuery(pattern_id=rng.choice(patterns)),
        "score": lambda: EntryQuery(score_minimum=rng.uniform(0.05, 0.95)),
        "word": lambda: EntryQuery(text=rng.choice(COMPONENTS)),
        "id": lambda: EntryQuery(text=rng.choice(ids)),
    }


def _seconds(bare: BareDatabase, search: Database, asked: Sequence[EntryQuery]) -> Iterator[float]:
    for query in asked:
        began = time.perf_counter()
        list_entries(query, db=search, objects=bare.objects, project=bare.project, now=datetime.now(UTC))
        yield time.perf_counter() - began


def _pattern_ids(bare: BareDatabase, search: Database) -> list[int]:
    with search.transaction(project=bare.project) as tx:
        return [identifier for (identifier,) in tx.execute("SELECT id FROM patterns").fetchall()]


def compact(bare: BareDatabase, worker: Database) -> dict[str, Any]:
    """Run the task until it finds nothing to do; what it did."""
    context = TaskContext(
        db=worker,
        objects=bare.objects,
        publisher=Publisher(""),
        settings=Settings(_env_file=None),  # type: ignore[call-arg]  # pydantic takes it
        catalogue=CATALOGUE,
        worker="bench",
        clock=lambda: datetime.now(UTC) + COMPACTED_AFTER,
    )
    began = time.perf_counter()
    runs = [compact_chunks(NoPayload(), context)]
    while runs[-1]["merges"]:
        runs.append(compact_chunks(NoPayload(), context))
    summed = {name: sum(run[name] for run in runs) for name in runs[0]}
    return summed | {"seconds": round(time.perf_counter() - began, 1)}
