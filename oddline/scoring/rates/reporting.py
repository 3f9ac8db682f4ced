"""Turn rates that left their range into odd entries: with a copy of the last entry, and what was to be expected."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from uuid import UUID, uuid5

import polars as pl

from oddline.chunks import Reader, Wanted, list_parts
from oddline.database import Database
from oddline.entries import OddEntry
from oddline.errors import ChunkMissing, CorruptBody
from oddline.objects import ObjectStore
from oddline.patterns import pattern_texts
from oddline.scoring.rates import store
from oddline.scoring.rates.model import WHOLE, OddRate
from oddline.submissions import entry_id, rfc3339

MODEL_VERSION: Final = "rates-1"
MOST_TOLD: Final = 20  # of a run and project: where all sources move, the rarest say so
THRESHOLD: Final = 0.5  # of the score rarity / (rarity + the rarity that was needed)
NO_CHUNK: Final = UUID(int=0)  # where the entry is gone already


@dataclass(frozen=True, slots=True)
class Told:
    """A rate of a source."""

    source_id: int
    rate: OddRate


def report(told: Sequence[Told], *, db: Database, objects: ObjectStore, project: UUID, now: datetime) -> list[OddEntry]:
    """The odd entries of rates, at most MOST_TOLD, the rarest.

    Raises:
        ObjectStoreUnavailable, DatabaseUnavailable: the last entries cannot be read.
    """
    if not told:
        return []
    chosen = sorted(told, key=lambda one: -one.rate.rarity)[:MOST_TOLD]
    with db.transaction(project=project) as tx:
        patterns = {one.rate.pattern_id for one in chosen if one.rate.pattern_id != WHOLE}
        texts = pattern_texts(tx, project, pattern_ids=sorted(patterns))
        names = store.source_names(tx, project, source_ids=sorted({one.source_id for one in chosen}))
    reader = Reader(db=db, objects=objects, project=project)
    rows = []
    for one in chosen:
        text = texts.get(one.rate.pattern_id)
        entry, chunk = _last_entry(one, db=db, reader=reader, project=project, now=now) or (
            _last_known(one, text=text, name=names.get(one.source_id, "")),
            NO_CHUNK,
        )
        rows.append(_row(one, entry, chunk=chunk, text=text, project=project, now=now))
    return rows


def _row(told: Told, entry: dict[str, Any], *, chunk: UUID, text: str | None, project: UUID, now: datetime) -> OddEntry:
    rate = told.rate
    score = rate.rarity / (rate.rarity + rate.threshold)
    judged = {"score": score, "threshold": THRESHOLD, "model_version": MODEL_VERSION, "analyzed_at": now}
    return OddEntry(
        kind="rate",
        # An entry can be the last one of several rates, and of the same one twice.
        id=uuid5(project, f"{told.source_id}/{rate.pattern_id}/{rate.direction}/{rate.last_bin}"),
        entry=entry | judged,
        count=max(rate.count, 1),
        chunk_id=chunk,
        arrival_day=entry["received_at"].date(),
        explanation=_explanation(rate, text=text),
    )


def _explanation(rate: OddRate, *, text: str | None) -> dict[str, Any]:
    is_whole = rate.pattern_id == WHOLE
    return {
        "scope": "source" if is_whole else "pattern",
        "pattern": None if is_whole else text,
        "direction": rate.direction,
        "window_from": rfc3339(rate.window_from),
        "window_to": rfc3339(rate.window_to),
        "count": rate.count,
        "expected": round(rate.expected, 2),
        "expected_low": rate.low,
        "expected_high": rate.high,
        "source_count": rate.source_count,
        "source_expected": round(rate.source_expected, 2),
        "counted_from": rfc3339(rate.counted_from),
        "chance": math.exp(-rate.rarity),
        "others": rate.others,
        "entry_id": str(entry_id(UUID(bytes=rate.submission), rate.index)),
    }


def _last_entry(
    told: Told, *, db: Database, reader: Reader, project: UUID, now: datetime
) -> tuple[dict[str, Any], UUID] | None:
    """The last entry and its chunk; None where it is gone: past its retention, erased, or unreadable."""
    rate = told.rate
    wanted = Wanted(
        time_from=rate.timestamp,
        time_to=rate.timestamp + timedelta(microseconds=1),
        source_ids=(told.source_id,),
    )
    identifier = entry_id(UUID(bytes=rate.submission), rate.index)
    is_it = (pl.col("submission") == rate.submission) & (pl.col("index") == rate.index)
    with db.transaction(project=project) as tx:
        parts = list_parts(tx, project=project, wanted=wanted, today=now.date())
    for part in parts:
        if not part.group.lowest_id <= identifier <= part.group.highest_id:
            continue
        try:
            frames = reader.read([part], lambda entries: entries.filter(is_it))
        except (ChunkMissing, CorruptBody):
            continue
        for frame in frames:
            if len(frame):
                return frame.row(0, named=True), part.place.chunk
    return None


def _last_known(told: Told, *, text: str | None, name: str) -> dict[str, Any]:
    """What is still known of an entry that is gone: when it came, and its pattern."""
    rate = told.rate
    return {
        "submission": rate.submission,
        "index": rate.index,
        "timestamp": rate.timestamp,
        "received_at": rate.received_at,
        "severity_number": 0,
        "severity_text": "",
        "source_id": told.source_id,
        "source": name,
        "message": text or "",
        "attributes": "",
        "pattern_id": max(rate.pattern_id, 0),
    }
