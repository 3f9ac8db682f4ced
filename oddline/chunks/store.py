"""SQL of chunks as scoring writes them and as readers find them."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import date, datetime
from typing import Any, Final
from uuid import UUID

from psycopg.rows import dict_row

from oddline.chunks.model import (
    LATE_AFTER,
    RESULT_MASK,
    BornChunk,
    Chunk,
    NewChunk,
    Part,
    Place,
    Position,
    RowGroup,
    decoded_about,
    row_group_from_json,
)
from oddline.database import Transaction
from oddline.identity import WITHIN_RETENTION

PLACE: Final = "id AS chunk, project_id AS project, format, schema_version, entries, bytes, object_key, footer_offset"
BOUNDS: Final = (
    "lowest_time, highest_time, lowest_id, highest_id, highest_score, severities, source_ids, row_groups, decoded_bytes"
)


def insert_born(tx: Transaction, chunks: Iterable[BornChunk]) -> None:
    """Write newborn chunks; their place in the order of incremental readers is that of the transaction."""
    for chunk in chunks:
        row = row_of(chunk, without=("level", "bytes"))
        tx.execute(f"INSERT INTO hot_chunks (era, {names(row)}) SELECT era, {placeholders(row)} FROM instance", row)


def row_of(chunk: Chunk, *, without: Collection[str]) -> dict[str, Any]:
    """A chunk's fields under the names of their columns, except those that its table does not have."""
    values = {one.name: getattr(chunk, one.name) for one in fields(chunk) if one.name not in without}
    row = {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
    return {"project_id": row.pop("project"), **row}


def names(row: Mapping[str, Any]) -> str:
    """The columns of a row as INSERT lists them."""
    return ", ".join(row)


def placeholders(row: Mapping[str, Any]) -> str:
    """The values of a row as INSERT takes them: in binary, since as text a blob would be twice as long."""
    return ", ".join(f"%({name})b" for name in row)


def newest_before(tx: Transaction, *, project: UUID, moment: datetime, today: date) -> datetime | None:
    """The highest timestamp before a moment that an entry can have; None if no chunk reaches below the moment.

    A chunk that reaches above it, too, can have entries right below it. Of chunks past their project's retention
    nothing is counted.
    """
    highest = (
        "SELECT max(least(highest_time, %(moment)s::timestamptz - interval '1 microsecond')) FROM chunks"
        f" WHERE project_id = %(project)s AND replaced_by IS NULL AND lowest_time < %(moment)s AND {WITHIN_RETENTION}"
    )
    # One by one, since those that are late have an index of their own.
    row = tx.execute(
        f"SELECT greatest(({highest} AND NOT late), ({highest} AND late))",
        {"project": project, "moment": moment, "today": today},
    ).fetchone()
    return row[0] if row else None


def follow(tx: Transaction, *, project: UUID, chunks: Sequence[UUID], entry: UUID, today: date) -> list[Part]:
    """The parts that may hold an entry, of the chunks it was stored in or of what has replaced them since."""
    ranges = [(chunk, chunk) for chunk in chunks]
    found: list[Part] = []
    while ranges:
        rows = fetch(
            tx,
            f"SELECT {PLACE}, {BOUNDS}, replaced_by FROM chunks JOIN unnest(%(lows)s::uuid[], %(highs)s::uuid[])"
            " AS named (low, high) ON id BETWEEN low AND high"
            f" WHERE project_id = %(project)s AND lowest_id <= %(entry)s AND highest_id >= %(entry)s"
            f" AND {WITHIN_RETENTION}",
            {
                "today": today,
                "lows": [low for low, _ in ranges],
                "highs": [high for _, high in ranges],
                "project": project,
                "entry": entry,
            },
        )
        found += [part for row in rows if row["replaced_by"] is None for part in parts_of(row)]
        merges = {row["replaced_by"] for row in rows if row["replaced_by"] is not None}
        ranges = [(merge, UUID(int=merge.int | RESULT_MASK)) for merge in merges]
    return [part for part in found if part.group.lowest_id <= entry <= part.group.highest_id]


def list_parts_of(tx: Transaction, *, project: UUID, chunks: Sequence[UUID]) -> list[Part]:
    """The parts of chunks by their ids, also of those that were replaced, for as long as they are there."""
    rows = fetch(
        tx,
        f"SELECT {PLACE}, {BOUNDS} FROM chunks WHERE project_id = %(project)s AND id = ANY (%(chunks)s)",
        {"project": project, "chunks": list(chunks)},
    )
    return [part for row in rows for part in parts_of(row)]


def list_by_id(tx: Transaction, *, project: UUID, days: Sequence[date], entry: UUID, today: date) -> list[Part]:
    """The parts that may hold an entry which arrived on one of `days`, unless past their project's retention."""
    rows = fetch(
        tx,
        f"SELECT {PLACE}, {BOUNDS} FROM chunks WHERE project_id = %(project)s AND replaced_by IS NULL"
        f" AND arrival_day = ANY (%(days)s) AND lowest_id <= %(entry)s AND highest_id >= %(entry)s"
        f" AND {WITHIN_RETENTION}",
        {"project": project, "days": list(days), "entry": entry, "today": today},
    )
    return [part for row in rows for part in parts_of(row) if part.group.lowest_id <= entry <= part.group.highest_id]


def read_blobs(tx: Transaction, chunks: Sequence[UUID]) -> dict[UUID, bytes]:
    """The blobs of those of the chunks whose rows hold them."""
    with tx.cursor(binary=True) as cursor:
        rows = cursor.execute(
            "SELECT id, blob FROM hot_chunks WHERE id = ANY (%(ids)s) UNION ALL"
            " SELECT id, blob FROM compacted_chunks WHERE id = ANY (%(ids)s) AND blob IS NOT NULL",
            {"ids": list(chunks)},
        ).fetchall()
    return dict(rows)


def ensure_cursor(tx: Transaction, *, project: UUID, consumer: str, from_beginning: bool) -> None:
    """Give a consumer its cursor if it has none: before all chunks, or behind what is committed now."""
    tx.execute(
        "INSERT INTO cursors (project_id, consumer, era, xid, chunk_id)"
        " SELECT %(project)s, %(consumer)s, CASE WHEN %(from_beginning)s THEN 0 ELSE era END,"
        " pg_snapshot_xmin(pg_current_snapshot()), %(nil)s FROM instance ON CONFLICT DO NOTHING",
        {"project": project, "consumer": consumer, "from_beginning": from_beginning, "nil": UUID(int=0)},
    )


def lock_cursor(tx: Transaction, *, project: UUID, consumer: str) -> Position:
    """A consumer's cursor, which nobody else reads or moves until the transaction ends."""
    with tx.cursor() as cursor:
        era, xid, chunk = cursor.execute(
            "SELECT era, xid::text, chunk_id FROM cursors WHERE project_id = %s AND consumer = %s FOR UPDATE",
            [project, consumer],
        ).fetchall()[0]
    return Position(era, int(xid), chunk)


def move_cursor(tx: Transaction, *, project: UUID, consumer: str, to: Position) -> None:
    """Set a consumer's cursor."""
    tx.execute(
        "UPDATE cursors SET era = %s, xid = %s::xid8, chunk_id = %s WHERE project_id = %s AND consumer = %s",
        [to.era, str(to.xid), to.chunk, project, consumer],
    )


def list_born(tx: Transaction, *, project: UUID, after: Position, limit: int, since: date = date.min) -> list[NewChunk]:
    """Chunks after a position, as they were born, in their order, below every transaction in progress.

    What arrived before the day `since` is left out.
    """
    rows = fetch(
        tx,
        "SELECT id, project_id AS project, arrival_day, 0 AS level, format, schema_version, late, lowest_id,"
        " highest_id, lowest_time, highest_time, entries, anomalies, highest_score, severities, source_ids,"
        " pattern_ids, length(blob) AS bytes, decoded_bytes, histograms, pattern_sources, pattern_counts,"
        " pattern_scores, pattern_anomalies, model_version, analyzed_at, era, xid::text AS xid"
        f" FROM hot_chunks WHERE project_id = %(project)s AND (era, xid, id) > (%(era)s, %(xid)s::xid8, %(chunk)s)"
        f" AND arrival_day >= %(since)s AND {_SETTLED} ORDER BY era, hot_chunks.xid, id LIMIT %(limit)s",
        {
            "project": project,
            "era": after.era,
            "xid": str(after.xid),
            "chunk": after.chunk,
            "since": since,
            "limit": limit,
        },
    )
    return [_new_chunk(row) for row in rows]


def retention_days(tx: Transaction, *, project: UUID) -> int:
    """How many days a project's entries are kept."""
    with tx.cursor() as cursor:
        return int(cursor.execute("SELECT retention_days FROM projects WHERE id = %s", [project]).fetchall()[0][0])


def end_position(tx: Transaction) -> Position:
    """The place of the oldest transaction in progress: what is not shown yet has this one or a later one."""
    with tx.cursor() as cursor:
        era, xid = cursor.execute("SELECT era, pg_snapshot_xmin(pg_current_snapshot())::text FROM instance").fetchall()[
            0
        ]
    return Position(era, int(xid), UUID(int=0))


def first_position(tx: Transaction, *, project: UUID, made_since: datetime) -> Position | None:
    """The place before the first of the chunks that scoring made since a moment."""
    row = tx.execute(
        "SELECT era, xid::text FROM hot_chunks WHERE project_id = %s AND arrival_day >= %s AND created_at >= %s"
        " ORDER BY era, hot_chunks.xid, id LIMIT 1",
        [project, made_since.date() - LATE_AFTER, made_since],
    ).fetchone()
    return Position(row[0], int(row[1]), UUID(int=0)) if row else None


def projects_with_born(tx: Transaction, *, consumer: str) -> list[UUID]:
    """The projects with chunks that a consumer has not passed, or in which it has no cursor yet."""
    rows = tx.execute(
        "SELECT p.id FROM projects p LEFT JOIN cursors c ON c.project_id = p.id AND c.consumer = %(consumer)s"
        " WHERE EXISTS (SELECT 1 FROM hot_chunks WHERE project_id = p.id AND (era, xid, hot_chunks.id) >"
        f" (coalesce(c.era, 0), coalesce(c.xid, '0'::xid8), coalesce(c.chunk_id, %(nil)s)) AND {_SETTLED})",
        {"consumer": consumer, "nil": UUID(int=0)},
    ).fetchall()
    return [row[0] for row in rows]


# Transaction ids of an earlier era, before a logical restore, say nothing beside those of today.
_SETTLED: Final = (
    "(hot_chunks.era < (SELECT instance.era FROM instance) OR hot_chunks.xid < pg_snapshot_xmin(pg_current_snapshot()))"
)


def fetch(tx: Transaction, statement: str, parameters: dict[str, Any]) -> list[dict[str, Any]]:
    """The rows of a statement by the names of their columns."""
    with tx.cursor(row_factory=dict_row, binary=True) as cursor:
        return cursor.execute(statement, parameters).fetchall()


def _new_chunk(row: dict[str, Any]) -> NewChunk:
    position = Position(row.pop("era"), int(row.pop("xid")), row["id"])
    row["decoded_bytes"] = _decoded(row)
    arrays = {name: tuple(value) for name, value in row.items() if isinstance(value, list)}
    return NewChunk(**row | arrays, position=position)


def parts_of(row: dict[str, Any]) -> Iterator[Part]:
    """The parts of a chunk whose row has the columns of PLACE and BOUNDS."""
    place = Place(
        chunk=row["chunk"],
        project=row["project"],
        format=row["format"],
        schema_version=row["schema_version"],
        entries=row["entries"],
        bytes=row["bytes"],
        object_key=row["object_key"],
        footer_offset=row["footer_offset"],
        filter_header=row.get("filter_header"),
    )
    row_offset = 0
    for number, group in enumerate(_row_groups(row)):
        yield Part(place=place, number=number, row_offset=row_offset, group=group)
        row_offset += group.rows


def _row_groups(row: dict[str, Any]) -> list[RowGroup]:
    if row["row_groups"] is not None:
        return [row_group_from_json(stored) for stored in row["row_groups"]]
    return [
        RowGroup(
            start=0,
            end=row["bytes"],
            rows=row["entries"],
            decoded=_decoded(row),
            lowest_time=row["lowest_time"],
            highest_time=row["highest_time"],
            lowest_id=row["lowest_id"],
            highest_id=row["highest_id"],
            highest_score=row["highest_score"],
            severities=row["severities"],
            source_ids=tuple(row["source_ids"]),
        )
    ]


def _decoded(row: Mapping[str, Any]) -> int:
    known: int | None = row["decoded_bytes"]
    return decoded_about(rows=row["entries"], packed=row["bytes"]) if known is None else known
