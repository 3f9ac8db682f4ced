"""What a worker process remembers of a project: what the model said of its patterns, and what each source knows."""

from collections import OrderedDict, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from oddline.database import Database, Transaction
from oddline.patterns import (
    MASK_VERSION,
    Memo,
    StoredPattern,
    ensure_sources,
    find_patterns,
    insert_memos,
    insert_patterns,
    known_patterns,
    list_sources,
    pattern_hash,
)
from oddline.scoring.encoder import Encoded, Encoder, severity

SNAPSHOT_AGE = timedelta(seconds=60)  # STORAGE 3: a worker's view of what is known is at most this old
KNOWN_AFTER = timedelta(hours=1)  # a fault does not become normal by lasting a few minutes
MOST_PATTERNS = 50_000  # remembered per project; some 60 MB
LEARNED_AT_ONCE = 512  # new patterns; stored at once, so that an attempt that is cut short leaves less for the next
MOST_PROJECTS = 32  # remembered per process; the least recently used one goes first


@dataclass(frozen=True, slots=True)
class Pattern:
    """A pattern as scoring uses it."""

    id: int
    text: str
    severity: float
    severity_logit: float
    tokens: tuple[str, ...]
    shares: NDArray[np.float32]
    embedding: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Known:
    """The patterns that a source knows; of those that this model has read, ids (n,) and embeddings (n, dimension)."""

    members: frozenset[int]
    ids: NDArray[np.int32]
    embeddings: NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Source:
    """A source as scoring uses it."""

    id: int
    name: str
    threshold: float
    known: Known


class ProjectMemory:
    """One project's part of a worker's memory. Not for several threads.

    A pattern is known to a source from the moment at which its counts were folded, when it is harmless by itself
    (its severity does not reach the threshold), and an hour after it was first seen otherwise. What another model
    made known stays known.
    """

    def __init__(self, project: UUID, *, encoder: Encoder) -> None:
        self._project = project
        self._encoder = encoder
        self._patterns: dict[str, Pattern] = {}
        self._sources: dict[str, Source] = {}
        self._taken_at: datetime | None = None

    def patterns(self, db: Database, texts: Sequence[str], *, now: datetime) -> list[Pattern]:
        """The patterns of these distinct texts, in their order; the model reads those that it has not seen."""
        if len(self._patterns) > MOST_PATTERNS:
            self._patterns.clear()
        missing = {pattern_hash(text): text for text in texts if text not in self._patterns}
        hashes = list(missing)
        for start in range(0, len(hashes), LEARNED_AT_ONCE):
            self._learn(db, {key: missing[key] for key in hashes[start : start + LEARNED_AT_ONCE]}, now=now)
        return [self._patterns[text] for text in texts]

    def sources(self, db: Database, names: Iterable[str], *, now: datetime) -> Mapping[str, Source]:
        """The sources of these names with what they know, from a snapshot at most `SNAPSHOT_AGE` old."""
        wanted = set(names)
        if self._taken_at is None or now - self._taken_at > SNAPSHOT_AGE:
            self._sources.clear()
            self._taken_at = now
        missing = wanted - self._sources.keys()
        if missing:
            self._take_snapshot(db, sorted(missing), now=now)
        return self._sources

    def _learn(self, db: Database, missing: Mapping[bytes, str], *, now: datetime) -> None:
        with db.transaction() as tx:
            stored = self._find(tx, missing)
        unread = [text for text in missing.values() if text not in stored or stored[text].memo is None]
        memos = dict(zip(unread, map(_memo, self._encoder.encode(unread)), strict=True))
        if unread:
            unstored = {key: text for key, text in missing.items() if text not in stored}
            with db.transaction() as tx:
                if unstored:
                    insert_patterns(tx, self._project, patterns=unstored, mask_version=MASK_VERSION, now=now)
                    stored |= self._find(tx, unstored)
                insert_memos(
                    tx,
                    self._project,
                    memos={stored[text].id: memo for text, memo in memos.items()},
                    model_version=self._encoder.version,
                )
        for text, one in stored.items():
            self._patterns[text] = _pattern(one.id, text, one.memo or memos[text])

    def _find(self, tx: Transaction, hashes: Iterable[bytes]) -> dict[str, StoredPattern]:
        found = find_patterns(
            tx,
            self._project,
            hashes=list(hashes),
            mask_version=MASK_VERSION,
            model_version=self._encoder.version,
        )
        return {one.pattern: one for one in found}

    def _take_snapshot(self, db: Database, names: Sequence[str], *, now: datetime) -> None:
        with db.transaction() as tx:
            keys = list_sources(tx, self._project, names=names)
            if len(keys) < len(names):
                keys = ensure_sources(tx, self._project, names=names, now=now)
            rows = known_patterns(
                tx,
                self._project,
                source_ids=[key.id for key in keys],
                model_version=self._encoder.version,
            )
        had: dict[int, list[tuple[int, datetime, float | None, bytes | None]]] = defaultdict(list)
        for source, pattern, first_seen, logit, embedding in rows:
            had[source].append((pattern, first_seen, logit, embedding))
        for key in keys:
            threshold = self._encoder.default_threshold if key.threshold is None else key.threshold
            known = [
                (pattern, embedding)
                for pattern, first_seen, logit, embedding in had[key.id]
                if first_seen <= now - KNOWN_AFTER or (logit is not None and severity(logit) < threshold)
            ]
            self._sources[key.name] = Source(
                id=key.id, name=key.name, threshold=threshold, known=_known(known, dimension=self._encoder.dimension)
            )


class Memories:
    """The memories of the projects that a worker served last."""

    def __init__(self, encoder: Encoder) -> None:
        self._encoder = encoder
        self._projects: OrderedDict[UUID, ProjectMemory] = OrderedDict()

    def of(self, project: UUID) -> ProjectMemory:
        """The memory of a project, empty at first."""
        memory = self._projects.pop(project, None) or ProjectMemory(project, encoder=self._encoder)
        self._projects[project] = memory
        if len(self._projects) > MOST_PROJECTS:
            self._projects.popitem(last=False)
        return memory


def _memo(encoded: Encoded) -> Memo:
    return Memo(
        severity_logit=encoded.severity_logit,
        tokens=encoded.tokens,
        shares=encoded.shares.astype("<f4").tobytes(),
        embedding=encoded.embedding.astype("<f4").tobytes(),
    )


def _pattern(identifier: int, text: str, memo: Memo) -> Pattern:
    return Pattern(
        id=identifier,
        text=text,
        severity=severity(memo.severity_logit),
        severity_logit=memo.severity_logit,
        tokens=memo.tokens,
        shares=np.frombuffer(memo.shares, dtype="<f4"),
        embedding=np.frombuffer(memo.embedding, dtype="<f4"),
    )


def _known(rows: Sequence[tuple[int, bytes | None]], *, dimension: int) -> Known:
    read = {pattern: embedding for pattern, embedding in rows if embedding is not None}
    return Known(
        members=frozenset(pattern for pattern, _ in rows),
        ids=np.array(list(read), dtype=np.int32),
        embeddings=np.frombuffer(b"".join(read.values()), dtype="<f4").reshape(len(read), dimension),
    )
