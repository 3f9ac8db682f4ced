"""Chunks: how entries are stored, merged, found again and let go."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.chunks.building import build
    from oddline.chunks.frame import SCHEMA
    from oddline.chunks.incremental import COUNTS, advance, is_passed, projects_with_new, read_new, whole
    from oddline.chunks.model import HISTOGRAM_BINS, BornChunk, Chunk, NewChunk, Part, Wanted
    from oddline.chunks.reader import Reader
    from oddline.chunks.rewriting import TEXT_COLUMNS, Rewriter, StoredChunk
    from oddline.chunks.service import cleanup_old_logs, compact_chunks
    from oddline.chunks.store import follow, insert_born, list_by_id, list_parts, list_parts_of, newest_before
    from oddline.chunks.tasks import CLEANUP_OLD_LOGS, COMPACT_CHUNKS, TASKS

__all__ = [
    "CLEANUP_OLD_LOGS",
    "COMPACT_CHUNKS",
    "COUNTS",
    "HISTOGRAM_BINS",
    "SCHEMA",
    "TASKS",
    "TEXT_COLUMNS",
    "BornChunk",
    "Chunk",
    "NewChunk",
    "Part",
    "Reader",
    "Rewriter",
    "StoredChunk",
    "Wanted",
    "advance",
    "build",
    "cleanup_old_logs",
    "compact_chunks",
    "follow",
    "insert_born",
    "is_passed",
    "list_by_id",
    "list_parts",
    "list_parts_of",
    "newest_before",
    "projects_with_new",
    "read_new",
    "whole",
]

__getattr__ = face(
    __name__,
    {
        "building": ["build"],
        "frame": ["SCHEMA"],
        "incremental": ["COUNTS", "advance", "is_passed", "projects_with_new", "read_new", "whole"],
        "model": ["HISTOGRAM_BINS", "BornChunk", "Chunk", "NewChunk", "Part", "Wanted"],
        "reader": ["Reader"],
        "rewriting": ["TEXT_COLUMNS", "Rewriter", "StoredChunk"],
        "service": ["cleanup_old_logs", "compact_chunks"],
        "store": ["follow", "insert_born", "list_by_id", "list_parts", "list_parts_of", "newest_before"],
        "tasks": ["CLEANUP_OLD_LOGS", "COMPACT_CHUNKS", "TASKS"],
    },
)
