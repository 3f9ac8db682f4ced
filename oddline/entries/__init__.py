"""Entries: pages of them, one by its id, the odd ones, and the sources that they come from."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.entries.background import find_search, search_entries, start_search, takes_long
    from oddline.entries.by_id import get_entry
    from oddline.entries.export_files import MANIFEST, Exported, FolderTarget, ObjectTarget
    from oddline.entries.exporting import export_entries
    from oddline.entries.facets import count_facets
    from oddline.entries.kept_pages import drop_old_searches
    from oddline.entries.model import LARGEST_PATTERN_ID, LONGEST_TEXT, MOST_TERMS, EntryQuery, OddEntry, OddQuery, Page
    from oddline.entries.odd import Explain, odd_rows
    from oddline.entries.odd_pages import list_odd_entries
    from oddline.entries.pages import list_entries
    from oddline.entries.scan import Scan
    from oddline.entries.severity import severity_number, severity_numbers
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
    from oddline.entries.tail import LONGEST_BACK_S, Tail, read_tail
    from oddline.entries.tasks import SEARCH_ENTRIES
    from oddline.entries.verifying import DayCount, check_chunks, count_days
    from oddline.entries.view import cursor_behind, entry_view, odd_view

__all__ = [
    "LARGEST_PATTERN_ID",
    "LEAST_ALARMS_PER_DAY",
    "LONGEST_ATTRIBUTE",
    "LONGEST_BACK_S",
    "LONGEST_TEXT",
    "LONGEST_WINDOW",
    "MANIFEST",
    "MOST_ALARMS_PER_DAY",
    "MOST_TERMS",
    "SEARCH_ENTRIES",
    "SHORTEST_WINDOW",
    "DayCount",
    "EntryQuery",
    "Explain",
    "Exported",
    "FolderTarget",
    "ObjectTarget",
    "OddCount",
    "OddEntry",
    "OddQuery",
    "Page",
    "Scan",
    "Tail",
    "check_chunks",
    "count_days",
    "count_facets",
    "count_odd",
    "cursor_behind",
    "drop_old_searches",
    "entry_view",
    "export_entries",
    "find_search",
    "get_entry",
    "insert_odd",
    "list_entries",
    "list_odd_entries",
    "odd_rows",
    "odd_view",
    "read_tail",
    "search_entries",
    "set_sequence_window",
    "set_session_attribute",
    "set_source_alarms",
    "set_source_threshold",
    "severity_number",
    "severity_numbers",
    "source_view",
    "source_views",
    "start_search",
    "takes_long",
]

__getattr__ = face(
    __name__,
    {
        "background": ["find_search", "search_entries", "start_search", "takes_long"],
        "by_id": ["get_entry"],
        "export_files": ["MANIFEST", "Exported", "FolderTarget", "ObjectTarget"],
        "exporting": ["export_entries"],
        "facets": ["count_facets"],
        "kept_pages": ["drop_old_searches"],
        "model": ["LARGEST_PATTERN_ID", "LONGEST_TEXT", "MOST_TERMS", "EntryQuery", "OddEntry", "OddQuery", "Page"],
        "odd": ["Explain", "odd_rows"],
        "odd_pages": ["list_odd_entries"],
        "pages": ["list_entries"],
        "scan": ["Scan"],
        "severity": ["severity_number", "severity_numbers"],
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
        "tail": ["LONGEST_BACK_S", "Tail", "read_tail"],
        "tasks": ["SEARCH_ENTRIES"],
        "verifying": ["DayCount", "check_chunks", "count_days"],
        "view": ["cursor_behind", "entry_view", "odd_view"],
    },
)
