"""Take entries out for other tools: each that is asked for once, though merging goes on, in constant memory."""

import math
from collections.abc import Callable
from datetime import datetime
from typing import Final
from uuid import UUID

import polars as pl

from oddline.database import Database
from oddline.entries.conditions import check_regex
from oddline.entries.export_files import Exported, ExportFiles, Target
from oddline.entries.model import EntryQuery
from oddline.entries.scan import AHEAD, MOST_REGEX_ROWS, Scan, Window
from oddline.errors import ChunkMissing
from oddline.objects import ObjectStore

MOST_WINDOW_ROWS: Final = 50_000_000  # listed at once: read within minutes, and what merges replace is kept for an hour
DECODED_AT_ONCE: Final = 16 * 1024 * 1024
TRIES: Final = 5  # of a window from which merging, retention or an erasure takes something away


def export_entries(
    query: EntryQuery,
    *,
    db: Database,
    objects: ObjectStore,
    project: UUID,
    target: Target,
    now: datetime,
    told: Callable[[int], None] = lambda _: None,
) -> Exported:
    """Write all entries that `query` asks for to `target` as Parquet, and then a manifest.

    Windows of time are exported one by one, each as one statement lists it. Where a chunk is gone before it is read,
    what was written of its window is taken back, and the window is listed anew.

    Args:
        told: is told now and then how many entries there are so far.

    Raises:
        InvalidParameter: the regular expression is none.
        Conflict: there is something in the target already.
        ChunkMissing: what a chunk's row names is not there, however often it is looked at.
        CorruptBody, ObjectStoreUnavailable, DatabaseUnavailable: something cannot be read or written.
    """
    if query.regex is not None:
        check_regex(query.regex)
    target.check_empty()
    scan = Scan(query, db=db, objects=objects, project=project, budget_s=math.inf)
    files = ExportFiles(target)
    for window in scan.windows(now + AHEAD, now=now, most_rows=MOST_WINDOW_ROWS):
        _export_window(window, scan=scan, files=files)
        told(files.entries)
    return files.finish(query, project=project, now=now)


def _export_window(window: Window, *, scan: Scan, files: ExportFiles) -> None:
    mark = files.mark()

    def narrow(entries: pl.LazyFrame) -> pl.LazyFrame:
        return entries.filter(*window.conditions)

    for tries_left in reversed(range(TRIES)):
        try:
            while window.reach is not None:
                for frame in scan.reader.read(window.take(rows=MOST_REGEX_ROWS, decoded=DECODED_AT_ONCE), narrow):
                    files.add(frame)
        except ChunkMissing:
            if not tries_left:
                raise
            files.go_back(mark)
            window = window.again()
        else:
            return
