"""Patterns are found by what they mean, by words and by values in entries; each says why, and nobody sees another's."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import psycopg
import pytest
from reading import client_with_key, refusal
from scored_frames import NOON, scored_frame
from starlette.testclient import TestClient
from stored_entries import Archive
from stored_patterns import add_patterns

from functions.search.patterns import router
from oddline.analytics.rollups import roll_up
from oddline.database import Database
from oddline.identity import Scope
from oddline.patterns import Masker, Sighting, add_sightings
from oddline.scoring.folding import fold_counts
from oddline.search import Embedder, Question, Searcher, embed_all, store
from oddline.search.embedder import MODEL_VERSION
from oddline.search.model import Within
from oddline.settings import Side

Databases = Callable[[Side], Database]
LINES = (
    ("storage", "Buffer I/O error on dev sda, logical block 4711, lost async page write"),
    ("storage", "Buffer I/O error on dev sdb, logical block 12, lost async page write"),
    ("storage", "mounted filesystem 7 with ordered data mode"),
    ("checkout", "payment 4711 refused after 3 tries"),
    ("checkout", "order 12 placed by customer 9"),
    ("auth", "user logged in from 10.0.4.7"),
    ("auth", "session 17 closed for user"),
    ("batch", "report written in 12 ms"),
)
WORSE = "broken drive: sectors of the array were remapped"
LATER = NOON + timedelta(hours=1)


@pytest.fixture
def database_urls(module_database_urls: dict[Side, str]) -> dict[Side, str]:
    return module_database_urls


@pytest.fixture(autouse=True)
def emptied(db: Databases) -> Iterator[None]:
    yield
    with db("owner").transaction() as tx:
        tx.execute("TRUNCATE patterns, pattern_vectors, vector_progress, source_patterns, sources, hot_chunks")
        tx.execute("TRUNCATE rollups, pattern_rollups")
        tx.execute("UPDATE projects SET last_pattern = 0")


@pytest.fixture
def archive(db: Databases, project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)


def fill(archive: Archive) -> dict[str, int]:
    """Stores LINES as scoring does, a minute apart, and gives their patterns vectors; the ids by pattern."""
    masker = Masker()
    patterns = [masker.mask(message) for _, message in LINES]
    ids = add_patterns(archive.worker, archive.project, patterns)
    names = sorted({source for source, _ in LINES})
    archive.store(
        scored_frame(
            len(LINES),
            spacing=timedelta(minutes=1),
            message=[message for _, message in LINES],
            source_id=[names.index(source) + 1 for source, _ in LINES],
            source=[source for source, _ in LINES],
            pattern_id=[ids[pattern] for pattern in patterns],
        )
    )
    with archive.worker.transaction() as tx:
        for number, name in enumerate(names, start=1):
            tx.execute(
                "UPDATE sources SET name = %s WHERE project_id = %s AND id = %s", [name, archive.project, number]
            )
        add_sightings(
            tx,
            archive.project,
            sightings=_sightings(names, ids, patterns),
        )
    embed(archive.worker)
    return ids


def _sightings(names: list[str], ids: dict[str, int], patterns: list[str]) -> list[Sighting]:
    found: dict[tuple[int, int], Sighting] = {}
    for number, ((source, _), pattern) in enumerate(zip(LINES, patterns, strict=True)):
        moment, key = NOON + timedelta(minutes=number), (names.index(source) + 1, ids[pattern])
        before = found.get(key)
        found[key] = Sighting(
            *key, before.first_seen if before else moment, moment, (before.entries if before else 0) + 1
        )
    return list(found.values())


def embed(db: Database) -> None:
    embed_all(db=db, open_embedder=Embedder.load, clock=lambda: NOON, until=LATER)


@pytest.fixture
def ask(archive: Archive, embedder: Embedder) -> Callable[..., list[Any]]:
    def ask(text: str, **options: Any) -> list[Any]:
        searcher = Searcher(
            Question(text=text, **options),
            embedder=embedder,
            db=archive.search,
            objects=archive.objects,
            project=archive.project,
            now=LATER,
        )
        return list(searcher.run().hits)

    return ask


def test_a_disk_failure_is_an_io_error_on_a_device(archive: Archive, ask: Callable[..., list[Any]]) -> None:
    fill(archive)

    first = ask("disk failure")[0]

    assert "I/O error" in first["pattern"]
    assert first["why"]["similarity"] > 0.2
    assert first["why"]["similarity_rank"] == 1
    assert (first["why"]["words"], first["why"]["parameters"]) == ((), ())
    assert first["sources"][0]["source"] == "storage"
    assert {entry["message"] for entry in first["entries"]} <= {message for _, message in LINES}


def test_a_hit_says_which_words_and_which_values_it_was_found_by(
    archive: Archive, ask: Callable[..., list[Any]]
) -> None:
    fill(archive)

    first = ask("refused payments 4711")[0]

    assert first["why"]["words"] == ("refused", "payments")
    assert first["why"]["words_rank"] == 1
    assert first["why"]["parameters"] == ("4711",)
    assert [entry["message"] for entry in first["entries"]] == ["payment 4711 refused after 3 tries"]


def test_a_value_that_masks_took_out_of_a_pattern_leads_to_it(archive: Archive, ask: Callable[..., list[Any]]) -> None:
    fill(archive)

    hits = ask("10.0.4.7", entries=1)

    assert [hit["why"]["parameters"] for hit in hits if hit["why"]["parameters"]] == [("10.0.4.7",)]
    assert hits[0]["entries"][0]["message"] == "user logged in from 10.0.4.7"


def test_a_time_and_sources_narrow_patterns_and_entries(archive: Archive, ask: Callable[..., list[Any]]) -> None:
    fill(archive)

    of_source = ask("error", sources=("checkout",))
    of_time = ask("error", time_from=NOON + timedelta(minutes=5), time_to=NOON + timedelta(minutes=6))

    assert {one["source"] for hit in of_source for one in hit["sources"]} <= {"checkout"}
    assert all(entry["source"] == "checkout" for hit in of_source for entry in hit["entries"])
    assert {hit["pattern"] for hit in of_time} <= {Masker().mask(LINES[5][1])}


@pytest.mark.parametrize("text", ["disk failure", "sectors"])
def test_what_a_question_is_narrowed_to_is_found_behind_however_many_that_fit_better(
    archive: Archive, ask: Callable[..., list[Any]], text: str
) -> None:
    better = [f"disk failure, sectors on {'x' * number}" for number in range(1, 11)]
    ids = add_patterns(archive.worker, archive.project, [*better, WORSE])
    sought = ids.pop(WORSE)
    after = NOON + timedelta(days=1)
    with archive.worker.transaction() as tx:
        sightings = [Sighting(1, one, NOON, NOON, 1) for one in ids.values()]
        add_sightings(tx, archive.project, sightings=[*sightings, Sighting(2, sought, after, after, 1)])
    embed(archive.worker)

    asked: list[dict[str, Any]] = [{}, {"sources": ("source-2",)}, {"time_from": after}]
    found = [[hit["pattern_id"] for hit in ask(text, limit=2, entries=0, **narrow)] for narrow in asked]

    assert sought not in found[0]
    assert found[1:] == [[sought], [sought]]


@pytest.mark.parametrize("text", ["disk failure", "error on device", "4711"])
def test_what_was_uploaded_a_week_late_is_found_at_its_own_time(
    archive: Archive, ask: Callable[..., list[Any]], text: str
) -> None:
    masker = Masker()
    then, now = NOON - timedelta(days=7), NOON
    messages = [LINES[0][1], "payment 12 refused after 3 tries"]
    patterns = [masker.mask(message) for message in messages]
    ids = add_patterns(archive.worker, archive.project, patterns)
    for number, moment in enumerate([then, now]):
        archive.store(scored_frame(1, timestamp=moment, message=messages[number], pattern_id=ids[patterns[number]]))
    fold_counts(archive.worker)
    roll_up(db=archive.worker, objects=archive.objects)
    embed(archive.worker)
    hour = {"time_from": then + timedelta(minutes=-30), "time_to": then + timedelta(minutes=30)}
    beside = {"time_from": then + timedelta(hours=2), "time_to": then + timedelta(hours=3)}

    found = ask(text, **hour)

    assert [(hit["pattern"], hit["count"]) for hit in found] == [(patterns[0], 1)]
    assert [one["source"] for one in found[0]["sources"]] == ["source-1"]
    assert [entry["message"] for entry in found[0]["entries"]] == [messages[0]]
    assert ask(text, **hour, sources=("source-1",)) == found
    assert ask(text, time_from=then - timedelta(days=5), time_to=then + timedelta(days=5)) == found
    assert ask(text, **hour, sources=("source-2",)) == ask(text, **beside) == []


def test_what_is_first_of_many_hits_is_first_of_one(archive: Archive, ask: Callable[..., list[Any]]) -> None:
    near = [f"the disk {fate}" for fate in ("broke", "died", "crashed", "is broken")]
    sought = "test drive of the car booked after an engine failure"
    ids = add_patterns(archive.worker, archive.project, [*near, sought])
    with archive.worker.transaction() as tx:
        add_sightings(tx, archive.project, sightings=[Sighting(1, one, NOON, NOON, 1) for one in ids.values()])
    embed(archive.worker)

    of_many = ask("drive failure", limit=10, entries=0)[0]
    of_one = ask("drive failure", limit=1, entries=0)[0]

    assert of_many["why"]["similarity_rank"] > 2  # deeper than twice what one hit asks for
    assert of_one == of_many


@pytest.mark.parametrize(
    "text",
    ["the of a", "'; DROP TABLE patterns; --", "& | ! <-> :*", "диск сломан", "磁盘故障", "x" * 1_000, "\ud800 %s {}"],
)
def test_whatever_is_asked_gets_an_answer(archive: Archive, ask: Callable[..., list[Any]], text: str) -> None:
    ids = fill(archive)

    hits = ask(text)

    assert {hit["pattern_id"] for hit in hits} <= set(ids.values())


def test_patterns_of_another_project_are_never_found(
    archive: Archive, db: Databases, other_project: UUID, embedder: Embedder
) -> None:
    fill(archive)
    vector = store.as_text(embedder.embed(["disk failure"])[0])

    with db("search").transaction(project=other_project) as tx:
        near = store.nearest(tx, vector=vector, model_version=MODEL_VERSION, most=10)
        words = store.count_words(tx, ["error"])
        with_words = store.with_words(tx, {"error": 1.0}, most=10)
    with db("search").transaction() as tx:
        of_nobody = store.nearest(tx, vector=vector, model_version=MODEL_VERSION, most=10)

    assert (near, words, with_words, of_nobody) == ([], {"error": 0}, [], [])
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db("search").transaction(project=other_project) as tx:
        tx.execute("SELECT * FROM pattern_vectors")
    with pytest.raises(psycopg.errors.InsufficientPrivilege), db("console").transaction(project=other_project) as tx:
        store.count_words(tx, ["error"])


def test_few_patterns_among_the_many_of_another_are_all_found(
    db: Databases, project: UUID, other_project: UUID
) -> None:
    random = np.random.default_rng(1)
    near_query = random.normal(size=384)
    crowd = near_query + 0.1 * random.normal(size=(3_000, 384))
    apart = -near_query + 0.1 * random.normal(size=(30, 384))
    for owner, vectors in ((other_project, crowd), (project, apart)):
        add_vectors(db("worker"), owner, vectors)
    asked = store.as_text(near_query)
    with db("worker").transaction() as tx:
        add_sightings(tx, project, sightings=[Sighting(1, one, NOON, NOON, 1) for one in range(1, 11)])

    with db("search").transaction(project=project) as tx:
        each = store.nearest(tx, vector=asked, model_version=MODEL_VERSION, most=20)
        by_index = store.nearest(tx, vector=asked, model_version=MODEL_VERSION, most=20, few=10)
        narrowed = store.nearest(
            tx, vector=asked, model_version=MODEL_VERSION, most=20, few=5, within=Within(time_from=NOON)
        )
        (settings,) = tx.execute("SELECT current_setting('hnsw.iterative_scan')").fetchall()

    unit = apart / np.linalg.norm(apart, axis=1, keepdims=True)
    exact = np.argsort(-(unit @ near_query), kind="stable")[:20] + 1
    assert {pattern for pattern, _ in each} == {pattern for pattern, _ in by_index} == set(exact.tolist())
    assert {pattern for pattern, _ in narrowed} == set(range(1, 11))
    assert settings == ("strict_order",)


def add_vectors(db: Database, project: UUID, vectors: Any) -> None:
    count = len(vectors)
    texts = [f"pattern {number}" for number in range(count)]
    ids = add_patterns(db, project, texts)
    with db.transaction() as tx:
        order = sorted(ids.items(), key=lambda pair: pair[1])
        store.insert_vectors(
            tx, project, patterns={one: text for text, one in order}, vectors=vectors, model_version=MODEL_VERSION
        )


@pytest.fixture
def client(archive: Archive, db: Databases, project: UUID, redis_url: str, tmp_path: Path) -> Iterator[TestClient]:
    options: dict[str, Any] = {"db": db, "redis_url": redis_url, "folder": tmp_path, "project": project}
    with client_with_key("search", router, scopes=[Scope.READ], **options) as client:
        yield client


def test_the_route_tells_hits_cost_and_what_waits(archive: Archive, client: TestClient, project: UUID) -> None:
    fill(archive)
    add_patterns(archive.worker, project, ["too new to be found"])

    answer = client.get("/api/v1/search", params={"q": "disk failure", "limit": 2, "entries": 0}).json()

    assert len(answer["hits"]) == 2
    assert (answer["waiting"], answer["complete"]) == (1, True)
    assert set(answer["cost"]) >= {"metadata_rows", "chunks_opened", "seconds"}


@pytest.mark.parametrize("asked", [{}, {"q": ""}, {"q": " \t "}, {"q": "x" * 1_001}, {"q": "a\0b"}])
def test_a_question_that_asks_nothing_or_too_much_is_refused(client: TestClient, asked: dict[str, str]) -> None:
    refused = client.get("/api/v1/search", params=asked)

    assert refusal(refused) == (422, "invalid-parameter", "q")
