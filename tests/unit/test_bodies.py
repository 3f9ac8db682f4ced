"""How a submission's entries are packed and read back."""

import pytest

from oddline import submissions
from oddline.errors import CorruptBody
from oddline.submissions import Columns

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


@pytest.mark.parametrize("body", [b"", b"no zstd", submissions.pack(ONE)[:-3]])
def test_a_damaged_body_is_said_to_be_corrupt(body: bytes) -> None:
    with pytest.raises(CorruptBody):
        submissions.unpack(body)
