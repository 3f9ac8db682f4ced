"""Turn odd sessions into odd entries: with the ids of their entries, a copy of their lines, and what is odd."""

import logging
from bisect import bisect_left
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID

import polars as pl

from oddline.chunks import Part, Reader, Wanted, list_parts
from oddline.database import Database
from oddline.entries import OddEntry
from oddline.errors import ChunkMissing, CorruptBody
from oddline.objects import ObjectStore
from oddline.patterns import pattern_texts
from oddline.scoring.sequences.explanation import Explained
from oddline.scoring.sequences.grouping import Window, is_by_window
from oddline.scoring.sequences.profile import THRESHOLD, Profile
from oddline.scoring.sequences.verdicts import Covered
from oddline.scoring.sequences.window_explanation import ExplainedWindow
from oddline.submissions import entry_id, rfc3339

log = logging.getLogger(__name__)

MODEL_VERSION: Final = "sequences-1"
MOST_LINES: Final = 100  # copied of a session
LONGEST_MESSAGE: Final = 2_000  # characters of a line that are copied; the entry itself has all of them
MOST_ALIKE: Final = 10  # of a run, a source and a sequence: the eleventh shows nothing that the ten do not
MOST_TOLD: Final = 100  # of a run and project: an outage makes every session odd, and nobody reads them all

_ID: Final = ("submission", "index")


@dataclass(frozen=True, slots=True)
class OddSession:
    """An odd session: `entries` is its row of `Assembled.closed`, `profile` what it was judged by.

    `covered` is the verdict that it is told in spite of, or because of.
    """

    entries: Mapping[str, Any]
    score: float
    profile: Profile
    covered: Covered | None = None

    @property
    def source_id(self) -> int:
        """The source that the session belongs to."""
        return int(self.entries["source_id"])

    @property
    def grouping(self) -> str:
        """How its entries were put together."""
        return str(self.entries["grouping"])

    @property
    def sequence(self) -> list[int]:
        """Its pattern ids."""
        return list(self.entries["pattern_id"])

    def id_at(self, place: int) -> UUID:
        """The id of its entry at a place."""
        return entry_id(UUID(bytes=self.entries["submission"][place]), self.entries["index"][place])


@dataclass(frozen=True, slots=True)
class Told:
    """An odd session and the odd entry that tells of it."""

    session: OddSession
    entry: OddEntry


@dataclass(frozen=True, slots=True)
class Report:
    """The odd sessions that are told, and how many could not be since their lines cannot be read."""

    told: Sequence[Told]
    unreadable: int


def report(
    odd: Sequence[OddSession],
    *,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    now: datetime,
    is_last_try: bool = False,
) -> Report:
    """The odd entries of odd sessions; of many alike, the first stands for those that are not told one by one.

    At most MOST_TOLD and a few are told, the oddest; a session whose lines are gone already is not, and at the last try
    one whose lines cannot be read is not either.

    Raises:
        ChunkMissing, CorruptBody: its lines cannot be read, and it is not the last try.
        ObjectStoreUnavailable, DatabaseUnavailable: no answer.
    """
    told, unreadable = [], 0
    for alike in _chosen(odd):
        explained = _explain(alike[0])
        for number, session in enumerate(alike[:MOST_ALIKE]):
            count = 1 if number else max(1, len(alike) - MOST_ALIKE + 1)
            try:
                entry = _tell(session, explained, count=count, db=db, objects=objects, project=project, now=now)
            except (ChunkMissing, CorruptBody) as error:
                if not is_last_try:
                    raise
                log.error(
                    "an odd sequence is not told, its lines cannot be read: %s: %s", session.entries["session"], error
                )
                unreadable += 1
                continue
            if entry is not None:
                told.append(Told(session, entry))
    return Report(told, unreadable)


def _explain(session: OddSession) -> Explained | ExplainedWindow:
    explain = ExplainedWindow if is_by_window(session.grouping) else Explained
    return explain(session.profile, session.sequence)


def _chosen(odd: Sequence[OddSession]) -> list[list[OddSession]]:
    """The sessions that are told, those of a source and sequence together, the oddest first."""
    by_kind: dict[tuple[int, str, tuple[int, ...]], list[OddSession]] = defaultdict(list)
    for session in sorted(odd, key=lambda one: -one.score):
        by_kind[session.source_id, session.grouping, tuple(session.sequence)].append(session)
    chosen, told = [], 0
    for alike in by_kind.values():
        if told >= MOST_TOLD:
            break
        chosen.append(alike)
        told += min(len(alike), MOST_ALIKE)
    return chosen


def _tell(
    session: OddSession,
    explained: Explained | ExplainedWindow,
    *,
    count: int,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    now: datetime,
) -> OddEntry | None:
    places = _copied(session, place=explained.place)
    with db.transaction(project=project) as tx:
        texts = pattern_texts(tx, project, pattern_ids=sorted(explained.patterns))
        parts = list_parts(tx, project=project, wanted=_wanted(session, places), today=now.date())
    lines, chunk = _lines(session, places, parts, Reader(db=db, objects=objects, project=project), explained.place)
    turning = lines.get(session.id_at(explained.place))
    if turning is None or chunk is None:
        return None
    return OddEntry(
        kind="sequence",
        entry=turning
        | {
            "score": session.score,
            "threshold": THRESHOLD,
            "model_version": MODEL_VERSION,
            "analyzed_at": now,
        },
        count=count,
        chunk_id=chunk,
        arrival_day=turning["received_at"].date(),
        explanation=explained.view(texts) | _told_of(session, lines),
    )


def _told_of(session: OddSession, lines: Mapping[UUID, Mapping[str, Any]]) -> dict[str, Any]:
    ids = [session.id_at(place) for place in range(len(session.sequence))]
    window = Window.of(session.grouping, session.entries["session"])
    return {
        "grouping": session.grouping,
        "session": session.entries["session"] if window is None else None,
        "window": None if window is None else {"from": rfc3339(window.begin), "to": rfc3339(window.end)},
        "entries": len(ids),
        "entry_ids": [str(one) for one in ids],
        "lines": [
            {
                "id": str(one),
                "timestamp": rfc3339(lines[one]["timestamp"]),
                "severity": lines[one]["severity_text"],
                "message": lines[one]["message"][:LONGEST_MESSAGE],
            }
            for one in ids
            if one in lines
        ],
    }


def _copied(session: OddSession, *, place: int) -> range:
    """The places of the lines that are copied: the first, or those around where the session goes another way."""
    first = max(0, min(place - MOST_LINES // 2, len(session.sequence) - MOST_LINES))
    return range(first, min(first + MOST_LINES, len(session.sequence)))


def _wanted(session: OddSession, places: range) -> Wanted:
    times = session.entries["timestamp"]
    time_to = times[places[-1]] + timedelta(microseconds=1)
    return Wanted(time_from=times[places[0]], time_to=time_to, source_ids=(session.source_id,))


def _lines(
    session: OddSession, places: range, parts: Sequence[Part], reader: Reader, turning: int
) -> tuple[dict[UUID, dict[str, Any]], UUID | None]:
    """The entries at the places, by their ids, and the chunk of the one at the place `turning`.

    Only parts that can hold one of them are read: a session may go on for a day, and its source be a busy one.
    """
    wanted = sorted(session.id_at(one) for one in places)
    ids = pl.DataFrame(
        {name: [session.entries[name][one] for one in places] for name in _ID},
        schema={"submission": pl.Binary, "index": pl.UInt16},
    )
    lines: dict[UUID, dict[str, Any]] = {}
    chunk = None
    for part in parts:
        if not _may_hold(part, wanted):
            continue
        for frame in reader.read([part], lambda entries: entries.join(ids.lazy(), on=_ID, how="semi")):
            rows = {entry_id(UUID(bytes=row["submission"]), row["index"]): row for row in frame.iter_rows(named=True)}
            lines |= rows
            if session.id_at(turning) in rows:
                chunk = part.place.chunk
    return lines, chunk


def _may_hold(part: Part, ids: Sequence[UUID]) -> bool:
    """Whether one of the ids, which are ascending, is in the part's range."""
    first = bisect_left(ids, part.group.lowest_id)
    return first < len(ids) and ids[first] <= part.group.highest_id
