"""What compresses a thousand to one is merged, searched, counted, exported and erased in bounded memory."""

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

import numpy as np
import polars as pl
import pytest
from scored_frames import scored_frame
from stored_entries import TOMORROW, Archive

from oddline.chunks.sizes import MOST_GROUP_BYTES
from oddline.database import Database
from oddline.entries import EntryQuery
from oddline.settings import Side

DAY_AFTER = TOMORROW + timedelta(days=1)
LONG = 250_000  # characters: an entry may have 256 KB
CHUNKS, ENTRIES = 16, 60
MOST_MB = 350  # more than it takes to start; without bounds it was 690

SCRIPT = """
import json, sys
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import numpy as np
import polars as pl

from oddline.chunks import Rewriter, merging
from oddline.chunks.compaction import Compactor
from oddline.database import Database
from oddline.entries import EntryQuery
from oddline.entries import EntryQuery, FolderTarget, Scan, count_facets, export_entries, list_entries
from oddline.objects import FolderObjects
from oddline.submissions import new_id

def peak_mb():
    return int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024

given = json.load(sys.stdin)
db, objects, project = Database(given["url"]), FolderObjects(Path(given["objects"])), UUID(given["project"])
now = datetime.fromisoformat(given["now"])
told = {"before": peak_mb()}

def search(query):
    found, after, sizes = 0, None, []
    while True:
        page = list_entries(query, db=db, objects=objects, project=project, now=now, after=after, limit=1_000)
        found, after = found + len(page.entries), page.next
        sizes.append(sum(len(entry["message"]) for entry in page.entries))
        if after is None:
            return found, max(sizes)

def step(name, work):
    Path("/proc/self/clear_refs").write_text("5")  # the peak counts from here on
    told[name] = [work(), peak_mb()]

if given["what"] == "merge":
    merging.hashes_of = lambda entries: np.empty(0, dtype=np.uint64)
    compactor = Compactor(db=db, objects=objects, clock=lambda: now, new_id=new_id)
    step("merge", lambda: compactor.run(until=now + timedelta(hours=1)).entries)
elif given["what"] == "after":
    scan = Scan(EntryQuery(), db=db, objects=objects, project=project, budget_s=600)
    step("facets", lambda: count_facets(scan, now=now)["entries"])
    rewriter = Rewriter(db=db, objects=objects, project=project, clock=lambda: now, new_id=new_id)
    nobody = pl.col("message").str.contains("nobody")
    chunks = rewriter.list(after=UUID(int=0), limit=1_000)
    step("holds", lambda: sum(rewriter.holds(chunk, nobody) for chunk in chunks))
    step("pages", lambda: search(EntryQuery()))
else:
    target = FolderTarget(Path(given["target"]))
    step("export", lambda: export_entries(EntryQuery(), db=db, objects=objects, project=project, target=target,
        now=now).entries)
print(json.dumps(told))
"""


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    # Half of the time would go into the filters of words, which have bounds of their own.
    monkeypatch.setattr("oddline.chunks.building.hashes_of", lambda _: np.empty(0, dtype=np.uint64))
    archive = Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path / "objects")
    for number in range(CHUNKS):
        # Equal texts would share their place in memory, and a single word costs the filter little.
        texts = ["a" * (LONG - place) + str(number * ENTRIES + place) for place in range(ENTRIES)]
        archive.store(scored_frame(ENTRIES, message=texts))
    archive.frames.clear()
    return archive


def told(archive: Archive, what: str, *, url: str, tmp_path: Path) -> dict[str, Any]:
    given = {
        "what": what,
        "url": url,
        "objects": str(tmp_path / "objects"),
        "target": str(tmp_path / what),
        "project": str(archive.project),
        "now": DAY_AFTER.isoformat(),
    }
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], input=json.dumps(given), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return dict(json.loads(done.stdout))


def test_entries_that_compress_a_thousand_to_one_fill_nobody_s_memory(
    archive: Archive, database_urls: dict[Side, str], tmp_path: Path
) -> None:
    url, stored = database_urls["worker"], CHUNKS * ENTRIES

    hot = told(archive, "hot", url=url, tmp_path=tmp_path)
    merged = told(archive, "merge", url=url, tmp_path=tmp_path)
    after = told(archive, "after", url=url, tmp_path=tmp_path)
    cold = told(archive, "cold", url=url, tmp_path=tmp_path)  # as always: an export is a process of its own

    assert merged["merge"][0] == stored  # what is large goes to the day's level at once
    assert hot["export"][0] == cold["export"][0] == after["pages"][0][0] == after["facets"][0] == stored
    told_of = {"hot": hot, "merged": merged, "after": after, "cold": cold}
    peaks = {(of, name): step[1] for of, one in told_of.items() for name, step in one.items() if name != "before"}
    assert max(peaks.values()) - hot["before"] < MOST_MB, peaks
    with archive.worker.transaction() as tx:
        groups = tx.execute(
            "SELECT (g->>'decoded')::bigint FROM chunks, jsonb_array_elements(row_groups) g WHERE replaced_by IS NULL"
        ).fetchall()
    assert 0 < max(size for (size,) in groups) <= MOST_GROUP_BYTES
    files = list((tmp_path / "cold").glob("*.parquet"))
    assert pl.scan_parquet(files).select(pl.col("id").n_unique()).collect().item() == stored


def test_chunks_whose_size_was_never_noted_are_read_and_merged_as_others(
    db: Callable[[Side], Database], project: UUID, tmp_path: Path
) -> None:
    archive = Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path)
    for _ in range(3):
        archive.store(scored_frame(200))
    archive.compact()
    archive.store(scored_frame(50))
    with archive.worker.transaction() as tx:
        tx.execute("UPDATE hot_chunks SET decoded_bytes = NULL")
        tx.execute(
            "UPDATE compacted_chunks SET row_groups ="
            " (SELECT jsonb_agg(g - 'decoded') FROM jsonb_array_elements(row_groups) AS g)"
        )
    hot = archive.read(EntryQuery(), limit=1_000)

    archive.compact(now=DAY_AFTER)

    assert hot == archive.read(EntryQuery(), limit=1_000) == archive.expected(EntryQuery())
