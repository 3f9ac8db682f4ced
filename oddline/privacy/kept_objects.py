"""Take the values of a person out of objects, some at a time in the order of their keys: a bucket holds too many."""

from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass
from itertools import groupby, islice
from operator import attrgetter
from typing import Final
from uuid import UUID

from oddline.database import Database
from oddline.errors import ObjectMissing
from oddline.objects import ObjectStore, ObjectVersion
from oddline.privacy import place_store
from oddline.privacy.finder import Finder

_BODIES: Final = "bodies/"
_UPLOADS: Final = "uploads/"


@dataclass(frozen=True, slots=True)
class ErasedObjects:
    """How many versions held a value, how many were looked at, and the last key; None when there are no more."""

    found: int
    looked: int
    last: str | None


def erase_objects(
    objects: ObjectStore, db: Database, *, finder: Finder, project: UUID, uploads: bool, after: str, limit: int
) -> ErasedObjects:
    """Delete what holds a value among the versions of up to `limit` objects of a project behind a key.

    What a row names yet stays: the next pass finds it there.

    Args:
        uploads: whether what was uploaded is the project's, too.
    """
    found, looked, last = 0, 0, None
    some = list(islice(_by_key(objects, project, uploads=uploads, after=after), limit))
    with db.transaction() as tx:
        files = place_store.file_objects(tx, project, keys=[key for key, _ in some])
    for key, all_versions in some:
        versions = [one for one in all_versions if not _is_file(one, files)]
        looked += len(versions)
        held = [one for one in versions if _holds(objects, one, finder)]
        found += len(held)
        _delete(objects, db, held, project=project)
        last = key
    return ErasedObjects(found, looked, last if len(some) == limit else None)


def _is_file(one: ObjectVersion, files: Set[tuple[str, str]]) -> bool:
    """Whether it was looked through as a file, of whatever size."""
    return (one.key, one.version) in files or (one.is_current and (one.key, "") in files)


def _holds(objects: ObjectStore, one: ObjectVersion, finder: Finder) -> bool:
    try:
        return finder.in_bytes(objects.get_version(one))
    except ObjectMissing:  # the sweep was faster
        return False


def _delete(objects: ObjectStore, db: Database, held: Sequence[ObjectVersion], *, project: UUID) -> None:
    if not held:
        return
    current = {one.key for one in held if one.is_current}
    with db.transaction() as tx:
        named = place_store.named_objects(tx, project, keys=current)
    for one in held:
        if not (one.is_current and one.key in named):
            objects.delete_version(one)


def _by_key(
    objects: ObjectStore, project: UUID, *, uploads: bool, after: str
) -> Iterator[tuple[str, list[ObjectVersion]]]:
    """Each object of a project behind a key with all that is kept of it."""
    # In the order of their names, so that one key says how far all of it is.
    own = [f"{kind}/{project}/" for kind in ("chunks", "files", "replays", "searches")]
    prefixes = [_BODIES, *own, *([_UPLOADS] if uploads else [])]
    for prefix in prefixes:
        if after > prefix and not after.startswith(prefix):
            continue  # all of it lies before
        for key, versions in groupby(objects.versions(prefix, after=after), key=attrgetter("key")):
            if prefix != _BODIES or key.split("/")[2:3] == [str(project)]:
                yield key, list(versions)
