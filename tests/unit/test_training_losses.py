"""What training shows of a line the second time, and what the network's weights become in int8. Needs PyTorch."""

import random

import pytest

torch = pytest.importorskip("torch", reason="training is an extra")

from tokenizers import Encoding, Tokenizer  # noqa: E402  # after the check that it can be used

from oddline.scoring.training import losses, tokens  # noqa: E402
from oddline.scoring.training.losses import Look, second_look  # noqa: E402
from oddline.scoring.training.network import WEIGHT_STEPS, Rounded  # noqa: E402

LINE = "worker seven could not reach the queue: giving up after five attempts"
TELLING = {"not", "giving", "up"}
SEVERE, ROUTINE = 0.95, 0.05


@pytest.fixture(scope="module")
def tokenizer() -> Tokenizer:
    return tokens.train([LINE] * 5, vocabulary=400)


@pytest.fixture(scope="module")
def line(tokenizer: Tokenizer) -> Encoding:
    return tokenizer.encode(LINE)


@pytest.fixture(scope="module")
def logits(line: Encoding) -> list[float]:
    """Of each token, [CLS] and [SEP] among them; only the telling ones sound bad."""
    return [3.0 if token in TELLING else -1.0 for token in line.tokens]


def words_left(look: Look, tokenizer: Tokenizer) -> set[str]:
    return set(tokenizer.decode(look.ids).split())


def looks(line: Encoding, logits: list[float], *, target: float) -> list[Look]:
    rng = random.Random(5)
    return [second_look(line, LINE, target, logits, rng=rng) for _ in range(300)]


def test_a_severe_line_without_its_three_telling_words_is_to_be_left_harmless(
    line: Encoding, logits: list[float], tokenizer: Tokenizer
) -> None:
    without = [look for look in looks(line, logits, target=SEVERE) if look.target == losses.LEFT_TARGET]

    assert without
    assert all(words_left(look, tokenizer) == set(LINE.replace(":", " :").split()) - TELLING for look in without)
    assert not any(look.is_alike for look in without)


def test_a_severe_line_without_three_words_drawn_by_chance_stays_severe(
    line: Encoding, logits: list[float], tokenizer: Tokenizer
) -> None:
    cut = [look for look in looks(line, logits, target=SEVERE) if look.target == SEVERE and len(look.ids) < len(line)]

    gone = [TELLING - words_left(look, tokenizer) for look in cut]

    assert {len(telling) for telling in gone} == {0, 1}
    assert all(look.is_alike == (not telling) for look, telling in zip(cut, gone, strict=True))
    assert all(len(line) - len(look.ids) == losses.TELLING for look in cut)


def test_a_routine_line_is_never_cut(line: Encoding, logits: list[float]) -> None:
    shown = looks(line, logits, target=ROUTINE)

    assert {len(look.ids) for look in shown} == {len(line)}
    assert any(look.hidden for look in shown)


def test_rounded_weights_lie_on_their_rows_steps_and_rounding_again_changes_nothing() -> None:
    torch.manual_seed(2)
    product = Rounded(64, 8, lowest=-1.0, highest=1.0)
    with torch.no_grad():
        product.weight[3, 5] = 40.0
    product.part_far()

    with torch.no_grad():
        product.weight.copy_(product.rounded())

    steps = product.weight / product.scales()
    assert product.is_far.nonzero().tolist() == [[3, 5]]
    assert product.weight[3, 5] == 40.0
    assert steps[~product.is_far].round().abs().max() == WEIGHT_STEPS
    torch.testing.assert_close(steps[~product.is_far], steps[~product.is_far].round(), atol=1e-3, rtol=0)
    torch.testing.assert_close(product.rounded(), product.weight, atol=1e-6, rtol=0)
