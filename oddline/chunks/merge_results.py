"""Write what a merge makes: the objects first, so that no row ever names one that is not there."""

from collections.abc import Callable, Iterable
from datetime import datetime
from uuid import UUID

import polars as pl

from oddline.chunks.merging import SORT_ORDER, encoded_pieces, merge_chunk
from oddline.chunks.model import RESULT_MASK, CompactedChunk, MergeGroup, merge_result
from oddline.objects import PROJECT_METADATA, ObjectStore


def new_merge(new_id: Callable[[], UUID]) -> UUID:
    """An id for a merge, with room for the numbers of its results."""
    return UUID(int=new_id().int & ~RESULT_MASK)


def write_results(
    entries: pl.DataFrame, *, group: MergeGroup, level: int, merge: UUID, objects: ObjectStore, now: datetime
) -> list[CompactedChunk]:
    """The chunks that hold the entries (columns of SCHEMA, any order); their objects are there, their rows not yet.

    Raises:
        ObjectStoreUnavailable: what was written is named by no row.
    """
    results = [
        merge_chunk(piece, group=group, level=level, identifier=merge_result(merge, number), blob=blob, now=now)
        for number, (piece, blob) in enumerate(encoded_pieces(entries.sort(SORT_ORDER)))
    ]
    for result in results:
        if result.object_key is not None:
            objects.put(result.object_key, result.blob, metadata={PROJECT_METADATA: str(group.project)})
    return results


def delete_objects(results: Iterable[CompactedChunk], objects: ObjectStore) -> None:
    """Take back the objects of results whose rows were not written."""
    for result in results:
        if result.object_key is not None:
            objects.delete(result.object_key)
