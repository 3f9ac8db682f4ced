"""Entries put into chunks the way that scoring does it, merged, and what a plain sort of them says."""

import json
import random
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import polars as pl
from scored_frames import NOON, scored_frame

from oddline.chunks import build, insert_born
from oddline.chunks.compaction import Compacted, Compactor
from oddline.database import Database
from oddline.entries import EntryQuery, Page, entry_view, list_entries
from oddline.objects import FolderObjects
from oddline.submissions import new_id

TOMORROW = NOON + timedelta(hours=20)
WEEKEND = timedelta(days=400)


@dataclass
class Archive:
    """One project's entries: in the database as chunks, and beside it as the frames that they were made of."""

    worker: Database
    search: Database
    project: UUID
    objects: FolderObjects
    frames: list[pl.DataFrame] = field(default_factory=list)

    @classmethod
    def make(cls, *, worker: Database, search: Database, project: UUID, folder: Path) -> "Archive":
        with worker.transaction() as tx:
            for number in range(1, 6):
                tx.execute(
                    "INSERT INTO sources (project_id, id, name, first_seen, last_seen) VALUES (%s, %s, %s, %s, %s)"
                    " ON CONFLICT DO NOTHING",
                    [project, number, f"source-{number}", NOON, NOON],
                )
        return cls(worker, search, project, FolderObjects(folder))

    def store(self, frame: pl.DataFrame) -> list[UUID]:
        chunks = build(frame, project=self.project, now=NOON, new_id=new_id)
        with self.worker.transaction() as tx:
            insert_born(tx, chunks)
        self.frames.append(frame)
        return [chunk.id for chunk in chunks]

    def compact(self, *, now: datetime = TOMORROW) -> Compacted:
        compactor = Compactor(db=self.worker, objects=self.objects, clock=lambda: now, new_id=new_id)
        return compactor.run(until=now + timedelta(minutes=1))

    @contextmanager
    def while_merging(self, ask: Callable[[], Any]) -> Iterator[list[Any]]:
        """Asks when the first merge has written its object and not yet put it in the place of others."""
        answers: list[Any] = []
        usual = self.objects

        class Asking(FolderObjects):
            def put(self, key: str, data: bytes, *, metadata: Mapping[str, str] | None = None) -> None:
                super().put(key, data, metadata=metadata or {})
                if not answers:
                    answers.append(ask())

        self.objects = Asking(usual._root)
        yield answers
        self.objects = usual

    def page(
        self, query: EntryQuery, *, after: str | None = None, limit: int = 100, now: datetime = TOMORROW, **options: Any
    ) -> Page:
        return list_entries(
            query,
            db=self.search,
            objects=self.objects,
            project=self.project,
            now=now,
            after=after,
            limit=limit,
            **options,
        )

    def pages(self, query: EntryQuery, *, limit: int = 100, **options: Any) -> list[Page]:
        pages = [self.page(query, limit=limit, **options)]
        while pages[-1].next is not None:
            pages.append(self.page(query, after=pages[-1].next, limit=limit, **options))
        return pages

    def read(self, query: EntryQuery, *, limit: int = 100, **options: Any) -> list[str]:
        return ids(entry for page in self.pages(query, limit=limit, **options) for entry in page.entries)

    def read_now(self, now: datetime) -> int:
        """How many entries can be read at a moment."""
        page = list_entries(
            EntryQuery(), db=self.search, objects=self.objects, project=self.project, now=now, limit=1_000
        )
        assert page.next is None
        return len(page.entries)

    def expected(self, query: EntryQuery) -> list[str]:
        """What `query` asks for, by looking at every entry."""
        rows = [row for frame in self.frames for row in frame.iter_rows(named=True) if _matches(query, row)]
        rows.sort(key=lambda row: (row["timestamp"], row["submission"], row["index"]), reverse=True)
        return ids(map(entry_view, rows))


def ids(entries: Iterable[Any]) -> list[str]:
    return [entry["id"] for entry in entries]


def random_frame(seed: int, *, count: int) -> pl.DataFrame:
    """Entries of two sources, within a minute or over hours, some odd, some of yesterday, some of last year."""
    chance = random.Random(seed)
    sources = [chance.randint(1, 5) for _ in range(2)]
    offsets = [
        timedelta(),
        timedelta(seconds=1),
        timedelta(hours=-5),
        timedelta(hours=-11),
        timedelta(days=-1),
        -WEEKEND,
    ]
    base = NOON + chance.choice(offsets)
    minutes = chance.choice([1, 1, 300])
    scores = [chance.choice([0.0, 0.25, 0.5, 0.9, 1.0]) for _ in range(count)]
    source_ids = [chance.choice(sources) for _ in range(count)]
    return scored_frame(
        count,
        timestamp=[base + timedelta(minutes=chance.randint(0, 3) * chance.randint(0, minutes)) for _ in range(count)],
        source_id=source_ids,
        source=[f"source-{number}" for number in source_ids],
        pattern_id=[chance.randint(1, 4) for _ in range(count)],
        severity_number=[chance.choice([0, 9, 13, 17, 24]) for _ in range(count)],
        score=scores,
        is_anomaly=[score >= 0.9 for score in scores],
        message=[chance.choice(MESSAGES).format(chance.randint(0, 9), chance.randint(0, 9)) for _ in range(count)],
        attributes=[chance.choice(ATTRIBUTES).replace("#", str(chance.randint(0, 9))) for _ in range(count)],
        trace_id=[chance.choice(["", "0a" * 16, "0b" * 16]) for _ in range(count)],
        span_id=[chance.choice(["", "0c" * 8]) for _ in range(count)],
        session=[chance.choice(["", "s-1", "s 2/é"]) for _ in range(count)],
    )


MESSAGES = (
    "Disk FULL on /dev/sda{}",
    "user logged in",
    "naïve ÉTÉ (100%) {}→{}",
    "took 10.0.{0}.{1} of blk_-160{0}{1}",
    "a ſky of {}\u212a, lines\nof two",
)
ATTRIBUTES = ("", '{"host":"web-#"}', '{"user":{"id":#},"ok":true}', '{"a.b":"x\\"y #","size":#.5}')


def _matches(query: EntryQuery, row: dict[str, Any]) -> bool:
    mask = query.severity_mask()
    return (
        (query.time_from is None or row["timestamp"] >= query.time_from)
        and (query.time_to is None or row["timestamp"] < query.time_to)
        and (not query.sources or row["source"] in query.sources)
        and (mask is None or bool(mask >> row["severity_number"] & 1))
        and (query.score_minimum is None or row["score"] >= query.score_minimum - 1e-6)
        and (query.is_anomaly is None or row["is_anomaly"] == query.is_anomaly)
        and (query.pattern_id is None or row["pattern_id"] == query.pattern_id)
        and (query.text is None or _folded(query.text) in _folded(row["message"]))
        and all(_has_word(word, row["message"]) for word in query.words)
        and (query.regex is None or re.search(query.regex, row["message"]) is not None)
        and all(_has_attribute(row["attributes"], name, value) for name, value in query.attributes)
        and all(getattr(query, name) in {None, row[name]} for name in ("trace_id", "span_id", "session"))
    )


def _folded(text: str) -> str:
    return text.lower().replace("ſ", "s").replace("\u212a", "k")


def _has_word(word: str, message: str) -> bool:
    sign = r"[0-9A-Za-z_\x80-\U0010ffff]"
    begin, end = (f"(?<!{sign})" if re.match(sign, word) else ""), (f"(?!{sign})" if re.match(sign, word[-1]) else "")
    return re.search(begin + re.escape(word) + end, message, re.IGNORECASE) is not None


def _has_attribute(text: str, name: str, value: str) -> bool:
    found = json.loads(text or "{}")
    nested = found
    for step in name.split("."):
        nested = nested.get(step) if isinstance(nested, dict) else None
    return any(
        one is not None and value == (one if isinstance(one, str) else json.dumps(one, separators=(",", ":")))
        for one in (found.get(name), nested)
    )
