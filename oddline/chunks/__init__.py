"""Chunks: how entries are stored, merged, found again and let go."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.chunks.building import build
    from oddline.chunks.frame import SCHEMA
    from oddline.chunks.incremental import (
        ANALYTICS,
        COUNTS,
        advance,
        is_passed,
        position_before,
        position_now,
        projects_with_new,
        read_after,
        read_new,
        whole,
    )
    from oddline.chunks.listing import Listing, list_in_ranges, list_parts, list_wanted
    from oddline.chunks.model import HISTOGRAM_BINS, BornChunk, Chunk, NewChunk, Part, Position, Skipped, Wanted
    from oddline.chunks.reader import Reader
    from oddline.chunks.restoring import Restored, Restorer
    from oddline.chunks.retention import HOT_DAYS
    from oddline.chunks.rewriting import TEXT_COLUMNS, Change, Rewriter, StoredChunk
    from oddline.chunks.service import cleanup_old_logs, compact_chunks
    from oddline.chunks.sizes import decoded_bytes, rows_of_groups, slices
    from oddline.chunks.store import follow, insert_born, list_by_id, list_parts_of, newest_before
    from oddline.chunks.tasks import CLEANUP_OLD_LOGS, COMPACT_CHUNKS, TASKS
    from oddline.chunks.words import required_hashes

__all__ = [
    "ANALYTICS",
    "CLEANUP_OLD_LOGS",
    "COMPACT_CHUNKS",
    "COUNTS",
    "HISTOGRAM_BINS",
    "HOT_DAYS",
    "SCHEMA",
    "TASKS",
    "TEXT_COLUMNS",
    "BornChunk",
    "Change",
    "Chunk",
    "Listing",
    "NewChunk",
    "Part",
    "Position",
    "Reader",
    "Restored",
    "Restorer",
    "Rewriter",
    "Skipped",
    "StoredChunk",
    "Wanted",
    "advance",
    "build",
    "cleanup_old_logs",
    "compact_chunks",
    "decoded_bytes",
    "follow",
    "insert_born",
    "is_passed",
    "list_by_id",
    "list_in_ranges",
    "list_parts",
    "list_parts_of",
    "list_wanted",
    "newest_before",
    "position_before",
    "position_now",
    "projects_with_new",
    "read_after",
    "read_new",
    "required_hashes",
    "rows_of_groups",
    "slices",
    "whole",
]

__getattr__ = face(
    __name__,
    {
        "building": ["build"],
        "frame": ["SCHEMA"],
        "incremental": [
            "ANALYTICS",
            "COUNTS",
            "advance",
            "is_passed",
            "position_before",
            "position_now",
            "projects_with_new",
            "read_after",
            "read_new",
            "whole",
        ],
        "listing": ["Listing", "list_in_ranges", "list_parts", "list_wanted"],
        "model": ["HISTOGRAM_BINS", "BornChunk", "Chunk", "NewChunk", "Part", "Position", "Skipped", "Wanted"],
        "reader": ["Reader"],
        "restoring": ["Restored", "Restorer"],
        "retention": ["HOT_DAYS"],
        "rewriting": ["TEXT_COLUMNS", "Change", "Rewriter", "StoredChunk"],
        "service": ["cleanup_old_logs", "compact_chunks"],
        "sizes": ["decoded_bytes", "rows_of_groups", "slices"],
        "store": ["follow", "insert_born", "list_by_id", "list_parts_of", "newest_before"],
        "tasks": ["CLEANUP_OLD_LOGS", "COMPACT_CHUNKS", "TASKS"],
        "words": ["required_hashes"],
    },
)
