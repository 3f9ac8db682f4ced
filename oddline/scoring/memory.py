"""What a worker process remembers of a project: what the model said of its patterns, and what each source knows."""

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from oddline.database import Database, Transaction
from oddline.errors import TurnOver
from oddline.feedback import Verdict, VerdictInForce, verdicts_in_force
from oddline.patterns import (
    MASK_VERSION,
    SourceKey,
    StoredPattern,
    ensure_sources,
    find_patterns,
    insert_memos,
    insert_patterns,
    known_patterns,
    list_sources,
    pattern_embeddings,
    pattern_hash,
)
from oddline.scoring.calibration.model import InForce, Standing
from oddline.scoring.calibration.store import standings
from oddline.scoring.encoder import Encoder, severity
from oddline.scoring.knowledge import KNOWN_AFTER_DAYS, Known, Verdicts, is_known
from oddline.scoring.nearest import Nearest
from oddline.scoring.reading import LEARNED_AT_ONCE, Pattern, memo_of, pattern_of, read_by_id, unpack_views

SNAPSHOT_AGE = timedelta(seconds=60)  # a worker's view of what is known is at most this old
MOST_PATTERNS = 50_000  # remembered per project; some 120 MB
MOST_KNOWN = 50_000  # loaded per source, those seen last; their embeddings are 77 MB, their words' views some 40
READ_AT_SNAPSHOT = 2_000  # of known patterns that a model just promoted has not read yet: a second or two of its time
MOST_PROJECTS = 32  # remembered per process; the least recently used one goes first


@dataclass(frozen=True, slots=True)
class Source:
    """A source as scoring uses it."""

    id: int
    name: str
    in_force: InForce
    known: Known


class ProjectMemory:
    """One project's part of a worker's memory. Not for several threads.

    From when on a pattern is known, `oddline.scoring.knowledge` says. Of what was known before a model was promoted,
    it reads up to `read_at_snapshot` patterns at each snapshot, so that what is new is soon measured by all of it.
    """

    def __init__(
        self,
        project: UUID,
        *,
        encoder: Encoder,
        read_at_snapshot: int = READ_AT_SNAPSHOT,
        known_after_days: int = KNOWN_AFTER_DAYS,
    ) -> None:
        self._project = project
        self._encoder = encoder
        self._read_at_snapshot = read_at_snapshot
        self._known_after_days = known_after_days
        self._patterns: dict[str, Pattern] = {}
        self._sources: dict[str, Source] = {}
        self._before: dict[str, Source] = {}
        self._taken_at: datetime | None = None

    def patterns(
        self, db: Database, texts: Sequence[str], *, now: datetime, is_over: Callable[[], bool] = lambda: False
    ) -> list[Pattern]:
        """The patterns of these distinct texts, in their order; the model reads those that it has not seen.

        Raises:
            TurnOver: some are still to be read and `is_over` says that it is enough; what was read is kept.
        """
        if len(self._patterns) > MOST_PATTERNS:
            self._patterns.clear()
        missing = {pattern_hash(text): text for text in texts if text not in self._patterns}
        hashes = list(missing)
        for start in range(0, len(hashes), LEARNED_AT_ONCE):
            if start and is_over():
                raise TurnOver(f"{len(hashes) - start} of {len(texts)} patterns are still to be read")
            self._learn(db, {key: missing[key] for key in hashes[start : start + LEARNED_AT_ONCE]}, now=now)
        return [self._patterns[text] for text in texts]

    def sources(self, db: Database, names: Iterable[str], *, now: datetime) -> Mapping[str, Source]:
        """The sources of these names with what they know, from a snapshot at most `SNAPSHOT_AGE` old."""
        wanted = set(names)
        if self._taken_at is None or now - self._taken_at > SNAPSHOT_AGE:
            self._before, self._sources = self._sources, {}
            self._taken_at = now
        missing = wanted - self._sources.keys()
        if missing:
            self._take_snapshot(db, sorted(missing), now=now)
        return self._sources

    def _learn(self, db: Database, missing: Mapping[bytes, str], *, now: datetime) -> None:
        with db.transaction() as tx:
            stored = self._find(tx, missing)
        unread = [text for text in missing.values() if text not in stored or stored[text].memo is None]
        memos = dict(zip(unread, map(memo_of, self._encoder.encode(unread)), strict=True))
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
            self._patterns[text] = pattern_of(one.id, text, one.memo or memos[text])

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
        model = self._encoder.version
        with db.transaction() as tx:
            keys = list_sources(tx, self._project, names=names)
            if len(keys) < len(names):
                keys = ensure_sources(tx, self._project, names=names, now=now)
            had = {
                key.id: known_patterns(tx, self._project, source_id=key.id, model_version=model, most=MOST_KNOWN)
                for key in keys
            }
            verdicts = verdicts_in_force(tx, self._project, model_version=model)
            standing = standings(tx, self._project, source_ids=[key.id for key in keys], model_version=model)
        unread = {pattern for rows in had.values() for pattern, _, logit in rows if logit is None}
        judged = {one.pattern_id for one in verdicts if one.embedding is None}
        read = self._read(db, [*sorted(judged, reverse=True), *sorted(unread - judged, reverse=True)])
        verdicts = [_with_embedding(one, read) for one in verdicts]
        for key in keys:
            self._sources[key.name] = self._source(
                db, key, had=had[key.id], read=read, verdicts=verdicts, standing=standing[key.id]
            )

    def _read(self, db: Database, unread: Sequence[int]) -> dict[int, Pattern]:
        """What this model says of the first of the patterns that it has not read yet."""
        some = unread[: self._read_at_snapshot]
        return read_by_id(db, self._project, pattern_ids=some, encoder=self._encoder)

    def _source(
        self,
        db: Database,
        key: SourceKey,
        *,
        had: Sequence[tuple[int, int, float | None]],
        read: Mapping[int, Pattern],
        verdicts: Sequence[VerdictInForce],
        standing: Standing,
    ) -> Source:
        """A source, of what it has had (rows of `known_patterns`) and of what was just read of it."""
        # Not the calibrated one: what a source learns would depend on a threshold that depends on what it learns.
        threshold = self._encoder.default_threshold if key.threshold is None else key.threshold
        known = {}
        for pattern, days, logit in had:
            how_bad = severity(logit) if logit is not None else read[pattern].severity if pattern in read else None
            if is_known(days, severity=how_bad, threshold=threshold, known_after_days=self._known_after_days):
                known[pattern] = how_bad
        judged = Verdicts.of(verdicts, source_id=key.id, dimension=self._encoder.dimension)
        measured = {
            pattern
            for pattern, how_bad in known.items()
            if how_bad is not None and judged.by_pattern.get(pattern) is not Verdict.CONFIRMED
        }
        measured.update(judged.ids[judged.is_expected].tolist())
        before = self._before[key.name].known if key.name in self._before else None
        return Source(
            id=key.id,
            name=key.name,
            in_force=standing.in_force(default_threshold=self._encoder.default_threshold),
            known=replace(
                self._measured_by(db, np.array(sorted(measured), dtype=np.int32), before=before),
                members=frozenset(known),
                verdicts=judged,
            ),
        )

    def _measured_by(self, db: Database, wanted: NDArray[np.int32], *, before: Known | None) -> Known:
        """What others are measured by: these patterns. Those of the snapshot before are not asked for again."""
        if before is None:
            before = Known.nothing(dimension=self._encoder.dimension)
        kept = np.isin(before.ids, wanted)
        missing = np.setdiff1d(wanted, before.ids)
        if not len(missing) and kept.all():
            return before
        with db.transaction() as tx:
            fresh = pattern_embeddings(
                tx, self._project, pattern_ids=missing.tolist(), model_version=self._encoder.version
            )
        embeddings = b"".join(embedding for embedding, _ in fresh.values())
        vectors = np.frombuffer(embeddings, dtype="<f4").reshape(len(fresh), self._encoder.dimension)
        return replace(
            before,
            ids=np.concatenate([before.ids[kept], np.fromiter(fresh, dtype=np.int32, count=len(fresh))]),
            nearest=Nearest(np.concatenate([before.nearest.vectors[kept], vectors]), before=before.nearest),
            views=[
                *(before.views[row] for row in np.flatnonzero(kept).tolist()),
                *(unpack_views(packed) for _, packed in fresh.values()),
            ],
        )


class Memories:
    """The memories of the projects that a worker served last."""

    def __init__(
        self, encoder: Encoder, *, read_at_snapshot: int = READ_AT_SNAPSHOT, known_after_days: int = KNOWN_AFTER_DAYS
    ) -> None:
        self.known_after_days = known_after_days
        self._encoder = encoder
        self._read_at_snapshot = read_at_snapshot
        self._projects: OrderedDict[UUID, ProjectMemory] = OrderedDict()

    def of(self, project: UUID) -> ProjectMemory:
        """The memory of a project, empty at first."""
        memory = self._projects.pop(project, None) or ProjectMemory(
            project,
            encoder=self._encoder,
            read_at_snapshot=self._read_at_snapshot,
            known_after_days=self.known_after_days,
        )
        self._projects[project] = memory
        if len(self._projects) > MOST_PROJECTS:
            self._projects.popitem(last=False)
        return memory


def _with_embedding(verdict: VerdictInForce, read: Mapping[int, Pattern]) -> VerdictInForce:
    if verdict.embedding is not None or verdict.pattern_id not in read:
        return verdict
    return replace(verdict, embedding=read[verdict.pattern_id].embedding.astype("<f4").tobytes())
