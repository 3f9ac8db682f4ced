"""How a submission's entries are packed and read back."""

from dataclasses import replace

import pytest
import zstandard

from oddline import submissions
from oddline.errors import CorruptBody, TooLarge
from oddline.submissions import Columns, body

ONE = Columns([0], [1], [0], [""], [""], ["m"], [""], [""], [""], [""])


def test_columns_survive_being_packed() -> None:
    columns = Columns(
        [1, 5],
        [10, 20],
        [9, 17],
        ["INFO", "ERROR"],
        ["a", "a"],
        ["één", ""],
        ["", '{"a":1}'],
        ["", ""],
        ["", ""],
        ["s", "s"],
    )

    assert submissions.unpack(submissions.pack(columns)) == columns


@pytest.mark.parametrize("damaged", [b"", b"no zstd", submissions.pack(ONE)[:-3]])
def test_a_damaged_body_is_said_to_be_corrupt(damaged: bytes) -> None:
    with pytest.raises(CorruptBody):
        submissions.unpack(damaged)


def test_what_would_not_be_read_back_is_not_packed(monkeypatch: pytest.MonkeyPatch) -> None:
    columns = replace(ONE, messages=["m" * 1000])
    size = len(zstandard.ZstdDecompressor().decompress(submissions.pack(columns)))

    monkeypatch.setattr(body, "MOST_BYTES", size)
    assert submissions.unpack(submissions.pack(columns)) == columns
    monkeypatch.setattr(body, "MOST_BYTES", size - 1)
    with pytest.raises(TooLarge):
        submissions.pack(columns)
