"""Judge labelled lines in their order: what came first is known, the rest is tested, by the model and by each trick."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from oddline.patterns import Masker
from oddline.scoring.encoder import Encoded, Encoder, severity
from oddline.scoring.evaluation.metrics import auc, average_precision, f1
from oddline.scoring.evaluation.tricks import TRICKS
from oddline.scoring.knowledge import Known
from oddline.scoring.nearest import Nearest


@dataclass(frozen=True, slots=True)
class Stream:
    """Lines of one source with their labels (n,), and how many of the first are known."""

    lines: Sequence[str]
    is_odd: NDArray[np.bool_]
    known: int


def measure(stream: Stream, *, encoder: Encoder, masker: Masker) -> dict[str, Any]:
    """auc, ap, f1 and false_alarms_per_1000 of the tested lines at the model's own threshold; `baselines` beside.

    The tricks' F1 is at the best of their thresholds, chosen with the labels: more than could be had without them.
    """
    patterns = masker.mask_many(stream.lines)
    known, tested = patterns[: stream.known], patterns[stream.known :]
    is_odd = stream.is_odd[stream.known :]
    distinct = list(dict.fromkeys(tested))
    places = {pattern: place for place, pattern in enumerate(distinct)}
    rows = np.array([places[pattern] for pattern in tested])

    scores = scores_of(distinct, known=set(known), encoder=encoder)
    return {
        **_figures(scores[rows], is_odd, threshold=encoder.default_threshold),
        "tested": len(tested),
        "odd": int(is_odd.sum()),
        "distinct_patterns": len(distinct),
        "baselines": {name: _best(trick(known, distinct)[rows], is_odd) for name, trick in TRICKS.items()},
    }


def scores_of(patterns: Sequence[str], *, known: set[str], encoder: Encoder) -> NDArray[np.float64]:
    """The score of each pattern beside what is known: novelty × severity, by the rules that serve."""
    numbers = {pattern: number for number, pattern in enumerate(dict.fromkeys([*sorted(known), *patterns]))}
    encoded = dict(zip(numbers, encoder.encode(list(numbers)), strict=True))
    memory = knowledge({numbers[pattern]: encoded[pattern] for pattern in known}, dimension=encoder.dimension)
    unknown = [pattern for pattern in patterns if pattern not in known]
    novelty = dict.fromkeys(patterns, 0.0)
    if unknown:
        embeddings = np.stack([encoded[pattern].embedding for pattern in unknown])
        views = [encoded[pattern].views for pattern in unknown]
        values, _ = memory.novelties([numbers[one] for one in unknown], embeddings, views, scale=encoder.novelty_scale)
        novelty |= dict(zip(unknown, values.tolist(), strict=True))
    return np.array([novelty[pattern] * severity(encoded[pattern].severity_logit) for pattern in patterns])


def knowledge(patterns: Mapping[int, Encoded], *, dimension: int) -> Known:
    """What a source knows that has had these patterns, by id."""
    nothing = Known.nothing(dimension=dimension)
    if not patterns:
        return nothing
    embeddings = np.stack([one.embedding for one in patterns.values()])
    ids = np.fromiter(patterns, dtype=np.int32, count=len(patterns))
    return replace(
        nothing,
        members=frozenset(patterns),
        ids=ids,
        nearest=Nearest(embeddings),
        views=[one.views for one in patterns.values()],
    )


def _figures(scores: NDArray[np.float64], is_odd: NDArray[np.bool_], *, threshold: float) -> dict[str, float]:
    is_alarm = scores >= threshold
    return {
        "auc": round(auc(scores[is_odd], scores[~is_odd]), 5),
        "ap": round(average_precision(scores, is_odd), 4),
        "f1": round(f1(is_alarm, is_odd), 4),
        "false_alarms_per_1000": round(1000 * float(is_alarm[~is_odd].mean()), 2),
    }


def _best(scores: NDArray[np.float64], is_odd: NDArray[np.bool_]) -> dict[str, float]:
    candidates = np.unique(scores)[-200:]
    return {
        "auc": round(auc(scores[is_odd], scores[~is_odd]), 5),
        "ap": round(average_precision(scores, is_odd), 4),
        "f1": round(max(f1(scores >= one, is_odd) for one in candidates), 4),
    }
