"""Patterns: messages with their variable parts masked, what the model said of each, and what each source has known."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.patterns.alignment import Segment, align
    from oddline.patterns.masking import MASK_VERSION, PLACEHOLDERS, Masker
    from oddline.patterns.model import Memo, Sighting, SourceCounts, SourceKey, StoredPattern, pattern_hash
    from oddline.patterns.odd_tokens import Weight, cut_pieces, weigh
    from oddline.patterns.store import (
        add_sightings,
        add_source_counts,
        ensure_sources,
        find_patterns,
        find_patterns_by_id,
        forget_patterns,
        insert_memos,
        insert_patterns,
        known_patterns,
        list_sources,
        pattern_embeddings,
        pattern_texts,
        patterns_since,
        rename_pattern,
        source_names,
    )

__all__ = [
    "MASK_VERSION",
    "PLACEHOLDERS",
    "Masker",
    "Memo",
    "Segment",
    "Sighting",
    "SourceCounts",
    "SourceKey",
    "StoredPattern",
    "Weight",
    "add_sightings",
    "add_source_counts",
    "align",
    "cut_pieces",
    "ensure_sources",
    "find_patterns",
    "find_patterns_by_id",
    "forget_patterns",
    "insert_memos",
    "insert_patterns",
    "known_patterns",
    "list_sources",
    "pattern_embeddings",
    "pattern_hash",
    "pattern_texts",
    "patterns_since",
    "rename_pattern",
    "source_names",
    "weigh",
]

__getattr__ = face(
    __name__,
    {
        "alignment": ["Segment", "align"],
        "masking": ["MASK_VERSION", "PLACEHOLDERS", "Masker"],
        "model": ["Memo", "Sighting", "SourceCounts", "SourceKey", "StoredPattern", "pattern_hash"],
        "odd_tokens": ["Weight", "cut_pieces", "weigh"],
        "store": [
            "add_sightings",
            "add_source_counts",
            "ensure_sources",
            "find_patterns",
            "find_patterns_by_id",
            "forget_patterns",
            "insert_memos",
            "insert_patterns",
            "known_patterns",
            "list_sources",
            "pattern_embeddings",
            "pattern_texts",
            "patterns_since",
            "rename_pattern",
            "source_names",
        ],
    },
)
