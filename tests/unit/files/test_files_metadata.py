"""What a file holds is summed up while it is read, and again from where reading went on."""

import gzip
import json
from datetime import UTC, datetime

from oddline.files import Metadata, MetadataFold, Problems, read_entries

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
LINES = b"".join(
    b"2026-10-11T08:%02d:30%s ERROR [main] a.B: failed\n2026-10-11T08:%02d:31Z INFO [main] a.B: done\nbro\xff\x81ken\n"
    % (number, zone, number)
    for number, zone in enumerate([b"Z", b"+02:00", b"Z", b"Z"])
)


def test_a_file_s_metadata_is_counted_block_by_block() -> None:
    packed = gzip.compress(LINES)
    reader = read_entries([packed], now=NOW, most_entries=5)

    blocks = list(reader)
    assert reader.found is not None
    fold = MetadataFold(reader.found)
    for block in blocks:
        fold.add(block)
    fold.end(packed_bytes=reader.packed_bytes, damaged=reader.problems.damaged)

    assert len(blocks) == 3
    assert fold.metadata == Metadata(
        format="log4j",
        encoding="utf-8",
        compression="gzip",
        entries=12,
        lines=12,
        packed_bytes=len(packed),
        unpacked_bytes=len(LINES),
        first=datetime(2026, 10, 11, 6, 1, 30, tzinfo=UTC),
        last=datetime(2026, 10, 11, 8, 3, 31, tzinfo=UTC),
        severities={"ERROR": 4, "INFO": 4, "UNSPECIFIED": 4},
        problems=Problems(replaced=8, unparsed=4),
    )


def test_metadata_goes_on_from_what_was_stored_of_it() -> None:
    blocks = list(read_entries([LINES], now=NOW, most_entries=5))
    whole, first_part = _fold(), _fold()
    for block in blocks:
        whole.add(block)
    first_part.add(blocks[0])

    stored = json.loads(json.dumps(first_part.metadata.view()))
    second_part = _fold(before=Metadata.restored(stored))
    for block in read_entries([LINES], now=NOW, most_entries=5, after=blocks[0].end):
        second_part.add(block)

    assert second_part.metadata == whole.metadata


def test_sources_are_told_where_a_format_names_them() -> None:
    line = json.dumps({"message": "up", "time": "2026-10-11T08:15:30Z", "service.name": "shop"}) + "\n"
    fold = _fold()

    for block in read_entries([line.encode() * 3], now=NOW):
        fold.add(block)

    assert fold.metadata.sources == {"shop": 3}


def _fold(*, before: Metadata | None = None) -> MetadataFold:
    found = read_entries([LINES], now=NOW)
    list(found)
    assert found.found is not None
    return MetadataFold(found.found, before=before)
