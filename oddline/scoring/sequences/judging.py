"""Tell the odd ones among closed sessions, by what their source's usually look like and by what people have said."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import lru_cache
from typing import Any, Final
from uuid import UUID

import numpy as np
import polars as pl

from oddline.feedback import SequenceVerdict, Verdict
from oddline.scoring.sequences.profile import THRESHOLD, Profile
from oddline.scoring.sequences.reporting import OddSession
from oddline.scoring.sequences.store import Learned, SourceRow
from oddline.scoring.sequences.training import Training, unpack_profile
from oddline.scoring.sequences.verdicts import Verdicts
from oddline.submissions import made_at

PROFILES_HELD: Final = 32  # per process, some MB each


@dataclass(slots=True)
class Judged:
    """What became of closed sessions; `expected` are those that are not told since people expect them."""

    odd: list[OddSession] = field(default_factory=list)
    learned: list[Learned] = field(default_factory=list)
    expected: int = 0


def judge(
    closed: pl.DataFrame,
    *,
    known: Mapping[tuple[int, str], SourceRow],
    given: Sequence[SequenceVerdict],
    alarms: float,
) -> Judged:
    """Judge closed sessions (as in `Assembled`); all of them are learned from, the odd ones with reserve.

    `known` is what there is of their sources, by source and grouping, `given` what people have said of their sequences;
    the share `alarms` may be odd.
    """
    judged = Judged()
    for (source_id, grouping), sessions in closed.group_by("source_id", "grouping", maintain_order=True):
        row = known.get((source_id, grouping), SourceRow(source_id, grouping, 0, None, None))
        _judge_source(row, sessions, verdicts_on(row, given), judged, alarms=alarms)
    return judged


def verdicts_on(row: SourceRow, given: Sequence[SequenceVerdict]) -> Verdicts:
    """Those of the verdicts that are on sequences of a row."""
    own = [one for one in given if (one.source_id, one.grouping) == (row.source_id, row.grouping)]
    return Verdicts(own, grouping=row.grouping)


def _judge_source(row: SourceRow, sessions: pl.DataFrame, verdicts: Verdicts, judged: Judged, *, alarms: float) -> None:
    profile = _restored(row.profile) if row.profile is not None else None
    training = Training.unpack(row.training, grouping=row.grouping)
    scores = _scores(profile, sessions["pattern_id"].to_list(), alarms=alarms)
    for session, score in zip(sessions.iter_rows(named=True), scores, strict=True):
        is_odd = score >= THRESHOLD
        training.add(session["pattern_id"], day=_arrival_day(session), is_odd=is_odd)
        said = verdicts.of(session["pattern_id"], is_odd=is_odd)
        judged.expected += is_odd and said is not None and said.verdict == Verdict.EXPECTED
        is_told = is_odd if said is None else said.verdict == Verdict.CONFIRMED
        if profile is not None and is_told:
            judged.odd.append(OddSession(session, max(score, THRESHOLD), profile, covered=said))
    training.thin(chance=np.random.default_rng())
    judged.learned.append(Learned(row.source_id, row.grouping, len(sessions), training.pack()))


def _scores(profile: Profile | None, sequences: Sequence[Sequence[int]], *, alarms: float) -> list[float]:
    """The sessions' scores: 0 where too little is known yet."""
    if profile is None:
        return [0.0] * len(sequences)
    scores: list[float] = profile.score(sequences, alarms=alarms).tolist()
    return scores


def _arrival_day(session: Mapping[str, Any]) -> date:
    """The day on which the last of its entries came in, which its submission's id tells."""
    return made_at(UUID(bytes=max(session["submission"]))).date()


@lru_cache(maxsize=PROFILES_HELD)
def _restored(profile: bytes) -> Profile:
    return unpack_profile(profile)
