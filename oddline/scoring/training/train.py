"""Train the general model from nothing: statements and handwritten lines in, a folder that `Encoder.load` opens out."""

import random
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import torch
from tokenizers import Tokenizer
from torch import Tensor
from torch.nn import functional

from oddline.patterns import Masker
from oddline.scoring.training import dataset, export, handwritten, statements, tokens
from oddline.scoring.training.dataset import Example
from oddline.scoring.training.handwritten import Line
from oddline.scoring.training.network import Bert, Shape, embedding, mean_logit, tensors
from oddline.scoring.training.statements import Statement

VOCABULARY: Final = 4_000  # Word pieces: a row of weights each, so half of the network.
MAX_TOKENS: Final = 64
# Minutes become steps by this rate of one ordinary core, not by a clock: the same seed must give the same model.
STEPS_PER_MINUTE: Final = 200
_THREADS: Final = 1  # More would sum in another order, which gives another model.
_BATCH: Final = 64
_RATE: Final = 1e-3
_HANDWRITTEN_COPIES: Final = 12  # Per pass, so that one line in seven is handwritten.
_RAISED_SHARE: Final = 0.4  # Of raise statements per pass: they are many, and their level is the least certain.
_TEMPERATURE: Final = 0.1
# What the threshold and the novelty scale are chosen on, and what is never trained on:
HELD_OUT_KINDS: Final = frozenset({"network gear", "mail", "cloud computing"})
_HELD_OUT_EACH: Final = 25  # One statement in so many.


@dataclass(frozen=True, slots=True)
class Corpus:
    """Training material and what is held out of it."""

    statements: list[Statement]
    lines: list[Line]
    held_statements: list[Statement]
    held_lines: list[Line]


@dataclass(frozen=True, slots=True)
class Trained:
    """What a training run made."""

    folder: Path
    steps: int
    facts: dict[str, float]


def train(
    *,
    out: Path,
    statements_file: Path | None = None,
    minutes: float = 20.0,
    seed: int = 1,
    version: str = "general-1",
    report: Callable[[str], None] = print,
) -> Trained:
    """Train, export to `out` and choose the default threshold; the same arguments give the same model.

    Args:
        out: folder that gets model.onnx, tokenizer.json and config.json.
        statements_file: as `statements.write` makes it; the shipped corpus if None.
        minutes: about how long on an idle core (see STEPS_PER_MINUTE).
        seed: of everything that is drawn.
        version: the model's name.
        report: gets a line of progress now and then.
    """
    torch.manual_seed(seed)
    torch.set_num_threads(_THREADS)
    torch.use_deterministic_algorithms(True)
    rng = random.Random(seed)
    corpus = split(statements.read(statements_file or statements.SHIPPED), handwritten.read())
    masker = Masker()

    texts = [example.pattern for example in _one_pass(corpus, masker=masker, rng=rng)]
    tokenizer = tokens.train(texts, vocabulary=VOCABULARY)
    tokenizer.enable_truncation(MAX_TOKENS + 2)
    network = Bert(Shape(vocabulary=tokenizer.get_vocab_size(), positions=MAX_TOKENS + 2))
    steps = max(1, round(minutes * STEPS_PER_MINUTE))
    _fit(network, _endless(corpus, masker=masker, rng=rng), tokenizer=tokenizer, steps=steps, report=report)

    network.eval()
    facts: dict[str, float] = {
        "seed": seed,
        "steps": steps,
        "statements": len(corpus.statements),
        "handwritten": len(corpus.lines),
    }
    held = held_out(corpus, seed=seed)
    chosen = export.export(
        network, tokenizer, out=out, max_tokens=MAX_TOKENS, version=version, held_out=held, facts=facts
    )
    return Trained(folder=out, steps=steps, facts={**facts, **chosen})


def held_out(corpus: Corpus, *, seed: int) -> list[Example]:
    """The lines that the threshold is chosen on: the same whatever was drawn in training."""
    masker, rng = Masker(), random.Random(seed)
    held = dataset.from_statements(corpus.held_statements, masker=masker, rng=rng)
    return held + dataset.from_handwritten(corpus.held_lines, masker=masker, rng=rng)


def split(found: list[Statement], lines: list[Line]) -> Corpus:
    """Part by content, so that a larger corpus holds out what a smaller one did."""
    held = [zlib.crc32(statement.text.encode()) % _HELD_OUT_EACH == 0 for statement in found]
    return Corpus(
        statements=[statement for statement, out in zip(found, held, strict=True) if not out],
        held_statements=[statement for statement, out in zip(found, held, strict=True) if out],
        lines=[line for line in lines if line.kind not in HELD_OUT_KINDS],
        held_lines=[line for line in lines if line.kind in HELD_OUT_KINDS],
    )


def _one_pass(corpus: Corpus, *, masker: Masker, rng: random.Random) -> list[Example]:
    picked = [s for s in corpus.statements if s.level != "raise" or rng.random() < _RAISED_SHARE]
    examples = dataset.from_statements(picked, masker=masker, rng=rng)
    for _ in range(_HANDWRITTEN_COPIES):
        examples += dataset.from_handwritten(corpus.lines, masker=masker, rng=rng)
    return examples


def _endless(corpus: Corpus, *, masker: Masker, rng: random.Random) -> Iterator[list[Example]]:
    while True:
        yield from dataset.batches(_one_pass(corpus, masker=masker, rng=rng), size=_BATCH, rng=rng)


def _fit(
    network: Bert,
    batches: Iterator[list[Example]],
    *,
    tokenizer: Tokenizer,
    steps: int,
    report: Callable[[str], None],
) -> None:
    optimizer = torch.optim.AdamW(network.parameters(), lr=_RATE, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=_RATE, total_steps=steps, pct_start=0.08)
    network.train()
    for step in range(1, steps + 1):
        losses = _losses(network, next(batches), tokenizer=tokenizer)
        optimizer.zero_grad(set_to_none=True)
        sum(losses.values(), torch.zeros(())).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimizer.step()
        schedule.step()
        if step % STEPS_PER_MINUTE == 0 or step == steps:
            report(f"step {step}/{steps}: " + ", ".join(f"{name} {loss.item():.3f}" for name, loss in losses.items()))


def _losses(network: Bert, batch: list[Example], *, tokenizer: Tokenizer) -> dict[str, Tensor]:
    """The weighted losses of one batch, from three looks at it: masked, with words replaced, and as it is.

    Masked words as in BERT (Devlin et al. 2018), replaced words as in ELECTRA (Clark et al. 2020) with the network as
    its own generator, and a contrastive loss (SimCSE, Gao et al. 2021) that holds the masked look beside the plain one,
    so that distances between embeddings mean something.
    """
    ids, attended, read = tensors([example.pattern for example in batch], tokenizer=tokenizer)
    chosen = (torch.rand(ids.shape) < 0.15) & (read == 1)
    masked_view = network.hidden(torch.where(chosen & (torch.rand(ids.shape) < 0.85), tokens.MASK, ids), attended)
    plain_view = network.hidden(ids, attended)

    words = network.word_logits(masked_view[chosen])
    drawn = ids.clone()
    drawn[chosen] = torch.multinomial(torch.softmax(words.detach(), -1), 1).squeeze(-1)
    replaced = network.replaced(network.hidden(drawn, attended)).squeeze(-1)[read == 1]

    target = torch.tensor([example.target for example in batch])
    weight = torch.tensor([example.weight for example in batch])
    severity = functional.binary_cross_entropy_with_logits(
        mean_logit(network.severity(plain_view).squeeze(-1), read), target, weight=weight
    )
    similar = embedding(plain_view, read) @ embedding(masked_view, read).T / _TEMPERATURE
    return {
        "words": functional.cross_entropy(words, ids[chosen]),
        "replaced": 5.0 * functional.binary_cross_entropy_with_logits(replaced, (drawn != ids)[read == 1].float()),
        "severity": 3.0 * severity,
        "alike": 0.3 * functional.cross_entropy(similar, torch.arange(len(batch))),
    }
