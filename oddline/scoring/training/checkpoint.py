"""Bring any Hugging Face BERT to the form that serving reads: its own words and weights, a severity per token."""

import json
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors
from torch import Tensor, nn
from torch.nn import functional

from oddline.errors import InvalidParameter
from oddline.patterns import PLACEHOLDERS, Masker
from oddline.scoring.training import dataset, export, handwritten, pretrained, statements, views
from oddline.scoring.training.dataset import Example
from oddline.scoring.training.network import NORM_EPSILON, Bert, Rounded, embedding, mean_logit, tensors
from oddline.scoring.training.pretrained import Checkpoint

if TYPE_CHECKING:
    from oddline.scoring.training.graph import Graph

MAX_TOKENS: Final = 64
HELD_OUT_EVERY: Final = 5  # every fifth block of lines chooses the threshold, and measures
MOST_LINES: Final = 4_000  # a head of some hundred weights learns little from more, and a large BERT reads 30 a second
BLOCK: Final = 20  # lines; neighbours are contrast pairs, which must not fall on both sides
PROBE_STEPS: Final = 200
PROBE_DECAY: Final = 1e-3  # of the weights of a head on features that are many beside the lines
FEATURES_AT_ONCE: Final = 32
_SUPPORTED: Final = {"model_type": "bert", "hidden_act": "gelu", "position_embedding_type": "absolute"}
_SPECIAL: Final = ("[UNK]", "[CLS]", "[SEP]")


@dataclass(frozen=True, slots=True)
class Opened:
    """A checkpoint's weights, its tokenizer with our placeholders, and its config.json."""

    checkpoint: Checkpoint
    tokenizer: Tokenizer
    config: Mapping[str, Any]


class Classifier(Bert):
    """A BERT for sequence classification whose severity is the log-odds of its bad labels, given per token.

    The head that reads [CLS] is applied to every token as well, and moved so that the mean over the tokens that are
    read is what it says of [CLS]: the severity is the checkpoint's own, and the tokens' shares add up to it.
    """

    def __init__(self, base: Bert, *, weights: Mapping[str, Tensor], bad: Sequence[int]) -> None:
        super().__init__(base.shape)
        self.load_state_dict(base.state_dict())
        labels = weights["classifier.weight"].shape[0]
        self.pooler = nn.Linear(base.shape.width, base.shape.width)
        self.classifier = nn.Linear(base.shape.width, labels)
        self._bad = list(bad)
        self._good = [label for label in range(labels) if label not in bad]
        with torch.no_grad():
            for module, name in ((self.pooler, "pooler.dense"), (self.classifier, "classifier")):
                module.weight.copy_(weights[f"{name}.weight"])
                module.bias.copy_(weights[f"{name}.bias"])

    def forward(self, input_ids: Tensor, read_mask: Tensor) -> tuple[Tensor, Tensor]:
        """As `Bert.forward`."""
        hidden = self.hidden(input_ids, torch.ones_like(input_ids))
        logits = self._log_odds(hidden)
        moved = logits + (logits[:, :1] - mean_logit(logits, read_mask)[:, None])
        return moved, embedding(hidden, read_mask)

    def write_severity(self, graph: "Graph", hidden: str, is_read: str) -> str:
        """As `Bert.write_severity`."""
        pooler, classifier = (
            {"weight": module.weight.detach().numpy(), "bias": module.bias.detach().numpy()}
            for module in (self.pooler, self.classifier)
        )
        pooled = graph.op("Tanh", graph.linear("pooler", hidden, **pooler))
        logits = graph.linear("classifier", pooled, **classifier)
        bad, good = (
            graph.op("Gather", logits, graph.constant(name, np.array(columns, dtype=np.int64)), axis=-1)
            for name, columns in (("bad", self._bad), ("good", self._good))
        )
        last = graph.constant("last_axis", np.array([-1], dtype=np.int64))
        odds = graph.op("ReduceLogSumExp", bad, last, keepdims=0)
        if self._good:
            odds = graph.op("Sub", odds, graph.op("ReduceLogSumExp", good, last, keepdims=0))
        mean = graph.op(
            "Div", graph.op("ReduceSum", graph.op("Mul", odds, is_read), last), graph.op("ReduceSum", is_read, last)
        )
        of_start = graph.op("Gather", odds, graph.constant("start", np.array([0], dtype=np.int64)), axis=1)
        return graph.op("Add", odds, graph.op("Sub", of_start, mean))

    def _log_odds(self, hidden: Tensor) -> Tensor:
        """(lines, tokens, width) → (lines, tokens)."""
        logits = self.classifier(torch.tanh(self.pooler(hidden)))
        bad = torch.logsumexp(logits[..., self._bad], dim=-1)
        return bad - torch.logsumexp(logits[..., self._good], dim=-1) if self._good else bad


def export_checkpoint(folder: Path, *, out: Path, version: str, bad_labels: Sequence[str] = ()) -> dict[str, float]:
    """Export a checkpoint (model.safetensors, config.json, tokenizer.json or vocab.txt); returns what was measured.

    Of a model for sequence classification the severity is its own: the log-odds of `bad_labels`, by default of the
    second of two labels. Any other (masked language model, encoder) gets a severity head fitted to our own lines; the
    network itself stays as it is. The default threshold is chosen on held-out lines either way. Where int8 would move a
    held-out severity by more than a trained model may, the weights stay in single precision.

    Raises:
        InvalidParameter: the folder holds no BERT of the form that can be exported, or a label that it lacks is named.
    """
    opened = open_checkpoint(folder)
    base = _begin(opened)
    weights = opened.checkpoint.weights
    opened.tokenizer.no_padding()
    opened.tokenizer.enable_truncation(base.shape.positions)
    fitted, held_out = _examples()
    if "classifier.weight" in weights:
        bad = _bad_labels(opened.config, labels=weights["classifier.weight"].shape[0], named=bad_labels)
        network: Bert = Classifier(base, weights=weights, bad=bad)
    elif bad_labels:
        raise InvalidParameter("the checkpoint has no labels: it is not for sequence classification", field="label")
    else:
        network = base
        _fit_severity(network, opened.tokenizer, fitted)
    network.eval()
    views.fit(network, opened.tokenizer, [one.pattern for one in fitted])
    _bound(network, opened.tokenizer, fitted)
    written = partial(
        export.export,
        network,
        opened.tokenizer,
        out=out,
        max_tokens=min(MAX_TOKENS, base.shape.positions - 2),
        version=version,
        held_out=held_out,
        facts={"fitted_on": 0 if isinstance(network, Classifier) else len(fitted)},
    )
    try:
        return written()
    except export.DisagreementError:
        # Networks that were not trained for it may say something else in int8: then they are larger, and right.
        return written(in_int8=False)


def open_checkpoint(folder: Path) -> Opened:
    """Read a checkpoint's folder.

    Raises:
        InvalidParameter: a file is missing or cannot be read, or it is no BERT of the form that is supported.
    """
    try:
        config = json.loads((folder / "config.json").read_bytes())
        weights = load_file(folder / "model.safetensors")
    except (OSError, ValueError, SafetensorError) as error:
        raise InvalidParameter(f"{folder}: {error}", field="checkpoint") from error
    for name, supported in _SUPPORTED.items():
        if config.get(name, supported) != supported:
            raise InvalidParameter(f"{folder}: {name} is {config[name]!r}, not {supported!r}", field="checkpoint")
    if config["intermediate_size"] != 4 * config["hidden_size"]:
        raise InvalidParameter(f"{folder}: its inner width is not four times its width", field="checkpoint")
    if abs(config.get("layer_norm_eps", NORM_EPSILON) - NORM_EPSILON) > NORM_EPSILON:
        raise InvalidParameter(f"{folder}: its layer_norm_eps is not {NORM_EPSILON}", field="checkpoint")
    tokenizer = _tokenizer(folder, lower=_is_uncased(folder))
    words = tokenizer.get_vocab(with_added_tokens=True)
    rows = sorted(words, key=words.__getitem__)
    if [words[word] for word in rows] != list(range(len(rows))):
        raise InvalidParameter(f"{folder}: the ids of its words have gaps", field="checkpoint")
    tokenizer.add_special_tokens([*_SPECIAL, *PLACEHOLDERS])
    checkpoint = Checkpoint(
        weights={name.removeprefix("bert."): weight for name, weight in weights.items()},
        words=rows,
        heads=config["num_attention_heads"],
    )
    return Opened(checkpoint=checkpoint, tokenizer=tokenizer, config=config)


def _begin(opened: Opened) -> Bert:
    checkpoint = opened.checkpoint
    try:
        positions = checkpoint.weights["embeddings.position_embeddings.weight"].shape[0]
        return pretrained.begin(
            checkpoint,
            opened.tokenizer,
            layers=opened.config["num_hidden_layers"],
            positions=min(positions, MAX_TOKENS + 2),
        )
    except KeyError as error:
        raise InvalidParameter(f"the checkpoint lacks {error}", field="checkpoint") from error


def _tokenizer(folder: Path, *, lower: bool) -> Tokenizer:
    """The checkpoint's own; out of vocab.txt where there is nothing else."""
    if (folder / "tokenizer.json").is_file():
        return Tokenizer.from_file(str(folder / "tokenizer.json"))
    if not (folder / "vocab.txt").is_file():
        raise InvalidParameter(f"{folder} has neither tokenizer.json nor vocab.txt", field="checkpoint")
    words = (folder / "vocab.txt").read_text(encoding="utf-8").splitlines()
    vocabulary = {word: row for row, word in enumerate(words)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))  # noqa: S106  # a token of text
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=lower)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", vocabulary["[SEP]"]), ("[CLS]", vocabulary["[CLS]"]))
    return tokenizer


def _is_uncased(folder: Path) -> bool:
    file = folder / "tokenizer_config.json"
    return not file.is_file() or bool(json.loads(file.read_bytes()).get("do_lower_case", True))


def _bad_labels(config: Mapping[str, Any], *, labels: int, named: Sequence[str]) -> list[int]:
    names = {str(name): int(number) for number, name in config.get("id2label", {}).items()}
    if unknown := [name for name in named if name not in names]:
        raise InvalidParameter(f"no labels of the checkpoint: {unknown}; it has {sorted(names)}", field="label")
    if not named and labels > 2:
        raise InvalidParameter(f"say which of its labels are bad: {sorted(names)}", field="label")
    bad = sorted({names[name] for name in named}) or [labels - 1]
    if labels > 1 and len(bad) == labels:
        raise InvalidParameter("not all labels can be bad", field="label")
    return bad


def _examples() -> tuple[list[Example], list[Example]]:
    """Masked lines of our own corpus to fit a head on, and others that measure it."""
    rng = random.Random(1)
    found = dataset.mixed(statements.read(statements.SHIPPED), handwritten.read(), masker=Masker(), rng=rng)
    blocks = [found[start : start + BLOCK] for start in range(0, len(found), BLOCK)]
    rng.shuffle(blocks)
    found = [one for block in blocks for one in block][:MOST_LINES]
    held_out = [one for place, one in enumerate(found) if place // BLOCK % HELD_OUT_EVERY == 0]
    fitted = [one for place, one in enumerate(found) if place // BLOCK % HELD_OUT_EVERY]
    return fitted, held_out


def _fit_severity(network: Bert, tokenizer: Tokenizer, examples: Sequence[Example]) -> None:
    """Fit the severity head alone, by logistic regression: on a mean of tokens it says the mean of what it says."""
    features = torch.cat(
        [
            _features(network, tokenizer, examples[start : start + FEATURES_AT_ONCE])
            for start in range(0, len(examples), FEATURES_AT_ONCE)
        ]
    )
    targets = torch.tensor([one.target for one in examples])
    weights = torch.tensor([one.weight for one in examples])
    nn.init.zeros_(network.severity.weight)
    nn.init.zeros_(network.severity.bias)
    optimiser = torch.optim.LBFGS(network.severity.parameters(), max_iter=PROBE_STEPS, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimiser.zero_grad()
        logits = network.severity(features).squeeze(-1)
        fault = functional.binary_cross_entropy_with_logits(logits, targets, weight=weights)
        total = fault + PROBE_DECAY * network.severity.weight.square().sum()
        total.backward()
        return total

    optimiser.step(loss)


def _bound(network: Bert, tokenizer: Tokenizer, examples: Sequence[Example]) -> None:
    """Set the ranges of all products to what they have as inputs where the network reads these lines."""
    products = [module for module in network.modules() if isinstance(module, Rounded)]
    seen: dict[Rounded, tuple[float, float]] = dict.fromkeys(products, (0.0, 0.0))

    def note(product: Rounded, given: tuple[Tensor]) -> None:
        lowest, highest = seen[product]
        seen[product] = (min(lowest, float(given[0].min())), max(highest, float(given[0].max())))

    hooks = [product.register_forward_pre_hook(note) for product in products]
    for start in range(0, len(examples), FEATURES_AT_ONCE):
        _features(network, tokenizer, examples[start : start + FEATURES_AT_ONCE])
    for hook in hooks:
        hook.remove()
    for product, (lowest, highest) in seen.items():
        product.lowest, product.highest = lowest, highest


def _features(network: Bert, tokenizer: Tokenizer, examples: Sequence[Example]) -> Tensor:
    """Mean over the tokens that are read, (lines, width)."""
    ids, attended, read = tensors([one.pattern for one in examples], tokenizer=tokenizer)
    with torch.no_grad():
        hidden = network.hidden(ids, attended)
    weights = read.to(hidden.dtype)[:, :, None]
    return (hidden * weights).sum(1) / weights.sum(1).clamp(min=1)
