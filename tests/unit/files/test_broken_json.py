"""A broken object in JSON takes no other with it, and what is no object is told."""

import json
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oddline.files import Block, EntryReader, Found, read_entries

NOW = datetime(2026, 11, 5, 8, 15, tzinfo=UTC)
OBJECTS = [
    {"time": "2026-11-01T08:15:30Z", "level": "info", "msg": f"line {number} {{of}} the log \\", "at": [{"n": number}]}
    for number in range(300)
]
ONE_A_LINE = [json.dumps(one) for one in OBJECTS]
INDENTED = [json.dumps(one, indent=2) for one in OBJECTS]
TAIL = '],\n"searchedLogStreams": [{"name": "a"}],\n"nextToken":\n "f/1"\n}\n'
WRITTEN = {
    "an object a line": ("json", ONE_A_LINE, "[\n", ",\n", "\n]\n"),
    "indented": ("json", INDENTED, "[\n", ",\n", "\n]\n"),
    "in one line": ("json", ONE_A_LINE, "[", ",", "]"),
    "one behind the other": ("json", INDENTED, "", "\n", "\n"),
    "wrapped": ("json_wrapped", ONE_A_LINE, '{"owner": "o", "events": [\n', ",\n", TAIL),
}
DAMAGES = {
    "cut": lambda text: text[:40],
    "a quote": lambda text: text.replace("line", 'li"ne'),
    "no brace": lambda text: text[:-1],
}
JSON_FORMATS = pytest.mark.parametrize("written", WRITTEN)


def read(data: bytes, *, size: int = 1_000_000, **more: Any) -> tuple[EntryReader, list[Block]]:
    reader = read_entries([data[at : at + size] for at in range(0, len(data), size)], now=NOW, **more)
    return reader, list(reader)


def messages(blocks: list[Block]) -> list[str]:
    return [entry["message"] for block in blocks for entry in block.entries]


@pytest.mark.parametrize("damage", DAMAGES)
@JSON_FORMATS
def test_a_broken_object_is_one_entry_as_it_stands_and_the_others_are_read(written: str, damage: str) -> None:
    name, objects, start, between, end = WRITTEN[written]
    damaged = list(objects)
    damaged[100] = DAMAGES[damage](damaged[100])

    reader, blocks = read((start + between.join(damaged) + end).encode())

    found, wanted = messages(blocks), [one["msg"] for one in OBJECTS]
    assert reader.found == Found(name, "utf-8", "none")
    assert found[:100] == wanted[:100]
    assert found[100].startswith(damaged[100][:20])
    assert found[102:300] == wanted[102:] or found[101:300] == wanted[102:]  # in one line it may hold the next
    assert reader.problems.unparsed == 1


@JSON_FORMATS
def test_text_between_objects_is_entries_that_are_counted(written: str) -> None:
    _, objects, start, between, end = WRITTEN[written]
    texts = [*objects[:100], "null", *objects[100:200], 'he said "{" and went', *objects[200:]]

    reader, blocks = read((start + between.join(texts) + end).encode())

    found = messages(blocks)
    assert (found[100].rstrip(","), found[201].rstrip(",")) == ("null", 'he said "{" and went')
    assert [message for message in found if "of} the log" in message] == [one["msg"] for one in OBJECTS]
    assert reader.problems.unparsed == 2


def test_an_object_without_end_within_what_an_entry_may_be_is_its_first_line() -> None:
    lines = [f'{{"msg": "line {number}"}},' for number in range(20_000)]
    data = "\n".join(["[", *lines[:50], '{"msg": "open", "list": [', *lines[50:], "]"]).encode()

    reader, blocks = read(data, size=100_000)

    assert len(data) > 256 * 1024
    whole = [f"line {number}" for number in range(20_000)]
    assert messages(blocks) == [*whole[:50], '{"msg": "open", "list": [', *whole[50:]]
    assert reader.problems.unparsed == 1


def test_an_object_in_one_line_is_one_entry_however_long() -> None:
    long = json.dumps({"msg": "long", "list": [{"n": number} for number in range(30_000)]})

    reader, blocks = read(f'[\n{{"msg": "a"}},\n{long},\n{{"msg": "b"}}\n]'.encode(), size=10_000)

    first, second, third = messages(blocks)
    assert (first, second, third) == ("a", long[: 256 * 1024], "b")
    assert reader.problems.cut == 1


PUT = ["", '"', "{", "}", "[", "]", ",", ":", "\n", "\\", "\\\n", '"x"', "text", '],"a":1', '],"a":[', "}\n]}"]
HOLES = st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 60), st.sampled_from(PUT)), max_size=3)


@given(written=st.sampled_from(sorted(WRITTEN)), holes=HOLES, size=st.integers(1, 40), at=st.integers(0, 12))
@settings(max_examples=150, deadline=None)
def test_whatever_is_broken_its_blocks_are_the_same_in_any_pieces_and_can_be_begun_at(
    written: str, holes: list[tuple[int, int, str]], size: int, at: int
) -> None:
    name, objects, start, between, end = WRITTEN[written]
    text = start + between.join(objects[:10]) + end
    for place, length, put in holes:
        before = text[: place % len(text)]
        text = before + put + text[len(before) + length :]
    data = text.encode()
    more: dict[str, Any] = {"found": Found(name, "utf-8", "none"), "most_entries": 3}

    reader, blocks = read(data, **more)
    in_pieces, same_blocks = read(data, size=size, **more)

    assert same_blocks == blocks
    assert in_pieces.problems == reader.problems
    assert all(before.end == after.start for before, after in pairwise(blocks))
    for block in blocks[at : at + 1]:
        assert read(data, after=block.end, **more)[1] == blocks[at + 1 :]
