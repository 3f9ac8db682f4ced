"""The pages that long searches found, kept as objects for a while."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Final
from uuid import UUID

import orjson

from oddline.entries.tasks import RESULT_KEPT
from oddline.errors import Gone, ObjectMissing
from oddline.objects import ObjectStore

PREFIX: Final = "searches"  # of objects


def keep_page(objects: ObjectStore, page: Mapping[str, Any], *, project: UUID, search: UUID | None) -> None:
    """Keep what a search found."""
    objects.put(_key(project, search), orjson.dumps(page), metadata={"project": str(project)})


def kept_page(objects: ObjectStore, *, project: UUID, search: UUID) -> Any:
    """What a search found.

    Raises:
        Gone: it is kept no longer.
    """
    try:
        return orjson.loads(objects.get(_key(project, search)))
    except ObjectMissing as error:
        raise Gone(f"what search {search} found is kept no longer", field="task_id") from error


def drop_old_searches(objects: ObjectStore, *, now: datetime) -> int:
    """Delete the pages that have been kept for long enough; returns how many."""
    old = [info.key for info in objects.list(f"{PREFIX}/") if info.modified_at < now - RESULT_KEPT]
    for key in old:
        objects.delete(key)
    return len(old)


def _key(project: UUID, search: UUID | None) -> str:
    return f"{PREFIX}/{project}/{search}"
