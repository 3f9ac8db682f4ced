"""The filter of a chunk's words never denies one that is there, and denies nearly all others."""

from hypothesis import given, settings
from hypothesis import strategies as st
from scored_frames import scored_frame

from oddline.chunks import required_hashes
from oddline.chunks.building import whole_filter
from oddline.chunks.word_filter import BITS_PER_WORD, make, may_hold, shape_of
from oddline.chunks.words import hashes_in, hashes_of

LINE = "Conn 10.0.4.7:443 of blk_-1608999687919862906 took 35ms, user=ada@example.org naïve→4711 \u017fky"
texts = st.text(st.sampled_from("aB1_ .:-/=é→\n\t\u017f\u212a"), max_size=40)


def has_all(line: str, asked: list[int]) -> bool:
    present = set(hashes_in(line).tolist())
    return all(word in present for word in asked)


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(before=texts, asked=texts, behind=texts)
def test_a_text_that_holds_another_is_never_denied(before: str, asked: str, behind: str) -> None:
    line = before + asked + behind

    assert has_all(line, required_hashes(asked, is_whole=False))
    assert has_all(line.swapcase() if line.isascii() else line, required_hashes(asked, is_whole=False))
    assert has_all(f"{before} {asked} {behind}", required_hashes(asked, is_whole=True))


def test_words_are_told_apart_whatever_their_case_and_what_joins_them() -> None:
    whole = ["conn", "10.0.4.7", "BLK_-1608999687919862906", "35MS", "ada@example.org", "sky"]
    missing = ["con", "10.0.7.4", "blk_-1608999687919862907", "35", "ada@example.com", "skies"]

    assert all(has_all(LINE, required_hashes(text, is_whole=True)) for text in whole)
    assert not any(has_all(LINE, required_hashes(text, is_whole=True)) for text in missing)


def test_a_part_of_a_word_asks_for_nothing_and_what_is_between_blanks_for_itself() -> None:
    assert required_hashes("608999", is_whole=False) == []
    assert required_hashes("conn 10.0", is_whole=False) == required_hashes("10", is_whole=True)
    assert not has_all(LINE, required_hashes("of blk_-17 took", is_whole=False))


def test_long_texts_are_cut_between_words_alone() -> None:
    words = [f"word{number}" for number in range(40_000)]
    line = "x" * 70_000

    present = set(hashes_in("\n".join([" ".join(words[:20_000]), line, *words[20_000:]])).tolist())

    assert all(set(required_hashes(word, is_whole=True)) <= present for word in [*words, line])
    assert len(present) == len(words) + 1


def test_traces_sessions_and_values_of_attributes_are_words_too() -> None:
    frame = scored_frame(
        2, trace_id=["ab" * 16, ""], span_id="cd" * 8, session=["s-17", ""], attributes='{"host":"web-3"}'
    )

    present = set(hashes_of(frame).tolist())

    for text in ("ab" * 16, "cd" * 8, "s-17", "web-3"):
        assert set(required_hashes(text, is_whole=True)) <= present


def test_about_one_of_a_hundred_words_that_are_not_there_seems_to_be() -> None:
    groups = [hashes_in(" ".join(f"w{number}" for number in range(count))) for count in (5_000, 10)]
    shape, blocks = make(groups)

    def asked(word: int, group: int) -> bool:
        start, end = shape.span(word)
        return may_hold(blocks[start:end], word, group=group)

    others = hashes_in(" ".join(f"v{number}" for number in range(20_000))).tolist()
    assert all(asked(word, number) for number, words in enumerate(groups) for word in words.tolist())
    assert sum(asked(word, 0) for word in others) < 0.02 * len(others)
    assert sum(asked(word, 1) for word in others) == 0
    assert len(blocks) <= 2 * (5_000 * BITS_PER_WORD / 8 + 32)


def test_a_filter_of_another_version_is_not_asked() -> None:
    kept = whole_filter(scored_frame(3))

    assert shape_of(kept) is not None
    assert shape_of(b"\x02" + kept[1:]) is shape_of(b"") is shape_of(None) is None
