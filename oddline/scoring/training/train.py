"""Train the general model: statements and handwritten lines in, a folder that `Encoder.load` opens out."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer

from oddline.errors import InvalidParameter
from oddline.patterns import Masker
from oddline.scoring.training import (
    dataset,
    effects,
    export,
    handwritten,
    losses,
    pretrained,
    statements,
    tempering,
    tokens,
    views,
)
from oddline.scoring.training.corpus import Corpus, split
from oddline.scoring.training.dataset import Example
from oddline.scoring.training.network import NARROWED, Bert, Ranges, Shape

MAX_TOKENS: Final = 64
DEFAULT_STEPS: Final = 1_800
HEAD_WIDTH: Final = 32  # as in MiniLM
VOCABULARY: Final = 8_000  # Word pieces of a network that begins from nothing.
_THREADS: Final = 2  # Another number sums in another order, which gives another model.
_BATCH: Final = 64
_RATE: Final = 1e-4
_HEAD_RATE: Final = 1e-3  # For what begins from nothing.


@dataclass(frozen=True, slots=True)
class Beginning:
    """What training begins from.

    The first layers of a checkpoint (a folder; None is the packaged one), or a network of a given width from nothing.
    """

    checkpoint: Path | None
    layers: int
    width_from_nothing: int | None = None


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run made."""

    folder: Path
    facts: dict[str, float]


def train(
    *,
    out: Path,
    beginning: Beginning,
    statements_file: Path | None = None,
    steps: int = DEFAULT_STEPS,
    seed: int = 1,
    version: str,
    report: Callable[[str], None] = print,
) -> Trained:
    """Train, export to `out` and choose the default threshold; the same arguments give the same model.

    Args:
        out: folder that gets model.onnx, tokenizer.json and config.json.
        beginning: what the network begins as.
        statements_file: as `statements.write` makes it; the shipped corpus if None.
        steps: of `_BATCH` lines.
        seed: of everything that is drawn.
        version: the model's name.
        report: gets a line of progress now and then.
    """
    _make_repeatable(seed)
    rng, masker = random.Random(seed), Masker()
    corpus = split(statements.read(statements_file or statements.SHIPPED), handwritten.read())
    texts = _texts(corpus, masker=masker, rng=rng)
    network, tokenizer = _begin(beginning, texts)
    batches = _endless(corpus, masker=masker, rng=rng)
    from_nothing = beginning.width_from_nothing is not None
    _fit(network, batches, tokenizer=tokenizer, steps=steps, from_nothing=from_nothing, rng=rng, report=report)

    network.eval()
    network.settle(NARROWED)
    views.fit(network, tokenizer, random.Random(seed).sample(texts, k=min(views.MOST_LINES, len(texts))))
    held = held_out(corpus, seed=seed)
    scale, offset = tempering.temper(network, tokenizer, held)
    severe = severe_patterns(corpus, seed=seed)
    effects.fit(network, tokenizer, severe, seed=seed)
    learnt_from = {"statements": len(corpus.statements), "handwritten": len(corpus.lines)}
    facts: dict[str, float] = {
        "seed": seed,
        "steps": steps,
        **learnt_from,
        "logit_scale": scale,
        "logit_offset": offset,
        "effects_fitted_on": len(severe),
    }
    chosen = export.export(
        network, tokenizer, out=out, max_tokens=MAX_TOKENS, version=version, held_out=held, facts=facts
    )
    return Trained(folder=out, facts={**facts, **chosen})


def _make_repeatable(seed: int) -> None:
    torch.manual_seed(seed)
    torch.set_num_threads(_THREADS)
    torch.use_deterministic_algorithms(True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # nothing reads it; filling it is 8 % of a step


def held_out(corpus: Corpus, *, seed: int) -> list[Example]:
    """The lines that the threshold is chosen on: the same whatever was drawn in training."""
    masker, rng = Masker(), random.Random(seed)
    held = dataset.from_statements(corpus.held_statements, masker=masker, rng=rng)
    return held + dataset.from_handwritten(corpus.held_lines, masker=masker, rng=rng)


def severe_patterns(corpus: Corpus, *, seed: int) -> list[str]:
    """The handwritten lines that are bad: those whose like an explanation is asked for."""
    examples = dataset.from_handwritten(corpus.lines, masker=Masker(), rng=random.Random(seed))
    return [example.pattern for example in examples if example.target >= losses.SEVERE]


def _texts(corpus: Corpus, *, masker: Masker, rng: random.Random) -> list[str]:
    examples = dataset.from_statements(corpus.statements, masker=masker, rng=rng)
    return [example.pattern for example in examples + dataset.from_handwritten(corpus.lines, masker=masker, rng=rng)]


def _begin(beginning: Beginning, texts: Sequence[str]) -> tuple[Bert, Tokenizer]:
    positions = MAX_TOKENS + 2
    width = beginning.width_from_nothing
    if width is not None and width % HEAD_WIDTH:
        raise InvalidParameter(f"the width is a multiple of {HEAD_WIDTH}", field="width")
    if width is not None:
        tokenizer = tokens.train(texts, vocabulary=VOCABULARY)
        network = Bert(
            Shape(
                vocabulary=tokenizer.get_vocab_size(),
                layers=beginning.layers,
                width=width,
                heads=width // HEAD_WIDTH,
                positions=positions,
            ),
            ranges=Ranges(),
        )
    else:
        checkpoint = pretrained.read(beginning.checkpoint or pretrained.packaged())
        tokenizer = tokens.cut(checkpoint.words, texts)
        network = pretrained.begin(checkpoint, tokenizer, layers=beginning.layers, positions=positions, ranges=Ranges())
    tokenizer.enable_truncation(positions)
    return network, tokenizer


def _endless(corpus: Corpus, *, masker: Masker, rng: random.Random) -> Iterator[list[Example]]:
    while True:
        examples = dataset.mixed(corpus.statements, corpus.lines, masker=masker, rng=rng)
        yield from dataset.batches(examples, size=_BATCH, rng=rng)


def _fit(
    network: Bert,
    batches: Iterator[list[Example]],
    *,
    tokenizer: Tokenizer,
    steps: int,
    from_nothing: bool,
    rng: random.Random,
    report: Callable[[str], None],
) -> None:
    heads = {id(parameter) for parameter in network.severity.parameters()}
    rates = [_HEAD_RATE if from_nothing else _RATE, _HEAD_RATE]
    groups = [
        {"params": [parameter for parameter in network.parameters() if id(parameter) not in heads], "lr": rates[0]},
        {"params": list(network.severity.parameters()), "lr": rates[1]},
    ]
    optimizer = torch.optim.AdamW(groups, weight_decay=0.01, fused=True)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=rates, total_steps=steps, pct_start=0.1)
    network.train()
    for step in range(1, steps + 1):
        found = losses.losses(network, next(batches), tokenizer=tokenizer, rng=rng, with_words=from_nothing)
        optimizer.zero_grad(set_to_none=True)
        sum(found.values(), torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % 50 == 0 or step == steps:
            report(f"step {step}/{steps}: " + ", ".join(f"{name} {loss.item():.3f}" for name, loss in found.items()))
