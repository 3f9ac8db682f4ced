"""What a network is fitted to say of each word is what cutting it out does, and serving reads it. Needs PyTorch."""

import random
from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="training is an extra")
pytest.importorskip("onnx", reason="training is an extra")

from tokenizers import Tokenizer  # noqa: E402  # after the check that it can be used

from oddline.scoring.encoder import Encoder  # noqa: E402
from oddline.scoring.training import effects, export, graph, tokens  # noqa: E402
from oddline.scoring.training.network import Bert, Shape, mean_logit, tensors  # noqa: E402

LINES = [
    "worker seven could not reach the queue",
    "the queue could not take what worker seven sent",
    "backup not written to the disk",
    "the disk did not answer, backup of queue seven stopped",
]
MANY = LINES * 6  # each with sets of its own: as many equations as tell 33 numbers


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokens.train(LINES * 5, vocabulary=400)


@pytest.fixture(scope="module")
def network(tokenizer: Tokenizer) -> Bert:
    """Words by themselves, of which `not` alone sounds bad, fitted to explain themselves."""
    torch.manual_seed(1)
    shape = Shape(vocabulary=tokenizer.get_vocab_size(), layers=0, width=32, heads=2, positions=66)
    made = Bert(shape).eval()
    with torch.no_grad():
        made.words.weight.normal_(std=1.0)
        bad = made.normal(made.words.weight[tokenizer.token_to_id("not")])
        made.severity.weight.copy_(bad[None] / 4)
    effects.fit(made, tokenizer, MANY, seed=1)
    return made


def served(network: Bert, tokenizer: Tokenizer, folder: Path) -> Encoder:
    config = {
        "version": folder.name,
        "dimension": network.shape.width,
        "max_tokens": 64,
        "vocabulary": tokenizer.get_vocab_size(),
        "novelty_scale": 0.3,
        "default_threshold": 0.5,
    }
    body = graph.build(network, in_int8=False).SerializeToString()
    return Encoder.load(export.write(body, Tokenizer.from_str(tokenizer.to_str()), config=config, out=folder))


def test_sets_of_words_come_with_what_they_leave_and_are_neither_none_nor_all() -> None:
    drawn = effects.draw_sets(7, rng=random.Random(1))

    assert len(drawn) == 2 * effects.PAIRS
    for one, other in zip(drawn[::2], drawn[1::2], strict=True):
        assert one
        assert other
        assert sorted([*one, *other]) == list(range(7))


def test_a_line_of_one_word_has_nothing_to_cut() -> None:
    assert effects.draw_sets(1, rng=random.Random(1)) == []


def test_the_word_that_makes_a_line_bad_is_named_and_shares_add_up(
    network: Bert, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    answers = served(network, tokenizer, tmp_path / "explained").encode(LINES)

    for answer in answers:
        assert answer.tokens[int(answer.shares.argmax())] == "not"
        assert float(answer.shares.sum()) == pytest.approx(answer.severity_logit, abs=1e-5)


def test_the_same_seed_gives_the_same_effects(network: Bert, tokenizer: Tokenizer) -> None:
    assert network.effects is not None
    before = network.effects.weight.detach().clone()

    effects.fit(network, tokenizer, MANY, seed=1)

    assert torch.equal(network.effects.weight, before)


def test_serving_reads_the_effects_of_the_network(network: Bert, tokenizer: Tokenizer, tmp_path: Path) -> None:
    line = "worker seven stopped"
    ids, attended, read = tensors([line], tokenizer=tokenizer)
    assert network.effects is not None
    with torch.no_grad():
        hidden = network.hidden(ids, attended)
        of_pieces = network.effects(hidden).squeeze(-1)[read == 1].numpy()
        logit = float(mean_logit(network.severity(hidden).squeeze(-1), read))

    [answer] = served(network, tokenizer, tmp_path / "explained").encode([line])

    assert answer.tokens == ("worker", "seven", "stopped")
    assert answer.severity_logit == pytest.approx(logit, abs=1e-4)
    assert answer.shares == pytest.approx(of_pieces + (logit - of_pieces.sum()) / 3, abs=1e-4)


def test_without_effects_a_share_is_a_word_s_part_of_the_mean(
    network: Bert, tokenizer: Tokenizer, tmp_path: Path
) -> None:
    line = "worker seven stopped"
    ids, attended, read = tensors([line], tokenizer=tokenizer)
    with torch.no_grad():
        logits = network.severity(network.hidden(ids, attended)).squeeze(-1)[read == 1].numpy()
    found, network.effects = network.effects, None
    try:
        [answer] = served(network, tokenizer, tmp_path / "plain").encode([line])
    finally:
        network.effects = found

    assert answer.shares == pytest.approx(logits / len(logits), abs=1e-4)
