"""What is exported is what is stored: each entry once, whole, in files that any tool reads, in constant memory."""

import hashlib
import json
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from uuid import UUID

import polars as pl
import pytest
from commands import command_for, told
from scored_frames import NOON, scored_frame
from stored_entries import TOMORROW, WEEKEND, Archive, random_frame

from oddline.chunks.footer import row_group_extents
from oddline.database import Database
from oddline.entries import EntryQuery, Exported, FolderTarget, ObjectTarget, entry_view, export_entries
from oddline.errors import ChunkMissing, Conflict, InvalidParameter
from oddline.objects import FolderObjects
from oddline.settings import Side

DAY_AFTER = TOMORROW + timedelta(days=1)
EVERYTHING = EntryQuery()


@pytest.fixture
def archive(db: Callable[[Side], Database], project: UUID, tmp_path: Path) -> Archive:
    return Archive.make(worker=db("worker"), search=db("search"), project=project, folder=tmp_path / "objects")


def export(archive: Archive, target: Path, query: EntryQuery = EVERYTHING, *, now: datetime = TOMORROW) -> Exported:
    return export_entries(
        query,
        db=archive.worker,
        objects=archive.objects,
        project=archive.project,
        target=FolderTarget(target),
        now=now,
    )


def rows(target: Path) -> pl.DataFrame:
    return pl.read_parquet(target / "*.parquet") if list(target.glob("*.parquet")) else pl.DataFrame({"id": []})


QUERIES = (
    EVERYTHING,
    EntryQuery(time_from=NOON - timedelta(hours=6), time_to=NOON + timedelta(minutes=30)),
    EntryQuery(sources=("source-1", "source-3"), severity_minimum=13),
    EntryQuery(is_anomaly=True, score_minimum=0.95),
    EntryQuery(pattern_id=2, text="disk full"),
    EntryQuery(words=("10.0",), attributes=(("ok", "true"),)),
    EntryQuery(regex="sda[3-5]$"),
    EntryQuery(trace_id="0a" * 16, session="s-1"),
)


@pytest.mark.parametrize("merged", [False, True])
def test_each_entry_that_is_asked_for_is_exported_once(archive: Archive, tmp_path: Path, merged: bool) -> None:
    for seed in range(8):
        archive.store(random_frame(seed, count=60))
    if merged:
        archive.compact(now=DAY_AFTER)

    for number, query in enumerate(QUERIES):
        exported = export(archive, tmp_path / str(number), query)

        assert sorted(rows(tmp_path / str(number))["id"]) == sorted(archive.expected(query)), query
        assert exported.entries == len(archive.expected(query)) > 0


def test_files_have_plain_types_and_say_what_the_api_says(archive: Archive, tmp_path: Path) -> None:
    frame = random_frame(1, count=40).with_columns(pl.lit(3, dtype=pl.Int32).alias("nearest_pattern"))
    archive.store(frame)

    export(archive, tmp_path / "out")

    found = rows(tmp_path / "out").sort("id")
    moments = {"timestamp", "received_at", "analyzed_at"}
    assert {name for name, kind in found.schema.items() if kind == pl.Datetime("us", "UTC")} == moments
    plain = {pl.String(), pl.Int32(), pl.Float32(), pl.Boolean()}
    assert {kind for name, kind in found.schema.items() if name not in moments} == plain
    views = sorted(map(entry_view, frame.iter_rows(named=True)), key=lambda view: view["id"])
    for view, row in zip(views, found.iter_rows(named=True), strict=True):
        for name in ("id", "source", "message", "trace_id", "session", "severity", "severity_number", "pattern_id"):
            assert row[name] == view[name], name
        assert json.loads(row["attributes"] or "{}") == view["attributes"]
        assert row["timestamp"] == datetime.fromisoformat(view["timestamp"])
        assert row["anomaly_score"] == pytest.approx(view["anomaly_score"])
        assert row["nearest_pattern_id"] == view["nearest_pattern_id"] == 3


def test_files_and_row_groups_are_bounded_and_the_manifest_lists_them(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.entries.export_files.MOST_FILE_BYTES", 100_000)
    monkeypatch.setattr("oddline.entries.export_files.MOST_GROUP_ROWS", 200)
    for _ in range(4):
        archive.store(scored_frame(500))

    export(archive, tmp_path / "out", now=TOMORROW)

    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    data = {file["name"]: (tmp_path / "out" / file["name"]).read_bytes() for file in manifest["files"]}
    assert sorted([*data, "manifest.json"]) == sorted(path.name for path in (tmp_path / "out").iterdir())
    assert len(data) > 1
    assert all(max(group.rows for group in row_group_extents(blob)) <= 200 for blob in data.values())
    for file in manifest["files"]:
        frame = pl.read_parquet(tmp_path / "out" / file["name"])
        assert (file["entries"], file["bytes"]) == (frame.height, len(data[file["name"]]))
        assert file["sha256"] == hashlib.sha256(data[file["name"]]).hexdigest()
        assert datetime.fromisoformat(file["lowest_time"]) == frame["timestamp"].min()
    assert manifest["entries"] == 2_000
    assert datetime.fromisoformat(manifest["lowest_time"]) == NOON


def test_a_chunk_that_a_merge_takes_away_on_the_way_is_exported_once(
    archive: Archive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.entries.export_files.MOST_FILE_BYTES", 20_000)  # so that something is written before
    monkeypatch.setattr("oddline.entries.exporting.MOST_REGEX_ROWS", 100)
    for seed in range(10):
        archive.store(random_frame(seed, count=60))
    gone: list[int] = []

    def take_away() -> None:
        archive.compact(now=DAY_AFTER)
        with archive.worker.transaction() as tx:
            gone.append(tx.execute("DELETE FROM hot_chunks WHERE replaced_by IS NOT NULL").rowcount)

    export_entries(
        EVERYTHING,
        db=archive.worker,
        objects=archive.objects,
        project=archive.project,
        target=Interfering(tmp_path / "out", take_away),
        now=TOMORROW,
    )

    assert gone
    assert gone[0] > 0
    assert sorted(rows(tmp_path / "out")["id"]) == sorted(archive.expected(EVERYTHING))
    manifest = json.loads((tmp_path / "out" / "manifest.json").read_text())
    assert sum(file["entries"] for file in manifest["files"]) == 600


class Interfering(FolderTarget):
    """A folder whose first file being written is the moment for something else to happen."""

    def __init__(self, folder: Path, interfere: Callable[[], None]) -> None:
        super().__init__(folder)
        object.__setattr__(self, "left", [interfere])

    def write(self, name: str, data: bytes) -> None:
        super().write(name, data)
        if left := self.left:  # type: ignore[attr-defined]
            left.pop()()


def test_an_object_that_is_lost_ends_the_export_without_a_manifest(archive: Archive, tmp_path: Path) -> None:
    archive.store(scored_frame(200))
    archive.compact(now=DAY_AFTER)
    for info in list(archive.objects.list("chunks/")):
        archive.objects.delete(info.key)

    with pytest.raises(ChunkMissing):
        export(archive, tmp_path / "out")

    assert list((tmp_path / "out").iterdir()) == []


def test_what_holds_something_is_no_target(archive: Archive, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "mine").touch()

    with pytest.raises(Conflict, match="not empty"):
        export(archive, tmp_path / "out")
    with pytest.raises(InvalidParameter, match="regex"):
        export(archive, tmp_path / "new", EntryQuery(regex="("))


def test_an_export_goes_to_an_object_store_as_well(archive: Archive, tmp_path: Path) -> None:
    archive.store(scored_frame(300))
    elsewhere = FolderObjects(tmp_path / "elsewhere")

    export_entries(
        EVERYTHING,
        db=archive.worker,
        objects=archive.objects,
        project=archive.project,
        target=ObjectTarget(elsewhere),
        now=TOMORROW,
    )

    assert [info.key for info in elsewhere.list("")] == ["entries-000000.parquet", "manifest.json"]
    assert pl.read_parquet(elsewhere.get("entries-000000.parquet")).height == 300


def test_an_operator_exports_a_range_and_it_stands_in_the_audit_trail(
    archive: Archive, database_urls: dict[Side, str], tmp_path: Path
) -> None:
    run = command_for(tmp_path, database_url=database_urls["worker"])
    for timestamp in (NOON - 3 * WEEKEND, NOON):
        frame = scored_frame(20, timestamp=timestamp, received_at=NOON, severity_number=[9, 13, 16, 17, 21] * 4)
        archive.store(frame)
    with archive.worker.transaction() as tx:
        ((name,),) = tx.execute("SELECT name FROM projects WHERE id = %s", [archive.project]).fetchall()
    window = ["--from", f"{NOON - timedelta(days=1):%F}", "--to", f"{NOON + timedelta(days=1):%F}"]

    said = told(run("export", "out", "--project", name, *window))
    empty = run("export", "none", "--project", name, *window, "--text", "no entry says this")
    again = run("export", "out", "--project", name)
    told(run("export", "severe", "--project", str(archive.project), *window, "--severity", "WARN", "--severity", "21"))
    told(run("export", "from-error", "--project", name, *window, "--min-severity", "ERROR"))
    unknown = run("export", "of-none", "--project", name, "--min-severity", "LOUD")

    assert said.startswith("20 entries in 1 file of")
    assert rows(tmp_path / "out").height == 20
    assert (empty.returncode, "nothing was written" in empty.stderr) == (3, True)
    assert list((tmp_path / "none").iterdir()) == []
    assert (again.returncode, "not empty" in again.stderr) == (1, True)
    assert set(rows(tmp_path / "severe")["severity_number"]) == {13, 16, 21}
    assert set(rows(tmp_path / "from-error")["severity_number"]) == {17, 21}
    assert (unknown.returncode, "min-severity: this is no severity" in unknown.stderr) == (2, True)
    with archive.worker.transaction() as tx:
        recorded = tx.execute("SELECT action, details FROM audit_actions WHERE action = 'entries.exported'").fetchall()
    assert len(recorded) == 4
    assert not any("no entry says this" in details for _, details in recorded)
