"""Long searches in the worker."""

from collections.abc import Mapping

from oddline.entries import SEARCH_ENTRIES, search_entries
from worker_image.worker.binding import Bound

BINDINGS: Mapping[str, Bound] = {
    SEARCH_ENTRIES.name: lambda process: search_entries,  # noqa: ARG005  # needs nothing of the process
}
