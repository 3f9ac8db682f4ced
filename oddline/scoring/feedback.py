"""Take what people say of anomalies: find what they mean, say what it would have hidden, keep it, take it back."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import numpy as np

from oddline import audit, feedback
from oddline.database import Database, Transaction
from oddline.entries import OddCount, count_odd, get_entry
from oddline.errors import Conflict, InvalidParameter, NotFound
from oddline.feedback import Feedback, NewFeedback, Verdict
from oddline.objects import ObjectStore
from oddline.patterns import list_sources, pattern_embeddings, pattern_texts
from oddline.scoring.knowledge import similar
from oddline.submissions import new_id, rfc3339

PREVIEW_DAYS: Final = 30
MOST_SHOWN: Final = 20  # similar patterns of a preview, those with most anomalies
MOST_COMPARED: Final = 20_000  # patterns of past anomalies, those with most: their embeddings are up to 30 MB
MOST_IN_FORCE: Final = 10_000  # verdicts of a project: every worker holds them all


@dataclass(frozen=True, slots=True)
class Subject:
    """What a verdict is about; a source of None stands for all sources of the project."""

    pattern_id: int
    pattern: str
    source_id: int | None
    source: str | None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What of the past a verdict covers.

    Attributes:
        patterns: its own and the similar ones among those of past anomalies, with the cosine distance from its own.
        anomalies: how many of the last PREVIEW_DAYS days each of them had.
        total: how many the source, or the project, had in the same days.
    """

    patterns: dict[int, float]
    anomalies: dict[int, int]
    total: int

    @property
    def covered(self) -> int:
        """How many anomalies of the last PREVIEW_DAYS days it covers."""
        return sum(self.anomalies.values())


def find_subject(
    *,
    entry_id: UUID | None,
    pattern_id: int | None,
    source: str | None,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    now: datetime,
) -> Subject:
    """What a caller means: an entry stands for its pattern in its source, a pattern for itself in `source`, or in all.

    Raises:
        InvalidParameter: neither or both of `entry_id` and `pattern_id` are given, or a source beside an entry.
        NotFound: the project has no such entry, pattern or source.
        Conflict: the entry is not scored yet, or could not be.
    """
    if (entry_id is None) == (pattern_id is None):
        raise InvalidParameter("give either an entry_id or a pattern_id", field="entry_id")
    if entry_id is not None:
        if source is not None:
            raise InvalidParameter("source: an entry is of one source already", field="source")
        entry = get_entry(entry_id, db=db, objects=objects, project=project, now=now)
        if entry["status"] != "analyzed":
            raise Conflict(f"the entry {entry_id} is {entry['status']}, so nothing was found in it", field="entry_id")
        pattern_id, source = entry["pattern_id"], entry["source"]
    with db.transaction(project=project) as tx:
        texts = pattern_texts(tx, project, pattern_ids=[pattern_id or 0])
        sources = [] if source is None else list_sources(tx, project, names=[source])
    if pattern_id not in texts:
        raise NotFound(f"there is no pattern {pattern_id}", field="pattern_id")
    if source is not None and not sources:
        raise NotFound(f"there is no source {source!r}", field="source")
    return Subject(pattern_id, texts[pattern_id], sources[0].id if sources else None, source)


def preview(subject: Subject, *, db: Database, project: UUID, now: datetime) -> dict[str, Any]:
    """What a verdict of "expected" would have hidden of the last PREVIEW_DAYS days, as clients get it.

    That is the least: what is near to an expected pattern, but not near enough to be hidden for this alone, gets a
    lower novelty, too.
    """
    with db.transaction(project=project) as tx:
        covered = _cover(tx, subject, project=project, now=now)
        shown = sorted(covered.patterns, key=lambda one: (-covered.anomalies.get(one, 0), covered.patterns[one]))
        shown = [one for one in shown if one != subject.pattern_id][:MOST_SHOWN]
        texts = pattern_texts(tx, project, pattern_ids=shown)
    return {
        "kind": "anomaly",
        "pattern_id": subject.pattern_id,
        "pattern": subject.pattern,
        "source": subject.source,
        "days": PREVIEW_DAYS,
        "hidden": covered.covered,
        "anomalies": covered.total,
        "similar": [
            {
                "pattern_id": one,
                "pattern": texts[one],
                "distance": round(covered.patterns[one], 4),
                "anomalies": covered.anomalies.get(one, 0),
            }
            for one in shown
        ],
    }


def give(
    subject: Subject,
    *,
    verdict: Verdict,
    note: str,
    key_id: UUID,
    by: audit.Actor,
    db: Database,
    project: UUID,
    now: datetime,
) -> dict[str, Any]:
    """Keep a verdict; returns it as clients get it. The same said twice is kept once.

    Raises:
        Conflict: the project has as many verdicts in force as it can have.
    """
    new = NewFeedback(
        id=new_id(),
        source_id=subject.source_id,
        pattern_id=subject.pattern_id,
        verdict=verdict,
        note=note,
        key_id=key_id,
        since=now,
    )
    with db.transaction(project=project) as tx:
        covered = _cover(tx, subject, project=project, now=now)
        same = feedback.find_same(tx, project, feedback=new)
        if same is None:
            if feedback.count_in_force(tx, project) >= MOST_IN_FORCE:
                raise Conflict(f"a project has at most {MOST_IN_FORCE:,} verdicts in force: undo some")
            feedback.insert_feedback(tx, project, feedback=new, covered=covered.patterns)
        (kept,) = feedback.list_feedback(tx, project, only=same or new.id, undone=True, limit=1)
        if same is None:
            feedback.record_given(tx, project, kept, by=by, now=now)
    hidden = covered.covered if verdict == Verdict.EXPECTED else 0
    return view(kept) | {"days": PREVIEW_DAYS, "hidden": hidden}


def undo(identifier: UUID, *, by: audit.Actor, db: Database, project: UUID, now: datetime) -> None:
    """Take a verdict back: the one before it counts again, if there was one.

    Raises:
        NotFound: the project has no such verdict.
    """
    with db.transaction(project=project) as tx:
        if not feedback.undo_feedback(tx, project, feedback=identifier, now=now):
            raise NotFound(f"there is no feedback {identifier}")
        audit.record(
            tx,
            project=project,
            by=by,
            action=audit.Action.FEEDBACK_UNDONE,
            subject=f"feedback:{identifier}",
            now=now,
        )


def view(kept: Feedback) -> dict[str, Any]:
    """A verdict as clients get it."""
    return {
        "id": str(kept.id),
        "kind": "anomaly" if kept.entry_id is None else "sequence",
        "source": kept.source,
        "pattern_id": kept.pattern_id,
        "pattern": kept.pattern,
        "entry_id": None if kept.entry_id is None else str(kept.entry_id),
        "steps": kept.steps,
        "verdict": kept.verdict,
        "note": kept.note,
        "by": str(kept.key_id),
        "since": rfc3339(kept.since),
        "undone_at": None if kept.undone_at is None else rfc3339(kept.undone_at),
    }


def _cover(tx: Transaction, subject: Subject, *, project: UUID, now: datetime) -> Coverage:
    """What the subject's pattern and the similar ones had; near is what the model says that found the anomaly."""
    counts = count_odd(
        tx,
        project=project,
        source_id=subject.source_id,
        since=now - timedelta(days=PREVIEW_DAYS),
        today=now.date(),
        most=MOST_COMPARED,
    )
    by_model: dict[str, list[OddCount]] = defaultdict(list)
    for one in counts:
        by_model[one.model_version].append(one)
    patterns = {subject.pattern_id: 0.0}
    anomalies: dict[int, int] = defaultdict(int)
    for model, found in by_model.items():
        near = _near(tx, subject.pattern_id, [one.pattern_id for one in found], project=project, model=model)
        for one in found:
            if one.pattern_id in near:
                anomalies[one.pattern_id] += one.lately
                patterns[one.pattern_id] = min(near[one.pattern_id], patterns.get(one.pattern_id, np.inf))
    return Coverage(patterns=patterns, anomalies=dict(anomalies), total=sum(one.lately for one in counts))


def _near(tx: Transaction, pattern: int, others: list[int], *, project: UUID, model: str) -> dict[int, float]:
    """Those of the patterns that share a verdict with one by what this model says, with their distance from it."""
    stored = pattern_embeddings(tx, project, pattern_ids=[pattern, *others], model_version=model)
    embeddings = {one: np.frombuffer(packed, dtype="<f4") for one, (packed, _) in stored.items()}
    near = {pattern: 0.0}
    own = embeddings.pop(pattern, None)
    if own is not None and embeddings:
        distances = similar(own, np.stack(list(embeddings.values())))
        near |= {one: float(far) for one, far in zip(embeddings, distances, strict=True) if not np.isnan(far)}
    return near
