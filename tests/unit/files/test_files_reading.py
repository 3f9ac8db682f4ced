"""A stream of bytes becomes the same blocks whatever its pieces, size and faults."""

import gzip
import lzma
import tracemalloc
from collections.abc import Generator, Iterable, Iterator
from datetime import UTC, datetime, timedelta, timezone
from itertools import pairwise, repeat
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st
from lines_of_formats import CASES

from oddline.errors import LineTooLong, NotText
from oddline.files import Block, EntryReader, Found, from_place, look_at, read_entries
from oddline.submissions import take_entries

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
MB = 1024 * 1024
PACKINGS = {"gzip": gzip.compress, "xz": lzma.compress, "zstd": zstandard.ZstdCompressor(write_checksum=True).compress}
FRAGMENTS = [
    *(text.encode() for _, text, _ in CASES.values()),
    b"\n", b"\r\n", b"\r", b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\0", b"\xff\xfe", b"\xef\xbb\xbf", b"\xe4 ",
    b"  ",     b"\tat a.B.c(D.java:3)\n", b"Traceback (most recent call last):\n", b'  File "x"\n', b"ValueError: x\n",
    b'{"message":"a","time":1762330530}\n', b"__CURSOR=1\n__REALTIME_TIMESTAMP=1762330530123456\n", b"MESSAGE\n",
    b"\x03\0\0\0\0\0\0\0abc\n", b'[{"a":1},', b'{"a": "b",\n', b'{"a": "b" c},\n', b'{"events":[', b"a,b,c\n",
    b"9" * 30,
]  # fmt: skip
STREAMS = st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.binary(max_size=20)), max_size=12).map(b"".join)


def read(data: bytes | Iterable[bytes], **more: Any) -> tuple[EntryReader, list[Block]]:
    reader = read_entries([data] if isinstance(data, bytes) else data, now=NOW, **more)
    return reader, list(reader)


def entries_of(data: bytes, **more: Any) -> list[dict[str, Any]]:
    return [entry for block in read(data, **more)[1] for entry in block.entries]


def cut(data: bytes, size: int) -> Iterator[bytes]:
    for at in range(0, len(data), size):
        yield data[at : at + size]


def is_text(data: bytes) -> bool:
    return look_at(data).format != "binary"


@given(data=STREAMS, size=st.integers(1, 40))
@settings(max_examples=150, deadline=None)
def test_any_bytes_are_entries_that_can_be_stored_whatever_their_pieces(data: bytes, size: int) -> None:
    if not is_text(data):
        with pytest.raises(NotText):
            read(data)
        return
    reader, blocks = read(data, most_entries=3)
    in_pieces, same_blocks = read(cut(data, size), most_entries=3)

    assert same_blocks == blocks
    assert in_pieces.problems == reader.problems
    assert take_entries([entry for block in blocks for entry in block.entries], now=NOW)[1] == []
    assert all(before.end == after.start for before, after in pairwise(blocks))


@given(data=STREAMS, at=st.integers(0, 10))
@settings(max_examples=150, deadline=None)
def test_reading_goes_on_behind_any_block(data: bytes, at: int) -> None:
    if is_text(data):
        _, blocks = read(data, most_entries=2)

        for block in blocks[at : at + 1]:
            assert read(data, most_entries=2, after=block.end)[1] == blocks[at + 1 :]


@given(packing=st.sampled_from(sorted(PACKINGS)), at=st.integers(0, 10_000), bits=st.integers(1, 255))
@settings(max_examples=100, deadline=None)
def test_damage_in_what_is_packed_never_does_more_than_end_it(packing: str, at: int, bits: int) -> None:
    text = b"".join(b"2026-10-11 08:15:%02d line %d\n" % (number % 60, number * 7919) for number in range(500))
    packed = bytearray(PACKINGS[packing](text))
    at = 6 + at % (len(packed) - 6)
    packed[at] ^= bits
    found = Found(format="text", encoding="utf-8", compression=packing)

    reader, blocks = read(bytes(packed), found=found)

    assert read(cut(bytes(packed), 77), found=found)[1] == blocks
    assert reader.problems.damaged or sum(len(block.entries) for block in blocks) == 500


@pytest.mark.parametrize("packing", PACKINGS)
def test_members_behind_each_other_are_one_stream(packing: str) -> None:
    pack = PACKINGS[packing]

    assert [e["message"] for e in entries_of(pack(b"one\ntw") + pack(b"o\n") + pack(b"three"))] == [
        "one",
        "two",
        "three",
    ]


@pytest.mark.parametrize("packing", PACKINGS)
def test_what_is_packed_by_a_thousand_costs_no_memory(packing: str) -> None:
    packed = PACKINGS[packing]((b"x" * 8191 + b"\n") * 2048)
    tracemalloc.start()

    lines = sum(len(block.entries) for block in read_entries([packed], now=NOW))

    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert lines == 2048
    assert peak < 64 * MB  # of which zstd makes 32 at once at its worst ratio


def test_a_line_that_is_too_long_is_cut_and_marked() -> None:
    [before, long, after] = entries_of(b"a\n" + b"x" * (2 * MB) + b"\nb\n")

    assert (before["message"], after["message"]) == ("a", "b")
    assert long["message"] == "x" * (256 * 1024)
    assert long["attributes"]["cut_bytes"] == 2 * MB - 256 * 1024


@pytest.mark.parametrize("start", [b"x", b'[{"a":"', b'{"a":', b"__REALTIME_TIMESTAMP=1\nA"])
def test_a_file_of_one_line_without_end_is_refused_soon(start: bytes) -> None:
    pieces = iter([start, *repeat(b"y" * MB, 1000)])

    with pytest.raises(LineTooLong) as raised:
        read(pieces)

    assert raised.value.permanent
    assert sum(1 for _ in pieces) > 850


def test_what_is_no_text_is_refused() -> None:
    with pytest.raises(NotText):
        read(bytes(range(32)) * 100)


@pytest.mark.parametrize(
    ("encoding", "name"),
    [("utf-8", "utf-8"), ("utf-8-sig", "utf-8-sig"), ("utf-16", "utf-16-le"), ("utf-16-le", "utf-16-le"),
     ("utf-16-be", "utf-16-be"), ("cp1252", "cp1252"), ("latin-1", "cp1252")],
)  # fmt: skip
def test_encodings_are_found_by_looking(encoding: str, name: str) -> None:
    text = "".join(f"2026-10-11 08:15:30 ERROR Müller kündigt {number}\r\n" for number in range(50))
    data = text.encode(encoding)

    assert look_at(data) == Found(format="text", encoding=name, compression="none")
    assert [e["message"] for e in entries_of(data)] == [f"Müller kündigt {number}" for number in range(50)]
    assert read(cut(data, 3))[1] == read(data)[1]


def test_bytes_that_are_no_text_are_replaced_and_marked() -> None:
    reader, [block] = read("Grüße\n".encode() * 10 + b"bro\xff\x80ken\0\n")

    assert [entry["message"] for entry in block.entries] == ["Grüße"] * 10 + ["bro\ufffd\ufffdken\ufffd"]
    assert block.entries[10]["attributes"]["replaced_characters"] == 3
    assert reader.problems.replaced == 3


JAVA = [
    "java.lang.IllegalStateException: no basket",
    "\tat shop.Cart.add(Cart.java:71)",
    "\t... 12 more",
    "Caused by: java.io.IOException: gone",
    "\tat shop.Disk.read(Disk.java:3)",
]
PYTHON = [
    "Traceback (most recent call last):",
    '  File "/srv/shop.py", line 71, in add',
    "    raise KeyError(item)",
    "KeyError: 'x'",
    "",
    "During handling of the above exception, another exception occurred:",
    "",
    "Traceback (most recent call last):",
    '  File "/srv/shop.py", line 73, in add',
    "ValueError: no such item",
]


@pytest.mark.parametrize("trace", [JAVA, PYTHON])
@pytest.mark.parametrize(
    "head", ["2026-10-11 08:15:30 ERROR cannot add", "Oct 11 08:15:30 web-1 shop[3]: cannot add", "ERROR: cannot add"]
)
def test_a_trace_is_one_entry_with_the_line_before_it(trace: list[str], head: str) -> None:
    if head.startswith("Oct"):
        trace = [line for line in trace if line]

    first, second = entries_of("\n".join([head, *trace, head, ""]).encode())

    assert first["message"].endswith("\n".join(["cannot add", *trace]))
    assert second["message"].endswith("cannot add")


def test_an_entry_joins_no_more_than_a_thousand_lines() -> None:
    entries = entries_of(b"2026-10-11 08:15:30 head\n" * 30 + b"more\n" * 1500)

    first, second = entries[29:31]
    assert first["message"].count("\n") == 999
    assert second["message"].startswith("more")
    assert second["timestamp"] == first["timestamp"]


def test_lines_without_a_time_have_that_of_the_line_before_or_of_the_first_that_has_one() -> None:
    lines = [f'{{"msg":"{number}"}}' for number in range(3)]
    lines[1] = '{"msg":"1","time":"2026-10-11T08:15:30Z"}'

    reader, [block] = read("\n".join(lines).encode())

    assert [entry["timestamp"] for entry in block.entries] == ["2026-10-11T08:15:30Z"] * 3
    assert reader.problems.guessed == 0


def test_a_time_that_nothing_tells_is_the_hint_and_marked() -> None:
    hint = NOW - timedelta(days=40)

    reader, [block] = read(b"no time here\n", year_hint=hint)

    assert datetime.fromisoformat(block.entries[0]["timestamp"]) == hint
    assert block.entries[0]["attributes"] == {"timestamp_guessed": True}
    assert reader.problems.guessed == 1


@pytest.mark.parametrize(
    ("line", "hint", "time"),
    [
        (b"Dec 31 23:59:59 h a: b", datetime(2026, 1, 2, tzinfo=UTC), "2025-12-31T23:59:59Z"),
        (b"Jan  2 14:00:00 h a: b", datetime(2026, 1, 2, tzinfo=UTC), "2026-01-02T14:00:00Z"),
        (b"Jan  3 00:00:00 h a: b", datetime(2026, 1, 2, tzinfo=UTC), "2025-01-03T00:00:00Z"),
        (b"Jan  1 05:00:00 h a: b", datetime(2026, 12, 31, 12, tzinfo=UTC), "2026-01-01T05:00:00Z"),
        (b"Jan  1 01:00:00 h a: b", datetime(2025, 12, 31, 23, tzinfo=UTC), "2026-01-01T01:00:00Z"),
        (b"Feb 29 00:00:00 h a: b", datetime(2026, 1, 2, tzinfo=UTC), "2024-02-29T00:00:00Z"),
    ],
)
def test_a_year_that_is_not_written_is_the_last_that_may_be(line: bytes, hint: datetime, time: str) -> None:
    _, [block] = read(line, year_hint=hint)

    assert block.entries[0]["timestamp"] == time
    assert block.year_guessed


@pytest.mark.parametrize(
    ("zone", "time"),
    [
        (None, "2026-07-11T08:15:30Z"),
        (timezone(timedelta(hours=-3)), "2026-07-11T08:15:30-03:00"),
        (ZoneInfo("Europe/Berlin"), "2026-07-11T08:15:30+02:00"),
    ],
)
def test_times_without_a_zone_are_of_the_given_one(zone: Any, time: str) -> None:
    _, [block] = read(b"2026-07-11 08:15:30 up\n", zone=zone)

    assert block.entries[0]["timestamp"] == time
    assert block.zone_assumed == (zone is None)


@pytest.mark.parametrize(
    ("encoding", "end", "is_fetched_whole"),
    [
        ("utf-8", "\n", False),
        ("utf-8-sig", "\r\n", False),
        ("utf-8", "\r", False),
        ("cp1252", "\n", False),
        ("utf-16", "\n", True),
        ("utf-16-be", "\n", True),
        ("gzip", "\n", True),
    ],
)
@pytest.mark.parametrize("is_known", [False, True])
def test_reading_goes_on_at_a_place_and_only_what_must_be_is_fetched_again(
    encoding: str, end: str, *, is_fetched_whole: bool, is_known: bool
) -> None:
    text = "".join(f"2026-10-11 08:15:30 {number} für {'x' * 200}{end}" for number in range(4_000))
    data = gzip.compress(text.encode(), 1) if encoding == "gzip" else text.encode(encoding)
    reader, blocks = read(data, most_entries=500)
    fetched: list[int] = []

    def stream(start: int) -> Generator[bytes, None, None]:
        fetched.append(start)
        yield from cut(data[start:], 10_000)

    for at, block in enumerate(blocks):
        fetched.clear()
        pieces = from_place(stream, position=block.end, found=reader.found if is_known else None)
        assert read(pieces, most_entries=500, after=block.end)[1] == blocks[at + 1 :]

    assert fetched == ([0] if is_fetched_whole else [0, blocks[-1].end])


def test_a_block_ends_after_eight_megabytes() -> None:
    line = b"2026-10-11 08:15:30 " + b"x" * 100_000 + b"\n"

    _, blocks = read(line * 200)

    assert [len(block.entries) for block in blocks] == [84, 84, 32]
