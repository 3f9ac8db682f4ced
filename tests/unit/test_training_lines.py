"""Training lines made of statements and handwritten lines, and the tokenizer learnt from them."""

import random

import pytest

from oddline.patterns import PLACEHOLDERS, Masker
from oddline.scoring.training import dataset, tokens
from oddline.scoring.training.handwritten import Line
from oddline.scoring.training.statements import Statement

STATEMENTS = [
    Statement("error", "cannot open {path}: {e}"),
    Statement("info", "took {number} ms for {host}"),
    Statement("debug", "{} of {uuid} is {state}"),
    Statement("raise", "StorageError: no space on {device}"),
]
LINES = [Line("mail", "message 12 accepted", 0.0), Line("mail", "message 12 lost", 1.0)]


@pytest.fixture
def rng() -> random.Random:
    return random.Random(3)


def test_every_slot_is_filled_and_masked(rng: random.Random) -> None:
    examples = dataset.from_statements(STATEMENTS * 50, masker=Masker(), rng=rng)

    assert not any("{" in example.pattern for example in examples)
    assert any("<path>" in example.pattern for example in examples)
    assert any("<duration>" in example.pattern for example in examples)


def test_routine_statements_do_not_carry_a_fault(rng: random.Random) -> None:
    examples = dataset.from_statements([Statement("info", "result: {error}")] * 50, masker=Masker(), rng=rng)

    assert not any("refused" in example.pattern or "memory" in example.pattern for example in examples)


def test_the_worse_the_level_the_higher_the_target(rng: random.Random) -> None:
    levels = ["info", "warning", "error", "critical"]

    examples = dataset.from_statements([Statement(level, "one thing") for level in levels], masker=Masker(), rng=rng)

    targets = [example.target for example in examples]
    assert targets == sorted(targets)
    assert targets[0] < 0.1
    assert targets[-1] > 0.9


def test_handwritten_lines_keep_their_severity_and_count_more(rng: random.Random) -> None:
    routine, bad = dataset.from_handwritten(LINES, masker=Masker(), rng=rng)

    assert routine.pattern.endswith("message <num> accepted")
    assert (routine.target < 0.1, bad.target > 0.9) == (True, True)
    assert routine.weight > 1.0


def test_batches_hold_each_example_once(rng: random.Random) -> None:
    examples = dataset.from_statements(STATEMENTS * 25, masker=Masker(), rng=rng)

    batches = list(dataset.batches(examples, size=32, rng=rng))

    assert max(len(batch) for batch in batches) == 32
    assert sorted(map(id, (example for batch in batches for example in batch))) == sorted(map(id, examples))


def test_lines_of_a_contrast_pair_meet_in_one_batch(rng: random.Random) -> None:
    pairs = [
        Line("locks", f"lock {letter} {end}", 0.0) for letter in "abcdefgh" for end in ("acquired", "lost for good")
    ]
    examples = dataset.from_handwritten(pairs, masker=Masker(), rng=rng)

    batches = list(dataset.batches(examples, size=8, rng=rng))

    for batch in batches:
        letters = [example.pattern.split("lock ")[1][0] for example in batch]
        assert all(letters.count(letter) == 2 for letter in letters)


def test_a_pass_has_every_handwritten_line_and_as_many_statements_most_of_them_of_sure_levels(
    rng: random.Random,
) -> None:
    statements = [Statement(level, f"thing {level}") for level in dataset.SHARES for _ in range(100)]
    lines = LINES * 50

    examples = dataset.mixed(statements, lines, masker=Masker(), rng=rng)

    assert [example.weight for example in examples].count(dataset.HANDWRITTEN_WEIGHT) == len(lines)
    assert len(examples) == 2 * len(lines)
    of_level = {
        level: sum(example.pattern.endswith(f"thing {level}") for example in examples) for level in dataset.SHARES
    }
    assert of_level == {"debug": 15, "info": 25, "warning": 15, "error": 30, "critical": 5, "raise": 10}


def test_the_same_seed_gives_the_same_lines() -> None:
    once, again = (dataset.from_statements(STATEMENTS * 20, masker=Masker(), rng=random.Random(7)) for _ in range(2))

    assert once == again


def test_the_same_lines_give_the_same_tokenizer() -> None:
    texts = [f"{word} {other} <num>" for word in ("started", "failed", "lost") for other in ("worker", "reader")] * 3

    once, again = (tokens.train(texts, vocabulary=300).to_str() for _ in range(2))

    assert once == again


def test_a_cut_vocabulary_keeps_what_logs_need_and_can_spell_the_rest() -> None:
    letters = [chr(code) for code in range(ord("a"), ord("z") + 1)]
    words = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *letters, *(f"##{one}" for one in letters), "disk", "queen"]

    tokenizer = tokens.cut(words, ["disk <num> lost"], common=0)

    vocabulary = tokenizer.get_vocab()
    assert "disk" in vocabulary
    assert "queen" not in vocabulary
    assert tokenizer.encode("disk lost").tokens == ["[CLS]", "disk", "l", "##o", "##s", "##t", "[SEP]"]


def test_masks_are_single_tokens_and_words_in_camel_case_are_taken_apart() -> None:
    tokenizer = tokens.train(["out of memory error at <num>"] * 5, vocabulary=400)

    pieces = tokenizer.encode("OutOfMemoryError<num>").tokens

    assert pieces == ["[CLS]", "out", "of", "memory", "error", "<num>", "[SEP]"]
    assert all(tokenizer.token_to_id(placeholder) is not None for placeholder in PLACEHOLDERS)
