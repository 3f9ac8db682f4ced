"""Entries: pages of them, one by its id, the odd ones, and the sources that they come from."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.entries.by_id import get_entry
    from oddline.entries.model import LARGEST_PATTERN_ID, LONGEST_TEXT, EntryQuery, OddEntry, OddQuery, Page
    from oddline.entries.odd import Explain, odd_rows
    from oddline.entries.odd_pages import list_odd_entries
    from oddline.entries.pages import list_entries
    from oddline.entries.sources import (
        LEAST_ALARMS_PER_DAY,
        LONGEST_ATTRIBUTE,
        LONGEST_WINDOW,
        MOST_ALARMS_PER_DAY,
        SHORTEST_WINDOW,
        set_sequence_window,
        set_session_attribute,
        set_source_alarms,
        set_source_threshold,
        source_view,
        source_views,
    )
    from oddline.entries.store import OddCount, count_odd, insert_odd
    from oddline.entries.view import cursor_behind, entry_view

__all__ = [
    "LARGEST_PATTERN_ID",
    "LEAST_ALARMS_PER_DAY",
    "LONGEST_ATTRIBUTE",
    "LONGEST_TEXT",
    "LONGEST_WINDOW",
    "MOST_ALARMS_PER_DAY",
    "SHORTEST_WINDOW",
    "EntryQuery",
    "Explain",
    "OddCount",
    "OddEntry",
    "OddQuery",
    "Page",
    "count_odd",
    "cursor_behind",
    "entry_view",
    "get_entry",
    "insert_odd",
    "list_entries",
    "list_odd_entries",
    "odd_rows",
    "set_sequence_window",
    "set_session_attribute",
    "set_source_alarms",
    "set_source_threshold",
    "source_view",
    "source_views",
]

__getattr__ = face(
    __name__,
    {
        "by_id": ["get_entry"],
        "model": ["LARGEST_PATTERN_ID", "LONGEST_TEXT", "EntryQuery", "OddEntry", "OddQuery", "Page"],
        "odd": ["Explain", "odd_rows"],
        "odd_pages": ["list_odd_entries"],
        "pages": ["list_entries"],
        "sources": [
            "LONGEST_ATTRIBUTE",
            "LONGEST_WINDOW",
            "LEAST_ALARMS_PER_DAY",
            "MOST_ALARMS_PER_DAY",
            "SHORTEST_WINDOW",
            "set_sequence_window",
            "set_session_attribute",
            "set_source_alarms",
            "set_source_threshold",
            "source_view",
            "source_views",
        ],
        "store": ["OddCount", "count_odd", "insert_odd"],
        "view": ["cursor_behind", "entry_view"],
    },
)
