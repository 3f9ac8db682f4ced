"""A Hugging Face BERT keeps its own words and verdict in the form that serving reads."""

import json
from pathlib import Path
from typing import Any

import pytest

from oddline.errors import InvalidParameter
from oddline.patterns import PLACEHOLDERS

torch = pytest.importorskip("torch", reason="PyTorch is an extra: exporting is not tested here")
safetensors = pytest.importorskip("safetensors.torch")

from oddline.scoring.training import checkpoint  # noqa: E402  # after the check that it can be imported
from oddline.scoring.training.network import mean_logit, tensors  # noqa: E402

WIDTH, HEADS, LAYERS, POSITIONS = 16, 2, 2, 80
WORDS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "number", "address", "disk", "failure", "lock", "##s", "of")


def layer_shapes(number: int) -> dict[str, tuple[int, ...]]:
    name, wide = f"bert.encoder.layer.{number}", 4 * WIDTH
    square = ("attention.self.query", "attention.self.key", "attention.self.value", "attention.output.dense")
    shapes: dict[str, tuple[int, ...]] = {f"{name}.{part}.weight": (WIDTH, WIDTH) for part in square}
    shapes |= {f"{name}.{part}.bias": (WIDTH,) for part in (*square, "output.dense")}
    shapes |= {f"{name}.intermediate.dense.weight": (wide, WIDTH), f"{name}.intermediate.dense.bias": (wide,)}
    shapes |= {f"{name}.output.dense.weight": (WIDTH, wide)}
    norms = ("attention.output.LayerNorm", "output.LayerNorm")
    return shapes | {f"{name}.{norm}.{part}": (WIDTH,) for norm in norms for part in ("weight", "bias")}


def make_checkpoint(folder: Path, *, labels: int = 0, **config: Any) -> Path:
    """A checkpoint of random weights with vocab.txt alone."""
    torch.manual_seed(1)
    shapes: dict[str, tuple[int, ...]] = {
        "bert.embeddings.word_embeddings.weight": (len(WORDS), WIDTH),
        "bert.embeddings.position_embeddings.weight": (POSITIONS, WIDTH),
        "bert.embeddings.token_type_embeddings.weight": (2, WIDTH),
        "bert.embeddings.LayerNorm.weight": (WIDTH,),
        "bert.embeddings.LayerNorm.bias": (WIDTH,),
    }
    for number in range(LAYERS):
        shapes |= layer_shapes(number)
    if labels:
        shapes |= {"bert.pooler.dense.weight": (WIDTH, WIDTH), "bert.pooler.dense.bias": (WIDTH,)}
        shapes |= {"classifier.weight": (labels, WIDTH), "classifier.bias": (labels,)}
    safetensors.save_file({name: torch.randn(shape) for name, shape in shapes.items()}, folder / "model.safetensors")
    (folder / "vocab.txt").write_text("\n".join(WORDS) + "\n")
    described = {
        "model_type": "bert",
        "hidden_size": WIDTH,
        "intermediate_size": 4 * WIDTH,
        "num_attention_heads": HEADS,
        "num_hidden_layers": LAYERS,
        "id2label": {str(number): f"label-{number}" for number in range(labels)},
    }
    (folder / "config.json").write_text(json.dumps(described | config))
    return folder


def test_it_keeps_its_words_and_gets_our_placeholders(tmp_path: Path) -> None:
    opened = checkpoint.open_checkpoint(make_checkpoint(tmp_path))

    line = opened.tokenizer.encode("Disk failures of <path>")

    assert line.tokens == ["[CLS]", "disk", "failure", "##s", "of", "<path>", "[SEP]"]
    assert line.special_tokens_mask == [1, 0, 0, 0, 0, 0, 1]
    assert opened.tokenizer.get_vocab_size() == len(WORDS) + len(PLACEHOLDERS)


def test_the_tokens_of_a_classifier_add_up_to_what_it_says_of_the_line(tmp_path: Path) -> None:
    opened = checkpoint.open_checkpoint(make_checkpoint(tmp_path, labels=3))
    network = checkpoint.Classifier(checkpoint._begin(opened), weights=opened.checkpoint.weights, bad=[0, 2]).eval()

    with torch.no_grad():
        ids, attended, read = tensors(["disk failure of <path>"], tokenizer=opened.tokenizer)
        logits, _ = network(ids, read)
        pooled = torch.tanh(network.pooler(network.hidden(ids, attended)[:, 0]))
        chances = torch.softmax(network.classifier(pooled), dim=-1)[0]

    severity = torch.sigmoid(mean_logit(logits, read))
    assert float(severity) == pytest.approx(float(chances[0] + chances[2]), abs=1e-5)
    assert logits[0, 1:-1].std() > 0


@pytest.mark.parametrize(
    ("labels", "named", "bad"),
    [(2, [], [1]), (1, [], [0]), (2, ["label-0"], [0]), (3, ["label-2", "label-1"], [1, 2])],
)
def test_its_bad_labels_are_those_that_are_named_or_the_second_of_two(
    labels: int, named: list[str], bad: list[int]
) -> None:
    config = {"id2label": {str(number): f"label-{number}" for number in range(labels)}}

    assert checkpoint._bad_labels(config, labels=labels, named=named) == bad


@pytest.mark.parametrize("named", [[], ["label-7"], ["label-0", "label-1", "label-2"]])
def test_labels_that_cannot_be_meant_are_refused(named: list[str]) -> None:
    config = {"id2label": {str(number): f"label-{number}" for number in range(3)}}

    with pytest.raises(InvalidParameter):
        checkpoint._bad_labels(config, labels=3, named=named)


@pytest.mark.parametrize(
    "config", [{"model_type": "roberta"}, {"hidden_act": "relu"}, {"intermediate_size": 7}, {"layer_norm_eps": 1e-5}]
)
def test_a_network_of_another_form_is_refused(tmp_path: Path, config: dict[str, Any]) -> None:
    with pytest.raises(InvalidParameter):
        checkpoint.open_checkpoint(make_checkpoint(tmp_path, **config))


def test_a_folder_without_the_files_is_refused(tmp_path: Path) -> None:
    folder = make_checkpoint(tmp_path)
    (folder / "vocab.txt").unlink()

    with pytest.raises(InvalidParameter, match=r"neither tokenizer\.json nor vocab\.txt"):
        checkpoint.open_checkpoint(folder)
    (folder / "model.safetensors").unlink()
    with pytest.raises(InvalidParameter):
        checkpoint.open_checkpoint(folder)
