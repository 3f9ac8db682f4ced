"""What a page looks like on the wire."""

from typing import Any

from functions.http.pages import fitting
from oddline.entries import Page, cursor_behind


def page_view(page: Page) -> dict[str, Any]:
    """The page, or as much of it as one answer holds, with the `next` of where it ends."""
    entries = fitting(page.entries)
    view: dict[str, Any] = {"entries": entries, "cost": page.cost}
    if page.facets is not None:
        view["facets"] = page.facets
    if len(entries) < len(page.entries):
        return {**view, "next": cursor_behind(entries[-1])}
    if page.next is not None:
        view["next"] = page.next
    if page.searched_until is not None:
        view["searched_until"] = page.searched_until
    return view
