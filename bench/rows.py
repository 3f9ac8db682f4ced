"""The older way of storing, to compare with: a row per entry, an index per filter, row-level security as elsewhere."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any
from uuid import UUID

import psycopg

from bench.services import BareDatabase
from oddline.chunks import SCHEMA
from oddline.database import Transaction
from oddline.submissions import entry_id

# The columns of a scored entry (oddline.chunks.SCHEMA), with the indexes that its filters need: by id, time, source,
# pattern and score.
_TABLE = """
CREATE TABLE entry_rows (
    id uuid PRIMARY KEY,
    project_id uuid NOT NULL,
    timestamp timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    severity_number smallint NOT NULL,
    severity_text text NOT NULL,
    source_id integer NOT NULL,
    source text NOT NULL,
    message text NOT NULL,
    attributes text NOT NULL,
    trace_id text NOT NULL,
    span_id text NOT NULL,
    session text NOT NULL,
    pattern_id integer NOT NULL,
    score real NOT NULL,
    severity real NOT NULL,
    novelty real NOT NULL,
    is_anomaly boolean NOT NULL,
    threshold real NOT NULL,
    calibration_version smallint NOT NULL,
    model_version text NOT NULL,
    mask_version smallint NOT NULL,
    analyzed_at timestamptz NOT NULL,
    processing_time real NOT NULL,
    nearest_pattern integer,
    shadow_score real
);
CREATE INDEX entry_rows_time ON entry_rows (project_id, timestamp DESC, id DESC);
CREATE INDEX entry_rows_source ON entry_rows (project_id, source_id, timestamp DESC);
CREATE INDEX entry_rows_pattern ON entry_rows (project_id, pattern_id, timestamp DESC);
CREATE INDEX entry_rows_score ON entry_rows (project_id, score DESC, timestamp DESC);
ALTER TABLE entry_rows ENABLE ROW LEVEL SECURITY;
CREATE POLICY project ON entry_rows TO oddline_worker
    USING (project_id = (SELECT oddline_project())) WITH CHECK (project_id = (SELECT oddline_project()));
GRANT SELECT, INSERT ON entry_rows TO oddline_worker;
"""
COLUMNS = ("id", "project_id", *(name for name in SCHEMA if name not in {"submission", "index"}))
_INSERT = f"INSERT INTO entry_rows ({', '.join(COLUMNS)}) VALUES ({', '.join(f'%({name})s' for name in COLUMNS)})"


def create_table(bare: BareDatabase) -> None:
    """Make the table, its indexes and its policy."""
    with psycopg.connect(bare.urls["owner"]) as connection:
        connection.execute(_TABLE)


def insert(tx: Transaction, rows: Iterable[Mapping[str, Any]]) -> None:
    """Insert rows with all of `COLUMNS`, each by a statement of its own."""
    with tx.cursor() as cursor:
        cursor.executemany(_INSERT, rows)


def rows_of(entries: Iterable[Mapping[str, Any]], *, project: UUID) -> Iterator[dict[str, Any]]:
    """Scored entries, with the columns of `oddline.chunks.SCHEMA`, as rows."""
    for entry in entries:
        own = {"id": entry_id(UUID(bytes=entry["submission"]), entry["index"]), "project_id": project}
        yield own | {name: value for name, value in entry.items() if name in COLUMNS}
