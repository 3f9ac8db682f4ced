"""The shipped model says of patterns where they stand and how bad they sound."""

import hashlib
import json
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

from oddline.errors import ModelUnavailable
from oddline.patterns import PLACEHOLDERS
from oddline.scoring.encoder import Encoded, Encoder, severity
from oddline.settings import DEFAULT_MODEL

PATTERNS = [
    "Connection to <host> refused",
    "request finished: GET <path> status=200 duration=<duration>",
    "java.lang.OutOfMemoryError: Java heap space",
    "started",
    '{"level":"error","msg":"compaction failed","file":"<path>"}',
    "Failed password for <str> from <ip> port <num> ssh2",
]


@pytest.fixture(scope="module")
def encoder() -> Encoder:
    return Encoder.load(DEFAULT_MODEL)


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A copy of the shipped model that a test may damage."""
    return Path(shutil.copytree(DEFAULT_MODEL, tmp_path / "damaged"))


def assert_same(answer: Encoded, other: Encoded) -> None:
    assert answer.tokens == other.tokens
    assert answer.severity_logit == pytest.approx(other.severity_logit, abs=1e-4)
    assert answer.shares == pytest.approx(other.shares, abs=1e-4)
    assert answer.embedding == pytest.approx(other.embedding, abs=1e-4)


def test_shares_add_up_to_the_severity_logit(encoder: Encoder) -> None:
    answers = encoder.encode(PATTERNS)

    for answer in answers:
        assert len(answer.shares) == len(answer.tokens)
        assert float(answer.shares.sum()) == pytest.approx(answer.severity_logit, abs=1e-5)


@pytest.mark.parametrize(
    ("pattern", "word"),
    [
        ("Connection to <host> refused", "refused"),
        ("java.lang.OutOfMemoryError: Java heap space", "OutOfMemoryError"),
        ("Disconnecting timedout replica (streaming sync): <ip>", "timedout"),
    ],
)
def test_the_word_without_which_a_pattern_sounds_best_has_the_largest_share(
    pattern: str, word: str, encoder: Encoder
) -> None:
    [answer] = encoder.encode([pattern])

    assert answer.tokens[int(answer.shares.argmax())] == word
    left = encoder.encode([pattern.replace(one, "", 1) for one in answer.tokens])
    assert answer.tokens[int(np.argmin([one.severity_logit for one in left]))] == word


def test_embeddings_have_unit_length(encoder: Encoder) -> None:
    answers = encoder.encode(PATTERNS)

    assert [answer.embedding.shape for answer in answers] == [(encoder.dimension,)] * len(PATTERNS)
    assert [float(np.linalg.norm(answer.embedding)) for answer in answers] == pytest.approx([1.0] * len(PATTERNS))


def test_tokens_are_the_words_of_the_pattern_with_masks_whole(encoder: Encoder) -> None:
    [answer] = encoder.encode(["OutOfMemoryError: pool_size=<num> at <path>, unrecoverability"])

    assert answer.tokens == ("OutOfMemoryError", "pool_size", "<num>", "at", "<path>", "unrecoverability")


@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_each_placeholder_is_one_token(placeholder: str, encoder: Encoder) -> None:
    [answer] = encoder.encode([f"at{placeholder}now"])

    assert answer.tokens == ("at", placeholder, "now")


def test_answers_come_in_the_order_of_the_patterns(encoder: Encoder) -> None:
    many = [pattern for _ in range(40) for pattern in PATTERNS]

    answers = encoder.encode(many)

    alone = {pattern: encoder.encode([pattern])[0] for pattern in PATTERNS}
    for pattern, answer in zip(many, answers, strict=True):
        assert_same(answer, alone[pattern])


def test_neighbours_do_not_change_an_answer(encoder: Encoder) -> None:
    loud = "kernel panic not syncing fatal exception " * 10

    beside = [encoder.encode([pattern, loud, "ok"])[0] for pattern in PATTERNS]

    for answer, alone in zip(beside, encoder.encode(PATTERNS), strict=True):
        assert_same(answer, alone)


def test_no_patterns_get_no_answers(encoder: Encoder) -> None:
    assert encoder.encode([]) == []


@pytest.mark.parametrize(
    "pattern", ["", "   ", "\x00", "\ud800", "☃☃☃", "日本語のログ: 失敗", "!!! ---", "á" * 500, "\u202e"]
)
def test_any_text_gets_an_answer(pattern: str, encoder: Encoder) -> None:
    [answer] = encoder.encode([pattern])

    assert np.isfinite(answer.shares).all()
    assert np.isfinite(answer.embedding).all()
    assert len(answer.tokens) == len(answer.shares) >= 1
    assert float(answer.shares.sum()) == pytest.approx(answer.severity_logit, abs=1e-5)


@pytest.mark.parametrize("pattern", ["a" * 100_000, "word " * 20_000, "<num>" * 20_000, " " * 99_999 + "x"])
def test_a_pattern_of_100_000_characters_is_cut_and_costs_little(pattern: str, encoder: Encoder) -> None:
    before = time.process_time()

    [answer] = encoder.encode([pattern])

    assert len(answer.tokens) <= 64
    assert time.process_time() - before < 0.5


def test_what_stands_after_64_tokens_has_no_share(encoder: Encoder) -> None:
    [whole, longer] = encoder.encode(["node " * 64, "node " * 64 + "kernel panic"])

    assert "panic" not in longer.tokens
    assert_same(longer, whole)


def test_failures_sound_worse_than_routine(encoder: Encoder) -> None:
    bad = ["could not write to file <path>: No space left on device", "worker died on signal 11", PATTERNS[2]]
    routine = ["connection from <ip> accepted", "backup of <path> finished in <duration>", "listening on port <num>"]

    severities = [severity(answer.severity_logit) for answer in encoder.encode(bad + routine)]

    assert min(severities[:3]) > 0.7
    assert max(severities[3:]) < 0.3


@pytest.mark.parametrize(("logit", "expected"), [(0.0, 0.5), (800.0, 1.0), (-800.0, 0.0), (2.0, 0.8807971)])
def test_severity_is_the_logistic_function(logit: float, expected: float) -> None:
    assert severity(logit) == pytest.approx(expected)


def test_the_model_tells_what_integrators_need(encoder: Encoder) -> None:
    assert encoder.version == DEFAULT_MODEL.name
    assert 0.0 < encoder.default_threshold < 1.0
    assert 0.0 < encoder.novelty_scale <= 1.0


@pytest.mark.parametrize("name", ["config.json", "model.onnx", "tokenizer.json"])
def test_a_missing_file_is_told(name: str, model: Path) -> None:
    (model / name).unlink()

    with pytest.raises(ModelUnavailable, match=name):
        Encoder.load(model)


@pytest.mark.parametrize("name", ["config.json", "model.onnx", "tokenizer.json"])
def test_a_damaged_file_is_told(name: str, model: Path) -> None:
    body = (model / name).read_bytes()
    (model / name).write_bytes(body[: len(body) // 2])

    with pytest.raises(ModelUnavailable):
        Encoder.load(model)


@pytest.mark.parametrize("name", ["model.onnx", "tokenizer.json"])
def test_a_file_that_is_no_model_is_told_even_with_its_checksum(name: str, model: Path) -> None:
    (model / name).write_bytes(b"nonsense")
    config = json.loads((model / "config.json").read_bytes())
    config["sha256"][name] = hashlib.sha256(b"nonsense").hexdigest()
    (model / "config.json").write_text(json.dumps(config))

    with pytest.raises(ModelUnavailable, match=name):
        Encoder.load(model)


def test_a_tokenizer_of_another_model_is_told(model: Path) -> None:
    config = json.loads((model / "config.json").read_bytes())
    (model / "config.json").write_text(json.dumps({**config, "vocabulary": config["vocabulary"] + 1}))

    with pytest.raises(ModelUnavailable, match="does not fit"):
        Encoder.load(model)


def test_a_folder_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(ModelUnavailable):
        Encoder.load(tmp_path / "absent")
