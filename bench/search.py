"""How long a search takes among 10,000,000 stored entries, by what is asked, and what it reads and leaves alone.

The sample corpus's lines with other numbers, over 24 hours, straight as chunks (no scoring). Read by the code of
functions/search as its database role, with row-level security, one query after the other. Beside it the same question
to the same lines as PostgreSQL rows with a full-text index (each kind only where rows have an index for it; as the
tenant's role, under whose row-level security PostgreSQL uses no full-text index, and as the owner, who has none), and
to gzip files by `zgrep`.
"""

import gzip
import os
import random
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg

from bench.figures import p50_p99
from bench.listing import compact
from bench.replayed import Replayed
from bench.services import BareDatabase, bare_database
from oddline.chunks import build, insert_born
from oddline.database import Database
from oddline.entries import EntryQuery, Page, list_entries
from oddline.submissions import new_id

ENTRIES = int(os.environ.get("BENCH_SEARCH_ENTRIES", "10_000_000"))
MOST_ROWS = 1_000_000  # of the table to compare with: more of them take hours to index
QUERIES = 50
SLOW_QUERIES = 5  # of a kind that must look at every entry
ARRIVED_OVER = timedelta(hours=24)
SLOW = frozenset({"text", "regex"})

_TABLE = """
CREATE TABLE search_rows (
    project_id uuid NOT NULL, timestamp timestamptz NOT NULL, source_id int NOT NULL, severity_number smallint NOT NULL,
    score real NOT NULL, pattern_id int NOT NULL, trace_id text NOT NULL, message text NOT NULL
);
ALTER TABLE search_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY project ON search_rows TO oddline_search USING (project_id = (SELECT oddline_project()));
GRANT SELECT ON search_rows TO oddline_search;
"""
_INDEXES = """
CREATE INDEX ON search_rows (project_id, timestamp DESC);
CREATE INDEX ON search_rows (project_id, trace_id);
CREATE INDEX ON search_rows (project_id, pattern_id, timestamp DESC);
CREATE INDEX ON search_rows USING gin (to_tsvector('simple', message));
ANALYZE search_rows;
"""
_COLUMNS = ("timestamp", "source_id", "severity_number", "score", "pattern_id", "trace_id", "message")


@dataclass(frozen=True, slots=True)
class Filled:
    """What is asked for: things that stand in the entries."""

    replayed: Replayed
    began: datetime
    patterns: Sequence[int]


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`search_<kind>_<born or compacted>_p50_ms` and `…_p99_ms`; in `search` what they read, and the others' times."""
    entries, queries = (30_000, 3) if quick else (ENTRIES, QUERIES)
    began = datetime.now(UTC) - ARRIVED_OVER
    replayed = Replayed()
    with bare_database(work) as bare, bare.connect("worker") as worker, bare.connect("search") as search:
        filled = Filled(replayed, began, replayed.patterns)
        told: dict[str, Any] = {"entries": entries, "filling": _fill(bare, worker, filled, entries=entries, work=work)}
        results: dict[str, Any] = {}
        for state in ("born", "compacted"):
            if state == "compacted":
                told["compaction"] = compact(bare, worker)
            latencies, told[state] = _ask_all(bare, search, filled, queries=queries)
            results |= {f"search_{kind}_{state}_{name}": value for (kind, name), value in latencies.items()}
        told["rows"] = _ask_rows(bare, search, filled, queries=min(queries, 10))
        told["zgrep_s"] = _ask_zgrep(filled, work / "lines", queries=2)
    return results | {"search": told}


def _fill(bare: BareDatabase, worker: Database, filled: Filled, *, entries: int, work: Path) -> dict[str, Any]:
    """Store the entries as chunks, as gzip files, and as rows as far as MOST_ROWS."""
    (work / "lines").mkdir()
    with worker.transaction() as tx:
        for number, name in enumerate(filled.replayed.sources, start=1):
            tx.execute(
                "INSERT INTO sources (project_id, id, name, first_seen, last_seen) VALUES (%s, %s, %s, now(), now())",
                [bare.project, number, name],
            )
    seconds: Counter[str] = Counter()
    chunks = size = filters = 0
    frames = filled.replayed.frames(entries, start=filled.began, span=ARRIVED_OVER)
    with psycopg.connect(bare.urls["owner"], autocommit=True) as owner:
        owner.execute(_TABLE)
        for place, frame in enumerate(frames):
            started = time.perf_counter()
            born = build(frame, project=bare.project, now=datetime.now(UTC), new_id=new_id)
            seconds["build"] += time.perf_counter() - started
            with worker.transaction() as tx:
                insert_born(tx, born)
            chunks, size = chunks + len(born), size + sum(one.bytes for one in born)
            filters += sum(len(one.token_filter) for one in born)
            with gzip.open(work / "lines" / f"{place:06}.gz", "at", encoding="utf-8", compresslevel=6) as file:
                file.write("\n".join(frame["message"]) + "\n")
            if place * frame.height < MOST_ROWS:
                with owner.cursor().copy(f"COPY search_rows (project_id, {', '.join(_COLUMNS)}) FROM STDIN") as copy:
                    for row in frame.select(_COLUMNS).iter_rows():
                        copy.write_row((bare.project, *row))
        started = time.perf_counter()
        owner.execute(_INDEXES)
        seconds["indexing_rows"] = time.perf_counter() - started  # type: ignore[assignment]
    packed = sum(file.stat().st_size for file in (work / "lines").iterdir())
    return {
        "chunks": chunks,
        "bytes_per_entry": round(size / entries, 1),
        "filter_bytes_per_entry": round(filters / entries, 1),
        "gzip_bytes_per_entry": round(packed / entries, 1),
        **{f"{name}_s": round(value, 1) for name, value in seconds.items()},
    }


def _kinds(rng: random.Random, filled: Filled) -> dict[str, Callable[[], EntryQuery]]:
    """Random queries of each kind."""
    replayed = filled.replayed

    def by_time_and_source() -> EntryQuery:
        start = filled.began + ARRIVED_OVER * rng.random()
        span = timedelta(minutes=rng.uniform(5, 120))
        return EntryQuery(time_from=start, time_to=start + span, sources=(rng.choice(replayed.sources),))

    return {
        "newest": EntryQuery,
        "time_and_source": by_time_and_source,
        "severity": lambda: EntryQuery(severity_minimum=21),
        "pattern": lambda: EntryQuery(pattern_id=rng.choice(filled.patterns)),
        "score": lambda: EntryQuery(score_minimum=rng.uniform(0.5, 0.99)),
        "trace": lambda: EntryQuery(trace_id=rng.choice(replayed.traces)),
        "rare_word": lambda: EntryQuery(words=(rng.choice(replayed.ids),)),
        "absent_word": lambda: EntryQuery(words=(f"{rng.getrandbits(64):016x}",)),
        "attribute": lambda: EntryQuery(attributes=(("customer", str(rng.randrange(100_000))),)),
        "text": lambda: EntryQuery(text=rng.choice(replayed.ids)[2:12]),
        "regex": lambda: EntryQuery(regex=rng.choice(replayed.ids)[:13]),
    }


def _ask_all(
    bare: BareDatabase, search: Database, filled: Filled, *, queries: int
) -> tuple[dict[tuple[str, str], float], dict[str, Any]]:
    latencies: dict[tuple[str, str], float] = {}
    told: dict[str, Any] = {}
    for kind, make in _kinds(random.Random(1), filled).items():
        asked = [make() for _ in range(min(queries, SLOW_QUERIES) if kind in SLOW else queries)]
        answers = [_whole(bare, search, query) for query in asked]
        seconds = [sum(page.cost["seconds"] for page in pages) for pages in answers]
        latencies |= {(kind, name.removeprefix("x_")): value for name, value in p50_p99(seconds, name="x").items()}
        told[kind] = _told(answers)
    return latencies, told


def _whole(bare: BareDatabase, search: Database, query: EntryQuery) -> list[Page]:
    """The answers until there are 100 entries or no more of them, as a client that goes on asks for them."""
    pages: list[Page] = []
    following: str | None = None
    while not pages or (following is not None and sum(len(page.entries) for page in pages) < 100):
        pages.append(
            list_entries(
                query,
                db=search,
                objects=bare.objects,
                project=bare.project,
                now=datetime.now(UTC),
                after=following,
            )
        )
        following = pages[-1].next
    return pages


def _told(answers: Sequence[Sequence[Page]]) -> dict[str, Any]:
    """Of a query on average: what was read, what was left alone and why."""
    costs = [page.cost for pages in answers for page in pages]
    skipped: Counter[str] = Counter()
    for cost in costs:
        skipped.update(cost["chunks_skipped"])
    names = ("metadata_rows", "chunks_opened", "entries_scanned", "bytes")
    return {
        "queries": len(answers),
        "answers": round(len(costs) / len(answers), 2),
        "found": round(sum(len(page.entries) for pages in answers for page in pages) / len(answers), 1),
        **{name: round(sum(cost[name] for cost in costs) / len(answers), 1) for name in names},
        "chunks_skipped": {why: round(count / len(answers), 1) for why, count in skipped.items()},
    }


def _ask_rows(bare: BareDatabase, search: Database, filled: Filled, *, queries: int) -> dict[str, Any]:
    """p50 and p99 in ms of the same questions to rows, of which there are at most MOST_ROWS."""
    rng = random.Random(1)
    replayed = filled.replayed
    words = "to_tsvector('simple', message) @@ plainto_tsquery('simple', %(value)s)"
    first = MOST_ROWS // 5_000
    asked: dict[str, tuple[str, Callable[[], Any]]] = {
        "newest": ("true", lambda: None),
        "pattern": ("pattern_id = %(value)s", lambda: rng.choice(filled.patterns)),
        "trace": ("trace_id = %(value)s", lambda: rng.choice(replayed.traces[:first])),
        "rare_word": (words, lambda: rng.choice(replayed.ids[:first])),
        "text": ("message ILIKE '%%' || %(value)s || '%%'", lambda: rng.choice(replayed.ids[:first])[2:12]),
    }
    with psycopg.connect(bare.urls["owner"], autocommit=True) as owner:
        ((rows, size),) = owner.execute(
            "SELECT count(*), pg_total_relation_size('search_rows') FROM search_rows"
        ).fetchall()
        results: dict[str, Any] = {"rows": rows, "bytes_per_row": round(size / rows, 1)}
        for kind, (condition, value) in asked.items():
            sql = (
                f"SELECT * FROM search_rows WHERE project_id = %(project)s AND {condition}"
                " ORDER BY timestamp DESC LIMIT 100"
            )
            values = [{"project": bare.project, "value": value()} for _ in range(queries)]
            results |= p50_p99(list(_tenant(bare, search, sql, values)), name=f"{kind}_tenant")
            results |= p50_p99(list(_timed(owner.execute, sql, values)), name=f"{kind}_owner")
    return results


def _tenant(bare: BareDatabase, search: Database, sql: str, values: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    with search.transaction(project=bare.project) as tx:
        yield from _timed(tx.execute, sql, values)


def _timed(execute: Callable[..., Any], sql: str, values: Sequence[Mapping[str, Any]]) -> Iterator[float]:
    for given in values:
        began = time.perf_counter()
        execute(sql, given).fetchall()
        yield time.perf_counter() - began


def _ask_zgrep(filled: Filled, folder: Path, *, queries: int) -> list[float]:
    seconds = []
    for wanted in filled.replayed.ids[:queries]:
        began = time.perf_counter()
        subprocess.run(f"cat {folder}/*.gz | zgrep -c -F {wanted}", shell=True, check=True, capture_output=True)
        seconds.append(round(time.perf_counter() - began, 2))
    return seconds
