"""Find the chunks that may hold what a search wants, and count why the others are left alone."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, date
from typing import Any, Final
from uuid import UUID

from oddline.chunks.model import LATE_AFTER, Part, Skipped, Wanted
from oddline.chunks.pattern_store import EVERY_PATTERN, NO_CHUNK
from oddline.chunks.store import BOUNDS, PLACE, fetch, parts_of
from oddline.chunks.word_filter import may_hold, shape_of
from oddline.database import Transaction
from oddline.identity import WITHIN_RETENTION

_COLUMNS: Final = f"{PLACE}, {BOUNDS}"
_NAMES: Final = [column.rpartition(" AS ")[2] for column in _COLUMNS.split(", ")]
_RELEVANT: Final = (
    "project_id = %(project)s AND replaced_by IS NULL AND "
    + WITHIN_RETENTION
    + " AND highest_time >= %(time_from)s AND lowest_time < %(time_to)s"
)
_SKIPPED_BY: Final = (
    "CASE WHEN NOT (%(source_ids)s::int4[] IS NULL OR source_ids && %(source_ids)s::int4[]) THEN 'source'"
    " WHEN %(severities)s::int4 IS NOT NULL AND severities & %(severities)s::int4 = 0 THEN 'severity'"
    " WHEN highest_score < %(score_minimum)s::float4 OR (%(anomalies_only)s AND anomalies = 0) THEN 'score'"
    " WHEN NOT (%(pattern_id)s::int4 IS NULL OR %(pattern_id)s::int4 = ANY (pattern_ids)) THEN 'pattern' END"
)
_PARTS: Final = "coalesce(jsonb_array_length(row_groups), 1)"
# The blocks that each word chooses in the filter, for all row groups: a slice, so that nothing else of it is read.
_FILTER_BLOCKS: Final = (
    "ARRAY (SELECT substring(token_filter FROM (9 + 32 * parts * ((w.chooser *"
    " ((octet_length(token_filter) - 8) / (32 * parts))) >> 32))::int4 FOR 32 * parts)"
    " FROM unnest(%(choosers)s::int8[]) WITH ORDINALITY w (chooser, place) ORDER BY w.place)"
)
_SELECT: Final = f"SELECT {_COLUMNS}, token_filter, {_PARTS} AS parts, {_SKIPPED_BY} AS skipped_by FROM chunks WHERE"
# A chunk that is not late spans one day at most: its highest time alone says whether it can matter. And it arrived
# within a day of its timestamps, which leaves few partitions to look into.
_IN_TIME: Final = (
    f"NOT late AND %(late)s::bool IS NOT TRUE AND highest_time < %(time_to)s + interval '1 day' AND {_RELEVANT}"
    " AND arrival_day BETWEEN %(first_day)s AND %(last_day)s"
)
_LATE: Final = f"{_SELECT} late AND %(late)s::bool IS NOT FALSE AND {_RELEVANT}"
_INDEXED: Final = (
    "FROM chunk_patterns WHERE project_id = %(project)s AND day BETWEEN %(first_day)s AND %(last_day)s AND pattern_id"
)
_MARKED: Final = f"(SELECT day {_INDEXED} IN (%(pattern_id)s, {EVERY_PATTERN}) AND chunk_id = '{NO_CHUNK}')"
# Merged chunks by the index of rare patterns; on days on which a pattern was not rare in each merge, one by one.
_FOUND_BY_PATTERN: Final = " UNION ALL ".join(
    (
        f"{_SELECT} {_IN_TIME} AND level = 0",
        f"{_SELECT} {_IN_TIME} AND level > 0 AND arrival_day IN {_MARKED}",
        f"{_SELECT} {_IN_TIME} AND level > 0 AND id IN (SELECT chunk_id {_INDEXED} = %(pattern_id)s)"
        f" AND NOT arrival_day IN {_MARKED}",
        _LATE,
    )
)
_FOUND: Final = f"{_SELECT} {_IN_TIME} UNION ALL {_LATE}"


def _list(found: str) -> str:
    """The statement that tells what was found: a row for each chunk to look at, and one for each reason not to."""
    return f"""
WITH found AS MATERIALIZED ({found})
SELECT {", ".join(_NAMES)},
    CASE WHEN %(choosers)s::int8[] IS NOT NULL THEN substring(token_filter FOR 8) END AS filter_header,
    CASE WHEN octet_length(token_filter) > 8 THEN {_FILTER_BLOCKS} END AS filter_blocks, 1::bigint AS chunks,
    parts::bigint AS parts, NULL::text AS skipped_by
FROM found WHERE skipped_by IS NULL
UNION ALL
SELECT {", ".join(["NULL"] * len(_NAMES))}, NULL, NULL, count(*), sum(parts)::bigint, skipped_by
FROM found WHERE skipped_by IS NOT NULL GROUP BY skipped_by
"""


_BY_TIME: Final = _list(_FOUND)
_BY_PATTERN: Final = _list(_FOUND_BY_PATTERN)


@dataclass(frozen=True, slots=True)
class Listing:
    """Parts that may hold what is wanted, in no order; `skipped` counts the others of the asked time by why.

    `rows` is how many rows of chunks were read for it. Filters of words that stand in objects were not asked yet:
    `Reader.without_words` asks them.
    """

    parts: list[Part] = field(default_factory=list)
    skipped: Counter[Skipped] = field(default_factory=Counter)
    rows: int = 0


def list_wanted(tx: Transaction, *, project: UUID, wanted: Wanted, today: date) -> Listing:
    """The parts of chunks that may hold what is wanted, without those past their project's retention.

    One statement, so that a compaction meanwhile neither hides an entry nor shows it twice.
    """
    rows = fetch(
        tx,
        _BY_TIME if wanted.pattern_id is None else _BY_PATTERN,
        {
            "project": project,
            "today": today,
            "time_from": wanted.time_from,
            "time_to": wanted.time_to,
            "first_day": wanted.time_from.astimezone(UTC).date() - LATE_AFTER,
            "last_day": wanted.time_to.astimezone(UTC).date() + LATE_AFTER,
            "late": wanted.late,
            "source_ids": None if wanted.source_ids is None else list(wanted.source_ids),
            "severities": wanted.severities,
            "score_minimum": wanted.score_minimum,
            "anomalies_only": wanted.anomalies_only,
            "pattern_id": wanted.pattern_id,
            "choosers": [word >> 32 for word in wanted.words] or None,
        },
    )
    parts: list[Part] = []
    skipped: Counter[Skipped] = Counter()
    for row in rows:
        if row["skipped_by"] is not None:
            skipped[row["skipped_by"]] += row["parts"]
            continue
        for part, why in _judged(row, wanted):
            if why is None:
                parts.append(part)
            else:
                skipped[why] += 1
    return Listing(parts, skipped, rows=sum(row["chunks"] for row in rows))


def list_parts(tx: Transaction, *, project: UUID, wanted: Wanted, today: date) -> list[Part]:
    """The parts alone of `list_wanted`."""
    return list_wanted(tx, project=project, wanted=wanted, today=today).parts


def list_in_ranges(
    tx: Transaction, *, project: UUID, ranges: Mapping[date, tuple[UUID, UUID]], today: date
) -> list[Part]:
    """The parts that may hold entries with ids of a range that arrived on its day, unless past the retention."""
    rows = fetch(
        tx,
        f"SELECT {PLACE}, {BOUNDS} FROM chunks JOIN unnest(%(days)s::date[], %(lows)s::uuid[], %(highs)s::uuid[])"
        " AS named (day, low, high) ON arrival_day = day AND lowest_id <= high AND highest_id >= low"
        f" WHERE project_id = %(project)s AND replaced_by IS NULL AND {WITHIN_RETENTION}",
        {
            "project": project,
            "days": list(ranges),
            "lows": [low for low, _ in ranges.values()],
            "highs": [high for _, high in ranges.values()],
            "today": today,
        },
    )
    return [part for row in rows for part in parts_of(row)]


def _judged(row: Mapping[str, Any], wanted: Wanted) -> Iterator[tuple[Part, Skipped | None]]:
    """The parts of a chunk, each with why it cannot hold what is wanted."""
    blocks = row["filter_blocks"] or []
    is_here = any(blocks) and shape_of(row["filter_header"]) is not None
    for part in parts_of({**row, "filter_header": None} if is_here else dict(row)):
        why = wanted.why_not_in(part.group)
        if why is None and is_here and not _holds_words(blocks, wanted, group=part.number):
            why = "words"
        yield part, why


def _holds_words(blocks: list[bytes], wanted: Wanted, *, group: int) -> bool:
    return all(may_hold(chosen, word, group=group) for chosen, word in zip(blocks, wanted.words, strict=True))
