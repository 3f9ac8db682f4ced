"""What an export holds until a file of it is full is bounded, and so is what adding some more to it costs."""

from pathlib import Path

import polars as pl
import pytest
from scored_frames import scored_frame

from oddline.chunks import decoded_bytes
from oddline.entries import FolderTarget
from oddline.entries.export_files import MOST_HELD_FRAMES, ExportFiles


@pytest.fixture
def measured(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many entries each frame had whose size was asked for."""
    heights: list[int] = []

    def measure(entries: pl.DataFrame) -> int:
        heights.append(entries.height)
        return decoded_bytes(entries)

    monkeypatch.setattr("oddline.entries.export_files.decoded_bytes", measure)
    return heights


def test_adding_costs_the_same_however_much_is_held(tmp_path: Path, measured: list[int]) -> None:
    files = ExportFiles(FolderTarget(tmp_path))

    for _ in range(200):
        files.add(scored_frame(1))
        files.add(scored_frame(0))

    assert sum(measured) <= 200
    assert len(measured) <= 200


def test_many_small_frames_are_held_as_few(tmp_path: Path) -> None:
    files = ExportFiles(FolderTarget(tmp_path))

    for _ in range(5 * MOST_HELD_FRAMES):
        files.add(scored_frame(1))

    assert len(files.mark().held) < MOST_HELD_FRAMES
    assert files.entries == 5 * MOST_HELD_FRAMES


def test_files_become_as_large_after_going_back_as_they_would_have_been(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("oddline.entries.export_files.MOST_FILE_BYTES", decoded_bytes(scored_frame(10)))
    files = ExportFiles(FolderTarget(tmp_path))
    files.add(scored_frame(4))
    mark = files.mark()

    for _ in range(3):
        files.add(scored_frame(4))
        files.add(scored_frame(4))
        files.go_back(mark)
    files.add(scored_frame(5))

    assert list(tmp_path.iterdir()) == []
    assert files.entries == 9
