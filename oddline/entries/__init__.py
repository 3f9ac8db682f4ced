"""Entries: pages of them, one by its id, the odd ones, and the sources that they come from."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.entries.by_id import get_entry
    from oddline.entries.model import EntryQuery, OddEntry, OddQuery, Page
    from oddline.entries.odd import Explain, odd_rows
    from oddline.entries.odd_pages import list_odd_entries
    from oddline.entries.pages import list_entries
    from oddline.entries.sources import set_source_threshold, source_views
    from oddline.entries.store import insert_odd
    from oddline.entries.view import cursor_behind, entry_view, odd_view

__all__ = [
    "EntryQuery",
    "Explain",
    "OddEntry",
    "OddQuery",
    "Page",
    "cursor_behind",
    "entry_view",
    "get_entry",
    "insert_odd",
    "list_entries",
    "list_odd_entries",
    "odd_rows",
    "odd_view",
    "set_source_threshold",
    "source_views",
]

__getattr__ = face(
    __name__,
    {
        "by_id": ["get_entry"],
        "model": ["EntryQuery", "OddEntry", "OddQuery", "Page"],
        "odd": ["Explain", "odd_rows"],
        "odd_pages": ["list_odd_entries"],
        "pages": ["list_entries"],
        "sources": ["set_source_threshold", "source_views"],
        "store": ["insert_odd"],
        "view": ["cursor_behind", "entry_view", "odd_view"],
    },
)
