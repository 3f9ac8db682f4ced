"""Find patterns by what a question means, by its words and by values that stand only in entries; show their entries."""

import math
import re
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, Final
from uuid import UUID

from oddline.database import Database
from oddline.entries import EntryQuery, Page, list_entries
from oddline.objects import ObjectStore
from oddline.patterns import pattern_texts
from oddline.search import store
from oddline.search.embedder import Embedder
from oddline.search.fusing import fuse
from oddline.search.model import Found, Question, Seen, Why
from oddline.submissions import rfc3339

MOST_WORDS: Final = 20  # of a question
MOST_PARAMETERS: Final = 3  # each is a search through filters of its own
DEPTH: Final = 2  # times the asked hits: how far down each list is read
LEAST_DEPTH: Final = 20  # else what one list has third could not be first of one hit, though it is first of ten
MEANING_WEIGHT: Final = 2.0
"""A vote of the vectors counts two of the words: alone they find twice as much (`python -m bench semantic`)."""

PARAMETER_WEIGHT: Final = 2.0  # whoever names a host means it
LEAST_SIMILARITY: Final = 0.15  # below it a pattern has nothing to do with the question
ENTRIES_OF_PARAMETER: Final = 50
PARAMETER_BUDGET_S: Final = 2.0  # for each
BUDGET_S: Final = 8.0  # then hits come without their entries
_WORD: Final = re.compile(r"[0-9A-Za-z_\x80-\U0010ffff][^\s\"'(),;]*")
_HAS_DIGIT: Final = re.compile(r"[0-9]")


@dataclass(slots=True)
class _Cost:
    """What the searches through chunks took together."""

    totals: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def add(self, page: Page) -> None:
        told = dict(page.cost)
        self.skipped.update(told.pop("chunks_skipped", {}))
        self.totals.update(told)

    def view(self, *, seconds: float) -> dict[str, Any]:
        names = ("metadata_rows", "chunks_considered", "chunks_opened", "entries_scanned", "bytes")
        counts = {name: self.totals[name] for name in names}
        return counts | {"chunks_skipped": dict(sorted(self.skipped.items())), "seconds": round(seconds, 4)}


class Searcher:
    """One question's search.

    Args:
        embedder: the model that patterns were read by.
        stopwatch: seconds that go by.
    """

    def __init__(
        self,
        question: Question,
        *,
        embedder: Embedder,
        db: Database,
        objects: ObjectStore,
        project: UUID,
        now: datetime,
        stopwatch: Callable[[], float] = time.monotonic,
    ) -> None:
        self._question = question
        self._embedder = embedder
        self._db, self._objects, self._project = db, objects, project
        self._now = now
        self._stopwatch = stopwatch
        self._began = stopwatch()
        self._cost = _Cost()
        self._why: dict[int, Why] = {}
        self._complete = True

    def run(self) -> Found:
        """The best hits, each with why it is one and its latest entries.

        Raises:
            ChunkMissing, CorruptBody: entries cannot be read.
            ObjectStoreUnavailable, DatabaseUnavailable: no answer.
        """
        most = max(DEPTH * self._question.limit, LEAST_DEPTH)
        within = self._question.within
        vector = store.as_text(self._embedder.embed([self._question.text])[0])
        words = words_of(self._question.text)
        with self._db.transaction(project=self._project) as tx:
            waiting = store.count_waiting(tx, self._project, model_version=self._embedder.version)
            near = store.nearest(tx, vector=vector, model_version=self._embedder.version, most=most, within=within)
            counts = store.count_words(tx, words)
            weights = {word: rarity(count) for word, count in counts.items() if count}
            by_words = store.with_words(tx, weights, most=most, within=within) if weights else []
        lists = [
            (MEANING_WEIGHT, self._by_meaning(near)),
            (1.0, self._by_words(by_words)),
            (PARAMETER_WEIGHT, self._by_parameters(_parameters(words, counts))),
        ]
        hits = self._hits(fuse(lists))
        return Found(
            hits=hits,
            waiting=waiting,
            complete=self._complete,
            cost=self._cost.view(seconds=self._stopwatch() - self._began),
        )

    def _by_meaning(self, near: Sequence[tuple[int, float]]) -> list[int]:
        kept = [(pattern, similarity) for pattern, similarity in near if similarity >= LEAST_SIMILARITY]
        for rank, (pattern, similarity) in enumerate(kept, start=1):
            why = self._of(pattern)
            why.similarity, why.similarity_rank = round(similarity, 4), rank
        return [pattern for pattern, _ in kept]

    def _by_words(self, found: Sequence[tuple[int, Sequence[str]]]) -> list[int]:
        for rank, (pattern, matched) in enumerate(found, start=1):
            why = self._of(pattern)
            why.words, why.words_rank = tuple(matched), rank
        return [pattern for pattern, _ in found]

    def _by_parameters(self, parameters: Sequence[str]) -> list[int]:
        """Patterns of the latest entries with a value that no pattern has, since masks took it out.

        Those with most of the values first, then those whose entry is the newest.
        """
        holding: dict[int, list[str]] = {}
        newest: dict[int, str] = {}
        for value in parameters:
            page = self._entries(limit=ENTRIES_OF_PARAMETER, budget_s=PARAMETER_BUDGET_S, words=(value,))
            for entry in page.entries:
                held = holding.setdefault(entry["pattern_id"], [])
                held.extend([value] if value not in held else [])
                newest[entry["pattern_id"]] = max(newest.get(entry["pattern_id"], ""), entry["timestamp"])
        ranked = sorted(holding, key=lambda one: (len(holding[one]), newest[one]), reverse=True)
        for rank, pattern in enumerate(ranked, start=1):
            why = self._of(pattern)
            why.parameters, why.parameters_rank = tuple(holding[pattern]), rank
        return ranked

    def _of(self, pattern: int) -> Why:
        return self._why.setdefault(pattern, Why())

    def _hits(self, fused: Sequence[tuple[int, float]]) -> list[dict[str, Any]]:
        ids = [pattern for pattern, _ in fused]
        with self._db.transaction(project=self._project) as tx:
            texts = pattern_texts(tx, self._project, pattern_ids=ids)
            seen = store.seen(tx, self._project, pattern_ids=ids, within=self._question.within)
        shown = [(pattern, score) for pattern, score in fused if pattern in texts]
        return [
            self._hit(pattern, score, text=texts[pattern], seen=seen.get(pattern, []))
            for pattern, score in shown[: self._question.limit]
        ]

    def _hit(self, pattern: int, score: float, *, text: str, seen: Sequence[Seen]) -> dict[str, Any]:
        return {
            "pattern_id": pattern,
            "pattern": text,
            "score": round(score, 6),
            "why": asdict(self._why[pattern]),
            "count": sum(one.entries for one in seen),
            "first_seen": rfc3339(min(one.first_seen for one in seen)) if seen else None,
            "last_seen": rfc3339(max(one.last_seen for one in seen)) if seen else None,
            "sources": [
                {
                    "source": one.source,
                    "count": one.entries,
                    "first_seen": rfc3339(one.first_seen),
                    "last_seen": rfc3339(one.last_seen),
                }
                for one in seen
            ],
            "entries": self._latest(pattern),
        }

    def _latest(self, pattern: int) -> Sequence[Any]:
        left = BUDGET_S - (self._stopwatch() - self._began)
        if not self._question.entries:
            return []
        if left <= 0:
            self._complete = False
            return []
        return self._entries(limit=self._question.entries, budget_s=left, pattern_id=pattern).entries

    def _entries(self, *, limit: int, budget_s: float, **asked: Any) -> Page:
        question = self._question
        query = EntryQuery(time_from=question.time_from, time_to=question.time_to, sources=question.sources, **asked)
        page = list_entries(
            query,
            db=self._db,
            objects=self._objects,
            project=self._project,
            now=self._now,
            limit=limit,
            budget_s=budget_s,
            stopwatch=self._stopwatch,
        )
        self._cost.add(page)
        self._complete = self._complete and page.searched_until is None
        return page


def words_of(text: str) -> list[str]:
    """The different words of a question, without the signs around them."""
    encodable = text.encode(errors="replace").decode()
    found = (one[0].rstrip(".:?!)]}>") for one in _WORD.finditer(encodable))
    return list(dict.fromkeys(one for one in found if one))[:MOST_WORDS]


def rarity(count: int) -> float:
    """What it says that a pattern holds a word that so many hold."""
    return 1.0 / math.log2(1 + count)


def _parameters(words: Sequence[str], counts: dict[str, int]) -> list[str]:
    """Words that masks may have taken out of patterns: those with digits, and those that no pattern holds."""
    likely = [one for one in words if _HAS_DIGIT.search(one)]
    unknown = [one for one in words if counts.get(one) == 0 and one not in likely]
    return [*likely, *unknown][:MOST_PARAMETERS]
