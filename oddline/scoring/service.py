"""Turn waiting submissions into scored entries, exactly once each."""

import logging
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import groupby
from uuid import UUID

import polars as pl

from oddline import submissions
from oddline.database import Database
from oddline.errors import LostClaim, OddlineError, TurnOver
from oddline.objects import ObjectStore
from oddline.patterns import Masker
from oddline.scoring.calibration.cap import hold_to_cap
from oddline.scoring.encoder import Encoder
from oddline.scoring.memory import Memories
from oddline.scoring.registry import Shadow
from oddline.scoring.scorer import ScoredEntries, score_entries
from oddline.scoring.writing import write_scored
from oddline.submissions import Claimed, Columns
from oddline.tasks import Clock, heartbeat
from oddline.tracing import mark, span

log = logging.getLogger(__name__)

TURN = timedelta(milliseconds=100)  # of work for all projects that wait, so that none waits long for another
TURN_ALONE = timedelta(milliseconds=500)  # when there is only one
NOBODY = UUID(int=0)  # the round over the projects begins behind it
FEWEST_LINES, MOST_LINES = 256, 16_384
GIVE_BACK_WAIT = timedelta(seconds=5)  # before a claim that failed for a passing reason is tried again
UNREADABLE_WAIT = timedelta(seconds=20)  # the same for one whose body the object store does not give


@dataclass(slots=True)
class Scorer:
    """What a worker process keeps from claim to claim: the models, their memories, its speed, whose turn it is."""

    encoder: Encoder
    masker: Masker
    memories: Memories
    shadow: Shadow | None = None
    lines_per_second: float = 20_000.0  # a first guess, corrected by each claim
    after: UUID = NOBODY
    after_retried: UUID = NOBODY
    retried_first: bool = True

    def change_to(self, encoder: Encoder) -> None:
        """Score with another model from the next claim on; what the old one remembered goes with it."""
        self.encoder = encoder
        self.memories = Memories(encoder, known_after_days=self.memories.known_after_days)

    def lines_in(self, turn: timedelta) -> int:
        """How many lines make up `turn` of work."""
        return int(min(max(self.lines_per_second * turn.total_seconds(), FEWEST_LINES), MOST_LINES))

    def go_round(self, claimed: Sequence[Claimed]) -> None:
        """Note whose turn it was: the next claim begins behind them, and with the other kind of submissions.

        Behind the project that got the most, since the others of that size got nothing yet.
        """
        self.retried_first = not self.retried_first
        if claimed[0].attempt > 1:
            self.after_retried = claimed[0].project
            return
        lines = Counter({share[0].project: sum(one.entries for one in share) for share in _by_project(claimed)})
        project, most = lines.most_common(1)[0]
        is_large = most > self.lines_in(TURN) / len(lines)
        self.after = project if is_large else max(lines, key=lambda one: (one <= self.after, one))

    def learn_speed(self, lines: int, seconds: float) -> None:
        """Note how long a claim took; small ones say little about speed."""
        if lines >= FEWEST_LINES:
            self.lines_per_second = 0.7 * self.lines_per_second + 0.3 * lines / seconds


@dataclass(frozen=True, slots=True)
class Scored:
    """What a claim came to.

    `mails` are the ids of the tasks that mail about it; `retry_after` is when to look again for what was given back.
    Of each submission `latencies` says how long it was from its acceptance to its chunk; `patterns` is how many
    patterns the entries have, project by project, and `patterns_read` how many the model read; `seconds` is how long
    all of it took, `reading_s` how much of that the model, and `stored_bytes` the size of the chunks.
    """

    submissions: int = 0
    entries: int = 0
    mails: tuple[UUID, ...] = ()
    retry_after: timedelta | None = None
    anomalies: int = 0
    latencies: tuple[timedelta, ...] = ()
    patterns: int = 0
    stored_bytes: int = 0
    seconds: float = 0.0
    patterns_read: int = 0
    reading_s: float = 0.0

    def __add__(self, other: "Scored") -> "Scored":
        return Scored(
            self.submissions + other.submissions,
            self.entries + other.entries,
            self.mails + other.mails,
            min((one for one in (self.retry_after, other.retry_after) if one is not None), default=None),
            self.anomalies + other.anomalies,
            self.latencies + other.latencies,
            self.patterns + other.patterns,
            self.stored_bytes + other.stored_bytes,
            self.seconds + other.seconds,
            self.patterns_read + other.patterns_read,
            self.reading_s + other.reading_s,
        )


def score_waiting(
    *,
    db: Database,
    objects: ObjectStore,
    scorer: Scorer,
    worker: str,
    lease: timedelta,
    now: Clock,
    reading_turn: timedelta = timedelta.max,
) -> Scored | None:
    """Claim a fair share of what waits, score it, store it; None when nothing waits.

    Safe to run any number of times and side by side: what another worker has claimed is left to it, and what this
    worker loses (its lease ran out while it was scoring) is written by nobody but the new holder.

    What has more new patterns than the model reads in `reading_turn` is given back on the way: those that were read
    are kept, and the next claim goes on with it, behind what others wait for.

    A project's failure does not touch the others of the claim: what failed for a passing reason is given back, what
    failed otherwise is tried again alone and ends as a dead letter.
    """
    claimed = submissions.claim_share(
        db,
        worker=worker,
        lines=scorer.lines_in(TURN),
        lines_alone=scorer.lines_in(TURN_ALONE),
        after=scorer.after,
        after_retried=scorer.after_retried,
        retried_first=scorer.retried_first,
        lease=lease,
        now=now(),
    )
    if not claimed:
        return None
    scorer.go_round(claimed)
    started, model = time.perf_counter(), scorer.encoder
    read_before, reading_before = model.patterns_read, model.reading_s
    scored = Scored()
    with heartbeat(lambda: submissions.renew(db, claimed, lease=lease, now=now()), lease=lease):
        for share in _by_project(claimed):
            scored += _score_share(share, db=db, objects=objects, scorer=scorer, reading_turn=reading_turn, now=now)
    seconds = time.perf_counter() - started
    scorer.learn_speed(scored.entries, seconds)
    return replace(
        scored,
        seconds=seconds,
        patterns_read=model.patterns_read - read_before,
        reading_s=model.reading_s - reading_before,
    )


def _by_project(claimed: Sequence[Claimed]) -> Iterator[list[Claimed]]:
    """The claim's shares, the smallest first: who sent one line does not wait for who sent ten thousand."""
    ordered = sorted(claimed, key=lambda one: (one.project, one.id))
    shares = [list(share) for _, share in groupby(ordered, key=lambda one: one.project)]
    return iter(sorted(shares, key=lambda share: sum(one.entries for one in share)))


def _score_share(
    share: Sequence[Claimed],
    *,
    db: Database,
    objects: ObjectStore,
    scorer: Scorer,
    reading_turn: timedelta,
    now: Clock,
) -> Scored:
    """Score one project's share. A body that cannot be read costs only its own submission."""
    bodies: list[tuple[Claimed, Columns]] = []
    scored = Scored()
    try:
        with span("load"):
            stored = submissions.find_bodies(db, share)
            for one in share:
                try:
                    bodies.append((one, submissions.read_body(one, stored, objects=objects)))
                except OddlineError as error:
                    scored += _put_back([one], error, db=db, wait=UNREADABLE_WAIT, now=now)
        if bodies:
            scored += _score_bodies(bodies, db=db, scorer=scorer, is_over=_after(reading_turn), now=now)
    except TurnOver as over:
        log.info("%s: the next turn goes on with them", over)
        submissions.give_back(db, share, wait=timedelta(), now=now())
    except Exception as error:
        scored += _put_back([one for one, _ in bodies] or share, error, db=db, wait=GIVE_BACK_WAIT, now=now)
    return scored


def _after(turn: timedelta) -> Callable[[], bool]:
    """Whether a turn that begins now is over."""
    until = time.perf_counter() + turn.total_seconds()
    return lambda: time.perf_counter() >= until


def _put_back(claimed: Sequence[Claimed], error: Exception, *, db: Database, wait: timedelta, now: Clock) -> Scored:
    """Give back what failed for a passing reason, and count the attempt of what failed for another."""
    log.warning("scoring %d submissions of %s failed: %s", len(claimed), claimed[0].project, error, exc_info=error)
    mark(error)
    if isinstance(error, OddlineError) and not error.permanent:
        submissions.give_back(db, claimed, wait=wait, now=now())
        return Scored(retry_after=wait)
    return Scored(retry_after=submissions.fail(db, claimed, error=error, now=now()))


def _score_bodies(
    bodies: Sequence[tuple[Claimed, Columns]],
    *,
    db: Database,
    scorer: Scorer,
    is_over: Callable[[], bool],
    now: Clock,
) -> Scored:
    scored = score_entries(
        bodies,
        memory=scorer.memories.of(bodies[0][0].project),
        masker=scorer.masker,
        db=db,
        encoder=scorer.encoder,
        clock=now,
        is_over=is_over,
    )
    held_to_cap = hold_to_cap(
        scored.frame,
        project=scored.project,
        in_force={source.id: source.in_force for source in scored.sources.values()},
        model_version=scorer.encoder.version,
        default_threshold=scorer.encoder.default_threshold,
        db=db,
    )
    scored = replace(scored, frame=held_to_cap)
    if scorer.shadow is not None:
        scored = scorer.shadow.score_beside(scored, db=db, now=now())
    held = [claimed for claimed, _ in bodies]
    while held:
        try:
            with span("copy"):
                written = write_scored(scored, held, novelty_scale=scorer.encoder.novelty_scale, db=db, now=now())
        except LostClaim as error:
            held = [one for one in held if one.id not in error.extra["lost"]]
            scored = _without(scored, error.extra["lost"])
        else:
            stored_at = now()
            return Scored(
                submissions=len(held),
                entries=scored.frame.height,
                mails=written.mails,
                anomalies=int(scored.frame["is_anomaly"].sum()),
                latencies=tuple(stored_at - one.received_at for one in held),
                patterns=len(scored.patterns),
                stored_bytes=written.bytes,
            )
    return Scored()


def _without(scored: ScoredEntries, lost: set[UUID]) -> ScoredEntries:
    kept = scored.frame.filter(~pl.col("submission").is_in([one.bytes for one in lost]))
    return replace(scored, frame=kept)
