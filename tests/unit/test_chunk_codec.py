"""What goes into a chunk's blob comes out of it again, whatever its form."""

from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import zstandard
from polars.testing import assert_frame_equal
from scored_frames import scored_frame

from oddline.chunks.codec import decode, decode_json_lines, detached, encode
from oddline.chunks.frame import SCHEMA, complete
from oddline.errors import CorruptBody

ODD_TEXTS = ["", "naïve ☃ \U0001f600", 'quotes " and \\', "line\nbreak\ttab", "\x01\x1f", "x" * 30_000]


@pytest.mark.parametrize(("count", "form"), [(1, "jsonl"), (99, "jsonl"), (100, "parquet"), (5_000, "parquet")])
def test_entries_come_back_as_they_went_in(count: int, form: str) -> None:
    frame = scored_frame(count, score=[number / count for number in range(count)], spacing=timedelta(microseconds=7))

    stored_as, blob = encode(frame)

    assert stored_as == form
    assert_frame_equal(decode(blob, form=stored_as), frame)


@pytest.mark.parametrize("copies", [1, 40])
def test_any_text_comes_back_as_it_went_in(copies: int) -> None:
    texts = ODD_TEXTS * copies
    frame = scored_frame(len(texts), message=texts, attributes=texts, source=texts, nearest_pattern=3)

    form, blob = encode(frame)

    assert_frame_equal(decode(blob, form=form), frame)


def test_one_line_takes_few_bytes() -> None:
    frame = scored_frame(1, score=0.123456, severity=0.654321, novelty=0.18868, processing_time=0.00123)

    _, blob = encode(frame)

    assert len(blob) < 400


def test_many_small_chunks_are_read_as_one_frame() -> None:
    frames = [scored_frame(2, message=[f"{number}a", f"{number}b"]) for number in range(50)]

    together = decode_json_lines([encode(frame)[1] for frame in frames])

    assert_frame_equal(together, pl.concat(frames))


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
@pytest.mark.parametrize("blob", [b"", b"nonsense", zstandard.compress(b'{"index": 1}'), zstandard.compress(b"[1]")])
def test_bytes_that_are_no_chunk_are_refused(form: str, blob: bytes) -> None:
    with pytest.raises(CorruptBody):
        decode(blob, form=form)  # type: ignore[arg-type]


def test_a_cut_parquet_is_refused() -> None:
    blob = bytearray(encode(scored_frame(500))[1])
    blob[100:2_000] = bytes(1_900)

    with pytest.raises(CorruptBody):
        decode(bytes(blob), form="parquet")


def test_columns_that_an_older_chunk_lacks_are_filled() -> None:
    older = scored_frame(3).drop("shadow_score", "session", "mask_version").lazy()

    filled = complete(older).collect()

    assert filled.schema == pl.Schema(SCHEMA)
    assert filled.select("shadow_score", "session", "mask_version").row(0) == (None, "", 0)


def test_what_is_kept_of_small_chunks_does_not_hold_the_rest_in_memory() -> None:
    blob = encode(scored_frame(60, message=["a" * 200_000 + str(number) for number in range(60)]))[1]

    def kept() -> pl.DataFrame:
        whole = decode_json_lines([blob])
        return detached(whole.filter(pl.col("message").str.ends_with("a37")), of=whole)

    def resident_mb() -> float:
        return int(Path("/proc/self/status").read_text().split("VmRSS:")[1].split()[0]) / 1024

    held = [kept()]
    before = resident_mb()
    held += [kept() for _ in range(20)]

    assert {frame.height for frame in held} == {1}
    assert resident_mb() - before < 120  # 20 times all of it would be 240
