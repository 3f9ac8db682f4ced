"""How well patterns are found by questions in other words, and how fast among 100,000: vectors, words, and both fused.

The questions were written for the sample corpus; which patterns each is about is told by an expression on the pattern
and on its first line (`semantic_queries.tsv`). They paraphrase on purpose: whoever knows the words needs no vectors.
"""

import os
import re
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
from numpy.typing import NDArray

from bench.figures import p50_p99
from bench.services import BareDatabase, bare_database
from oddline.database import Database, Transaction
from oddline.identity import ensure_project
from oddline.patterns import MASK_VERSION, Masker, insert_patterns, pattern_hash
from oddline.sample import read_corpus
from oddline.search import Embedder, Question, Searcher, embed_project, store
from oddline.search.embedder import MODEL_VERSION
from oddline.search.fusing import fuse
from oddline.search.searching import rarity, words_of
from oddline.submissions import new_id

QUERIES = Path(__file__).parent / "semantic_queries.tsv"
VECTORS = int(os.environ.get("BENCH_SEMANTIC_VECTORS", "100_000"))
SMALL = 100  # patterns of the tenant beside
AT_ONCE = 2_000  # rows inserted in a statement
SPREAD = 0.5  # length of the noise that makes other patterns of the corpus's, beside 1 of a vector
FOUND = 10
ROUNDS = 4  # of all questions, for the times


@dataclass(frozen=True, slots=True)
class Asked:
    """A question and the patterns that it is about."""

    text: str
    relevant: frozenset[int]


def measure(*, quick: bool, work: Path) -> dict[str, Any]:
    """`semantic_recall_<how>` at 10, `semantic_<what>_p50_ms` and `…_p99_ms`; in `semantic` what they rest on."""
    embedder = Embedder.load()
    with bare_database(work) as bare, bare.connect("worker") as worker, bare.connect("search") as search:
        ids, told = _fill(bare, worker, embedder)
        asked = _questions(ids)
        told |= {"questions": len(asked), "relevant": sum(len(one.relevant) for one in asked)}
        recalls, times = _recalls(bare, search, asked, embedder)
        crowded, more = _crowded(bare, search, asked, embedder, vectors=2_000 if quick else VECTORS)
    return recalls | times | crowded | {"semantic": told | more}


def _fill(
    bare: BareDatabase, worker: Database, embedder: Embedder
) -> tuple[dict[int, tuple[str, str]], dict[str, Any]]:
    """The corpus's patterns with their vectors: (pattern, first line) by id."""
    lines = [line.text for line in read_corpus()]
    first: dict[str, str] = {}
    for pattern, line in zip(Masker().mask_many(lines), lines, strict=True):
        first.setdefault(pattern, line)
    _insert(worker, bare.project, list(first))
    started = time.perf_counter()
    until = datetime.now(UTC) + timedelta(hours=2)
    embed_project(bare.project, db=worker, open_embedder=lambda: embedder, clock=lambda: datetime.now(UTC), until=until)
    seconds = time.perf_counter() - started
    with worker.transaction() as tx:
        rows = tx.execute("SELECT id, pattern FROM patterns WHERE project_id = %s", [bare.project]).fetchall()
    told = {"patterns": len(first), "embedding_ms_per_pattern": round(1000 * seconds / len(first), 2)}
    return {number: (pattern, first[pattern]) for number, pattern in rows}, told


def _insert(worker: Database, project: UUID, patterns: Sequence[str]) -> None:
    for start in range(0, len(patterns), AT_ONCE):
        hashes = {pattern_hash(one): one for one in patterns[start : start + AT_ONCE]}
        with worker.transaction() as tx:
            insert_patterns(tx, project, patterns=hashes, mask_version=MASK_VERSION, now=datetime.now(UTC))


def _questions(patterns: Mapping[int, tuple[str, str]]) -> list[Asked]:
    asked = []
    for row in QUERIES.read_text(encoding="utf-8").splitlines():
        text, expression = row.split("\t")
        told = re.compile(expression)
        relevant = frozenset(one for one, texts in patterns.items() if any(map(told.search, texts)))
        if not relevant:
            raise LookupError(f"{text!r} is about no pattern")
        asked.append(Asked(text, relevant))
    return asked


def _recalls(
    bare: BareDatabase, search: Database, asked: Sequence[Asked], embedder: Embedder
) -> tuple[dict[str, float], dict[str, float]]:
    """Recall at 10 of each list alone, of both fused with equal votes, and as the route answers."""
    found: dict[str, list[Sequence[int]]] = {"vectors": [], "words": [], "equal": [], "fused": []}
    seconds = []
    for one in asked:
        vector = store.as_text(embedder.embed([one.text])[0])
        with search.transaction(project=bare.project) as tx:
            near = [
                pattern for pattern, _ in store.nearest(tx, vector=vector, model_version=MODEL_VERSION, most=2 * FOUND)
            ]
            words = _by_words(tx, one.text)
        found["vectors"].append(near[:FOUND])
        found["words"].append(words[:FOUND])
        found["equal"].append([pattern for pattern, _ in fuse([(1.0, near), (1.0, words)])][:FOUND])
        started = time.perf_counter()
        hits = _searched(bare, search, one.text, embedder)
        seconds.append(time.perf_counter() - started)
        found["fused"].append(hits)
    recalls = {f"semantic_recall_{how}": _recall(asked, lists) for how, lists in found.items()}
    return recalls, p50_p99(seconds, name="semantic_question")


def _by_words(tx: Transaction, text: str) -> list[int]:
    weights = {word: rarity(count) for word, count in store.count_words(tx, words_of(text)).items() if count}
    return [pattern for pattern, _ in store.with_words(tx, weights, most=2 * FOUND)] if weights else []


def _searched(bare: BareDatabase, search: Database, text: str, embedder: Embedder) -> list[int]:
    question = Question(text=text, limit=FOUND, entries=0)
    now = datetime.now(UTC)
    searcher = Searcher(question, embedder=embedder, db=search, objects=bare.objects, project=bare.project, now=now)
    return [hit["pattern_id"] for hit in searcher.run().hits]


def _recall(asked: Sequence[Asked], found: Sequence[Sequence[int]]) -> float:
    """The mean over the questions of how much of what could stand in the first ten does."""
    shares = [
        len(one.relevant & set(hits)) / min(FOUND, len(one.relevant)) for one, hits in zip(asked, found, strict=True)
    ]
    return round(float(np.mean(shares)), 3)


def _crowded(
    bare: BareDatabase, search: Database, asked: Sequence[Asked], embedder: Embedder, *, vectors: int
) -> tuple[dict[str, float], dict[str, Any]]:
    """Times and recall of the index in a project of many, and of a small one beside it, as the search function asks."""
    questions = embedder.embed([one.text for one in asked])
    with bare.connect("worker") as worker, psycopg.connect(bare.urls["owner"], autocommit=True) as owner:
        large, small = (
            ensure_project(worker, name, new_id=new_id(), now=datetime.now(UTC)) for name in ("large", "small")
        )
        rows = owner.execute("SELECT embedding::text FROM pattern_vectors").fetchall()
        real = np.array([np.fromstring(row[1:-1], sep=",") for (row,) in rows], dtype=np.float32)
        rng = np.random.default_rng(1)
        started = time.perf_counter()
        ((index,),) = owner.execute(
            "SELECT indexdef FROM pg_indexes WHERE indexname = 'pattern_vectors_nearest'"
        ).fetchall()
        owner.execute("DROP INDEX pattern_vectors_nearest")
        made = {
            project: _crowd(worker, project, real, count=count, rng=rng)
            for project, count in ((large, vectors), (small, SMALL))
        }
        owner.execute("SET maintenance_work_mem = '512MB'")
        owner.execute(index)
        owner.execute("ANALYZE pattern_vectors")
        filling = time.perf_counter() - started
        (size,) = owner.execute("SELECT pg_relation_size('pattern_vectors_nearest')").fetchall()[0]
        exact_s = _exact(owner, large, questions)
    told = {"vectors": vectors, "filling_s": round(filling, 1), "index_bytes_per_vector": size // vectors}
    results = p50_p99(exact_s, name="semantic_exact")
    for name, project in (("large", large), ("small", small)):
        results |= _nearest(search, project, questions, made[project], name=f"semantic_{name}")
    return results, told


def _nearest(
    search: Database, project: UUID, questions: NDArray[np.float32], vectors: NDArray[np.float32], *, name: str
) -> dict[str, float]:
    """Times of the search function's own question, and how many of the true nearest it finds."""
    seconds, shares = [], []
    for question in np.tile(questions, (ROUNDS, 1)):
        text = store.as_text(question)
        started = time.perf_counter()
        with search.transaction(project=project) as tx:
            near = store.nearest(tx, vector=text, model_version=MODEL_VERSION, most=2 * FOUND)
        seconds.append(time.perf_counter() - started)
        truth = np.argsort(-(vectors @ question))[: 2 * FOUND] + 1
        shares.append(len({pattern for pattern, _ in near} & set(truth.tolist())) / (2 * FOUND))
    return p50_p99(seconds, name=name) | {f"{name}_index_recall": round(float(np.mean(shares)), 3)}


def _crowd(
    worker: Database, project: UUID, real: NDArray[np.float32], *, count: int, rng: np.random.Generator
) -> NDArray[np.float32]:
    """Patterns with vectors near those of the corpus; their vectors, in the order of their ids."""
    drawn = real[rng.integers(len(real), size=count)]
    noise = rng.normal(size=drawn.shape).astype(np.float32)
    vectors = drawn + SPREAD * noise / np.linalg.norm(noise, axis=1, keepdims=True)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    _insert(worker, project, [f"pattern {number}" for number in range(count)])
    for start in range(0, count, AT_ONCE):
        with worker.transaction() as tx:
            patterns = dict(
                tx.execute(
                    "SELECT id, pattern FROM patterns WHERE project_id = %s AND id > %s ORDER BY id LIMIT %s",
                    [project, start, AT_ONCE],
                ).fetchall()
            )
            store.insert_vectors(
                tx,
                project,
                patterns=patterns,
                vectors=vectors[start : start + AT_ONCE],
                model_version=MODEL_VERSION,
            )
    return np.asarray(vectors, dtype=np.float32)


def _exact(owner: psycopg.Connection, project: UUID, questions: NDArray[np.float32]) -> list[float]:
    """Seconds that it takes to look at each vector of a project."""
    owner.execute("SET enable_indexscan = off")
    seconds = []
    for question in questions:
        started = time.perf_counter()
        owner.execute(
            "SELECT pattern_id FROM pattern_vectors WHERE project_id = %s ORDER BY embedding <=> %s::halfvec LIMIT 20",
            [project, store.as_text(question)],
        ).fetchall()
        seconds.append(time.perf_counter() - started)
    return seconds
