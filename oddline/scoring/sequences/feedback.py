"""Take what people say of odd sequences: which past ones it covers, what it would have hidden, and keep it."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

from oddline import audit, feedback
from oddline.database import Database, Transaction
from oddline.errors import Conflict, NotFound
from oddline.feedback import Feedback, NewSequenceFeedback, Verdict
from oddline.scoring.sequences import store
from oddline.scoring.sequences.store import OddSequence, PastSequence
from oddline.scoring.sequences.verdicts import distance, unpack_steps
from oddline.submissions import new_id

PREVIEW_DAYS: Final = 30
MOST_SHOWN: Final = 20  # similar sequences of a preview, the newest
MOST_COMPARED: Final = 2_000  # odd sequences with the same steps, the newest
MOST_IN_FORCE: Final = 1_000  # verdicts of a project: each run reads those of the sources that it judges


@dataclass(frozen=True, slots=True)
class Coverage:
    """The odd sequences that a verdict covers, each with its distance; `total` is how many its source had lately."""

    sequences: Sequence[tuple[PastSequence, float]]
    total: int

    @property
    def hidden(self) -> int:
        """How many of the last PREVIEW_DAYS days it covers."""
        return sum(one.count for one, _ in self.sequences if one.is_recent)


def find_sequence(entry: UUID, *, db: Database, project: UUID, now: datetime) -> OddSequence:
    """The odd sequence that is told by the entry.

    Raises:
        NotFound: no odd sequence is, or its steps were not kept yet when it was found.
    """
    with db.transaction(project=project) as tx:
        found = store.find_odd_sequence(tx, project, entry=entry, today=now.date())
    if found is None:
        raise NotFound(f"no odd sequence is told by an entry {entry}", field="entry_id")
    return found


def preview(sequence: OddSequence, *, db: Database, project: UUID, now: datetime) -> dict[str, Any]:
    """What a verdict of "expected" would have hidden of the last PREVIEW_DAYS days, as clients get it."""
    with db.transaction(project=project) as tx:
        covered = _cover(tx, sequence, project=project, now=now)
    similar = [(one, far) for one, far in covered.sequences if far > 0]
    return {
        "kind": "sequence",
        "entry_id": str(sequence.entry_id),
        "days": PREVIEW_DAYS,
        "hidden": covered.hidden,
        "anomalies": covered.total,
        "similar": [
            {
                "entry_id": str(one.entry_id),
                "session": one.session,
                "distance": round(far, 4),
                "anomalies": one.count if one.is_recent else 0,
            }
            for one, far in similar[:MOST_SHOWN]
        ],
    }


def give(
    sequence: OddSequence,
    *,
    verdict: Verdict,
    note: str,
    key_id: UUID,
    by: audit.Actor,
    db: Database,
    project: UUID,
    now: datetime,
) -> tuple[Feedback, int]:
    """Keep a verdict; returns it, and how many anomalies of the last days it hides. The same said twice is kept once.

    Raises:
        Conflict: the project has as many verdicts on sequences in force as it can have.
    """
    new = NewSequenceFeedback(
        id=new_id(),
        entry_id=sequence.entry_id,
        source_id=sequence.source_id,
        grouping=sequence.grouping,
        key=sequence.key,
        steps=sequence.steps,
        length=len(unpack_steps(sequence.steps)),
        verdict=verdict,
        note=note,
        key_id=key_id,
        since=now,
    )
    with db.transaction(project=project) as tx:
        same = feedback.find_same_sequence(tx, project, feedback=new)
        covered = _cover(tx, sequence, project=project, now=now)
        if same is None:
            if feedback.count_sequences_in_force(tx, project) >= MOST_IN_FORCE:
                raise Conflict(f"a project has at most {MOST_IN_FORCE:,} verdicts on sequences in force: undo some")
            feedback.insert_sequence_feedback(tx, project, feedback=new)
            distances = {(one.entry_id, new.id): far for one, far in covered.sequences}
            feedback.cover_sequences(tx, project, covered=distances)
        (kept,) = feedback.list_feedback(tx, project, only=same or new.id, undone=True, limit=1)
        if same is None:
            feedback.record_given(tx, project, kept, by=by, now=now)
    return kept, covered.hidden if verdict == Verdict.EXPECTED else 0


def _cover(tx: Transaction, sequence: OddSequence, *, project: UUID, now: datetime) -> Coverage:
    since, today = now - timedelta(days=PREVIEW_DAYS), now.date()
    alike = store.list_alike(tx, project, key=sequence.key, since=since, today=today, most=MOST_COMPARED)
    steps = unpack_steps(sequence.steps)
    distances = [(one, distance(unpack_steps(one.steps), steps, grouping=sequence.grouping)) for one in alike]
    total = store.count_odd_sequences(tx, project, source_id=sequence.source_id, since=since, today=today)
    return Coverage([(one, far) for one, far in distances if far is not None], total)
