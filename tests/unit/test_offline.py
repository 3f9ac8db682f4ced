"""Odd lines are found in a file by itself: what is known, what is counted, what is forgotten."""

from collections.abc import Sequence

import pytest

from oddline.scoring import Block, Encoder, Oddest, OddLine, OfflineScorer
from oddline.scoring.offline import MESSAGE_CHARS

ROUTINE = [f"GET /items/{number} 200 in {number % 40} ms" for number in range(200)]
FAULT = "FATAL: could not write block 7 of relation base/16384/2619: disk failure, data corrupted"
OTHER = "user alice logged in from 10.0.0.7"
STRANGE = "worker 17 was killed by the kernel: out of memory"


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load()


@pytest.fixture
def scorer(encoder: Encoder) -> OfflineScorer:
    """One to which every pattern is odd that is new."""
    return OfflineScorer(encoder, threshold=1e-6)


def block(*lines: str, first_line: int = 1, is_warm_up: bool = False) -> Block:
    return Block(file="app.log", first_line=first_line, lines=lines, is_warm_up=is_warm_up)


def messages(found: Sequence[OddLine]) -> list[str]:
    return [odd.message for odd in found]


def test_a_fault_among_routine_lines_passes_the_models_own_threshold(encoder: Encoder) -> None:
    scorer = OfflineScorer(encoder)
    scorer.judge(block(*ROUTINE[:100], is_warm_up=True))

    found = scorer.judge(block(*ROUTINE[100:], FAULT, first_line=101))

    assert [(odd.file, odd.line, odd.message) for odd in found] == [("app.log", 201, FAULT)]


def test_the_score_is_novelty_times_severity(scorer: OfflineScorer) -> None:
    scorer.judge(block(*ROUTINE))

    [odd] = scorer.judge(block(FAULT))

    assert odd.score == pytest.approx(odd.novelty * odd.severity)
    assert 0 < odd.novelty <= 1


def test_the_tokens_make_up_the_message(scorer: OfflineScorer) -> None:
    [odd] = scorer.judge(block(FAULT))

    assert "".join(text for text, _ in odd.tokens) == FAULT


def test_a_repeating_fault_is_one_odd_line_with_a_count(scorer: OfflineScorer) -> None:
    [odd] = scorer.judge(block(FAULT, FAULT.replace("7", "8"), FAULT))

    again = scorer.judge(block(FAULT, FAULT, first_line=4))

    assert again == []
    assert (odd.line, odd.pattern.count, scorer.odd_patterns, scorer.odd_lines) == (1, 5, 1, 5)


def test_the_first_line_of_a_pattern_is_the_one_shown(scorer: OfflineScorer) -> None:
    found = scorer.judge(block(OTHER, FAULT, OTHER.replace("7", "9"), FAULT, first_line=11))

    assert [(odd.line, odd.message) for odd in found] == [(11, OTHER), (12, FAULT)]


def test_in_the_warm_up_a_line_is_judged_by_its_severity_alone(scorer: OfflineScorer) -> None:
    found = scorer.judge(block(*ROUTINE, FAULT, OTHER, is_warm_up=True))

    assert [odd.novelty for odd in found] == [1.0] * len(found)
    assert [odd.score for odd in found] == [odd.severity for odd in found]


def test_what_the_warm_up_showed_is_known_after_it(scorer: OfflineScorer) -> None:
    scorer.judge(block(FAULT, is_warm_up=True))

    assert scorer.judge(block(FAULT)) == []


def test_what_is_near_to_something_known_is_less_novel(scorer: OfflineScorer) -> None:
    scorer.judge(block(FAULT))

    near, far = scorer.judge(block(FAULT.replace("corrupted", "lost"), OTHER))

    assert near.novelty < far.novelty
    assert near.nearest == "FATAL: could not write block <num> of relation <path>: disk failure, data corrupted"


def test_new_lines_of_one_block_are_judged_beside_each_other(encoder: Encoder) -> None:
    together, apart = OfflineScorer(encoder, threshold=0.0), OfflineScorer(encoder, threshold=0.0)
    lines = [FAULT, FAULT.replace("corrupted", "lost"), OTHER, STRANGE]

    found = together.judge(block(*lines))
    one_by_one = [odd for line in lines for odd in apart.judge(block(line))]

    assert [odd.novelty for odd in found] == pytest.approx([odd.novelty for odd in one_by_one], abs=1e-5)
    assert [odd.nearest for odd in found] == [odd.nearest for odd in one_by_one]


def test_a_baselines_lines_are_known_and_not_counted(scorer: OfflineScorer) -> None:
    scorer.learn(block(FAULT, FAULT, OTHER))

    found = scorer.judge(block(FAULT, STRANGE))

    assert messages(found) == [STRANGE]
    assert (scorer.lines, scorer.patterns) == (2, 1)


def test_blank_lines_are_counted_but_never_odd(scorer: OfflineScorer) -> None:
    found = scorer.judge(block("", "   ", "\t", is_warm_up=True))

    assert found == []
    assert (scorer.lines, scorer.patterns) == (3, 0)


def test_more_patterns_than_may_be_known_push_out_the_least_recently_seen(encoder: Encoder) -> None:
    scorer = OfflineScorer(encoder, threshold=0.0, capacity=2)
    for line in (FAULT, OTHER, FAULT, STRANGE):  # OTHER is the one that was not seen for longest
        scorer.judge(block(line))

    found = scorer.judge(block(FAULT, STRANGE)), scorer.judge(block(OTHER))

    assert [messages(odd) for odd in found] == [[], [OTHER]]


def test_one_block_may_hold_more_patterns_than_may_be_known(encoder: Encoder) -> None:
    scorer = OfflineScorer(encoder, threshold=0.0, capacity=2)
    lines = [FAULT, OTHER, STRANGE, ROUTINE[0]]

    found = scorer.judge(block(*lines))

    assert messages(found) == lines


def test_of_a_very_long_line_only_the_beginning_is_kept(scorer: OfflineScorer) -> None:
    [odd] = scorer.judge(block(FAULT + " and again" * 20_000))

    assert len(odd.message) == MESSAGE_CHARS
    assert "".join(text for text, _ in odd.tokens) == odd.message


def test_a_threshold_that_nothing_reaches_leaves_nothing_odd(encoder: Encoder) -> None:
    scorer = OfflineScorer(encoder, threshold=1.0)

    assert scorer.judge(block(*ROUTINE, FAULT, OTHER)) == []
    assert (scorer.patterns, scorer.odd_patterns) == (3, 0)


def test_the_oddest_are_kept_and_come_first(scorer: OfflineScorer) -> None:
    oddest = Oddest(top=2)
    found = scorer.judge(block(OTHER, FAULT, STRANGE, ROUTINE[0], is_warm_up=True))

    for odd in found:
        oddest.push(odd)

    assert oddest.sorted() == sorted(found, key=lambda odd: -odd.score)[:2]
    assert FAULT in messages(oddest.sorted())
