"""Whether the tokens that an explanation names are those that matter: what deleting them does to the score."""

import random
from typing import Any, Final

import numpy as np

from oddline.patterns import Masker
from oddline.scoring.encoder import Encoder, severity
from oddline.scoring.evaluation.severities import HELD_OUT_KINDS
from oddline.scoring.training.handwritten import read_file

DELETED: Final = 3
FEWEST_TOKENS: Final = 7  # with fewer, three random tokens are nearly always among the top three
DRAWS: Final = 10


def measure(*, encoder: Encoder, masker: Masker, seed: int = 1) -> dict[str, Any]:
    """Mean drop of the severity of severe held-out lines: without their top 3 tokens, without 3 others drawn by chance.

    Novelty is 1 for all, so score and severity are one. Of a model that finds none of them severe there is no ratio.
    """
    rng = random.Random(seed)
    lines = [line.text for line in read_file(HELD_OUT_KINDS) if line.severity == 1.0]
    of_top: list[float] = []
    of_random: list[float] = []
    for pattern, encoded in zip(masked := masker.mask_many(lines), encoder.encode(masked), strict=True):
        score = severity(encoded.severity_logit)
        if len(encoded.tokens) < FEWEST_TOKENS or score < encoder.default_threshold:
            continue
        top = np.argsort(-encoded.shares)[:DELETED].tolist()
        draws = [rng.sample(range(len(encoded.tokens)), DELETED) for _ in range(DRAWS)]
        without = [_without(pattern, encoded.tokens, places) for places in [top, *draws]]
        left = [severity(one.severity_logit) for one in encoder.encode(without)]
        of_top.append(score - left[0])
        of_random.append(score - float(np.mean(left[1:])))
    if not of_top:
        return {"ratio": None, "lines": 0}
    top_drop, random_drop = float(np.mean(of_top)), float(np.mean(of_random))
    return {
        "ratio": round(top_drop / random_drop, 2),
        "drop_top": round(top_drop, 4),
        "drop_random": round(random_drop, 4),
        "lines": len(of_top),
    }


def _without(pattern: str, tokens: tuple[str, ...], places: list[int]) -> str:
    """The pattern with the tokens at these places cut out."""
    kept, end = [], 0
    for place, token in enumerate(tokens):
        start = pattern.index(token, end)
        kept.append(pattern[end:start])
        end = start + len(token)
        if place not in places:
            kept.append(token)
    return "".join([*kept, pattern[end:]])
