"""The sources of a project, and the threshold that a person sets for one."""

from typing import Any
from uuid import UUID

from oddline.database import Transaction
from oddline.entries import store
from oddline.entries.view import rounded
from oddline.errors import InvalidParameter, NotFound
from oddline.submissions import rfc3339


def source_views(tx: Transaction, *, project: UUID, after: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
    """Sources as clients get them, in the order of their names, from behind the name `after`."""
    return [_view(source) for source in store.list_sources(tx, project=project, after=after, limit=limit)]


def set_source_threshold(tx: Transaction, *, project: UUID, name: str, threshold: float | None) -> dict[str, Any]:
    """From which score on entries of a source are anomalies; None: as the model's default says. Returns the source.

    Raises:
        InvalidParameter: the threshold is not between 0 and 1.
        NotFound: the project has no such source.
    """
    if threshold is not None and not 0 <= threshold <= 1:
        raise InvalidParameter("threshold: scores go from 0 to 1", field="threshold")
    source = store.set_threshold(tx, project=project, name=name, threshold=threshold)
    if source is None:
        raise NotFound(f"there is no source {name!r}")
    return _view(source)


def _view(source: store.Source) -> dict[str, Any]:
    return {
        "name": source.name,
        "entries": source.entries,
        "threshold": None if source.threshold is None else rounded(source.threshold),
        "first_seen": rfc3339(source.first_seen),
        "last_seen": rfc3339(source.last_seen),
    }
