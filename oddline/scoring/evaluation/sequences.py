"""How well sessions are judged: HDFS by the usual split, thresholds without labels, beside the simple tricks."""

import csv
import lzma
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from oddline.scoring.evaluation.metrics import auc
from oddline.scoring.sequences.profile import ALARMS, FOLDS, Profile
from oddline.scoring.sequences.sample import Sample

FOLDER: Final = "hdfs_sessions"
CLOSEST_FIRST: Final = 16  # normal sequences that are compared before the bound says which others must be

Sequence_ = tuple[int, ...]
Judge = Callable[[Sequence[Sequence_]], NDArray[np.float64]]
"""How odd sequences are, the larger the odder."""


@dataclass(frozen=True, slots=True)
class Split:
    """Sessions to learn from, and those to be judged, each different sequence with its number of sessions."""

    train: Sample
    normal: Sample
    abnormal: Sample


def measure(data: Path, *, seeds: Sequence[int] = (1, 2, 3)) -> dict[str, Any]:
    """F1 and AUC of the shipped way to judge sessions, and of what is simpler, on HDFS.

    Learned from the 4,855 normal sessions of the usual split, judged on all others; `resampled` learns from as many
    normal sessions drawn by chance instead. A seed is of the parting into folds, and of the draw. Every threshold comes
    from the sessions that were learned from: ALARMS of them, as far as they are not known by heart.

    Raises:
        FileNotFoundError: `data` has no HDFS sessions.
    """
    usual = read_usual_split(data / FOLDER)
    runs = [_run(usual, seed) for seed in seeds]
    drawn = [_run(_draw_again(usual, seed), seed) for seed in seeds]
    return {
        **_summary(runs),
        "seeds": runs,
        "resampled": {**_summary(drawn), "seeds": drawn},
        "baselines": {
            "unseen_event": _judged(usual, _unseen_event(usual.train), threshold=0.5),
            "count_vector": _judged(usual, _count_vector(usual.train), threshold=0.5),
            "length_range": _judged(usual, _length_range(usual.train), threshold=0.5),
            "edit_distance": _judged(
                usual, _edit_distance(usual.train), threshold=_held_out_threshold(usual.train, seed=seeds[0])
            ),
        },
    }


def read_usual_split(folder: Path) -> Split:
    """The split that DeepLog (Du et al., 2017) made usual: 4,855 normal sessions to learn from, all others to judge."""
    train = Sample.of(_read_plain(folder / "hdfs_train.xz"))
    normal: Counter[Sequence_] = Counter()
    for name in ("robust_log_train.csv.xz", "robust_log_test.csv.xz"):
        with lzma.open(folder / name, "rt", newline="") as lines:
            normal.update(_ids(row["Sequence"]) for row in csv.DictReader(lines) if row["label"] == "0")
    normal.subtract(dict(zip(train.sequences, train.counts, strict=True)))
    return Split(train, _sample(+normal), Sample.of(_read_plain(folder / "hdfs_test_abnormal.xz")))


def _run(split: Split, seed: int) -> dict[str, Any]:
    profile = Profile.fit(split.train, seed=seed)
    return {"seed": seed, **_judged(split, profile.rarity, threshold=-np.log(ALARMS))}


def _summary(runs: Sequence[dict[str, Any]]) -> dict[str, float]:
    f1 = [run["f1"] for run in runs]
    return {
        "f1_mean": round(float(np.mean(f1)), 4),
        "f1_worst": min(f1),
        "auc": round(float(np.mean([run["auc"] for run in runs])), 5),
    }


def _judged(split: Split, judge: Judge, *, threshold: float) -> dict[str, Any]:
    normal, abnormal = judge(split.normal.sequences), judge(split.abnormal.sequences)
    normals, abnormals = np.array(split.normal.counts), np.array(split.abnormal.counts)
    found = int(abnormals[abnormal >= threshold].sum())
    false = int(normals[normal >= threshold].sum())
    return {
        "f1": round(2 * found / (found + false + int(abnormals.sum())), 4),
        "auc": round(auc(abnormal, normal, higher_counts=abnormals, lower_counts=normals), 5),
        "false_alarms": false,
        "missed": int(abnormals.sum()) - found,
    }


def _draw_again(split: Split, seed: int) -> Split:
    """The same sizes, the sessions to learn from drawn by chance from all normal ones."""
    everything = Counter(dict(zip(split.normal.sequences, split.normal.counts, strict=True)))
    everything.update(dict(zip(split.train.sequences, split.train.counts, strict=True)))
    pool = _sample(everything)
    drawn = np.random.default_rng(seed).multivariate_hypergeometric(pool.counts, split.train.sessions)
    pairs = zip(pool.sequences, pool.counts, drawn.tolist(), strict=True)
    train, rest = Counter[Sequence_](), Counter[Sequence_]()
    for sequence, count, taken in pairs:
        train[sequence], rest[sequence] = taken, count - taken
    return Split(_sample(+train), _sample(+rest), split.abnormal)


def _unseen_event(train: Sample) -> Judge:
    known = {step for sequence in train.sequences for step in sequence}
    return lambda sequences: np.array([float(not known.issuperset(sequence)) for sequence in sequences])


def _count_vector(train: Sample) -> Judge:
    known = {tuple(sorted(sequence)) for sequence in train.sequences}
    return lambda sequences: np.array([float(tuple(sorted(sequence)) not in known) for sequence in sequences])


def _length_range(train: Sample) -> Judge:
    lengths = [len(sequence) for sequence in train.sequences]
    low, high = min(lengths), max(lengths)
    return lambda sequences: np.array([float(not low <= len(sequence) <= high) for sequence in sequences])


def _edit_distance(train: Sample) -> Judge:
    """Levenshtein's distance to the nearest normal sequence, as a share of the longer one's length."""
    known = set(train.sequences)
    kinds = sorted({step for sequence in train.sequences for step in sequence})
    counts = np.array([_vector(sequence, kinds) for sequence in train.sequences])
    lengths = np.array([len(sequence) for sequence in train.sequences])
    padded = np.zeros((len(lengths), lengths.max()), dtype=np.int64)
    for row, sequence in zip(padded, train.sequences, strict=True):
        row[: len(sequence)] = sequence

    def nearest(sequence: Sequence_) -> float:
        if sequence in known:
            return 0.0
        longer = np.maximum(lengths, len(sequence))
        # An edit changes at most one count up and one down: so far away is each normal sequence at least.
        bound = np.abs(counts - _vector(sequence, kinds)).sum(axis=1) / 2 / longer
        order = np.argsort(bound, kind="stable")
        first = order[:CLOSEST_FIRST]
        best = float((_levenshtein(sequence, padded[first], lengths[first]) / longer[first]).min())
        rest = order[CLOSEST_FIRST:][bound[order[CLOSEST_FIRST:]] < best]
        if len(rest):
            best = min(best, float((_levenshtein(sequence, padded[rest], lengths[rest]) / longer[rest]).min()))
        return best

    return lambda sequences: np.array([nearest(sequence) for sequence in sequences])


def _held_out_threshold(train: Sample, *, seed: int) -> float:
    """What ALARMS of the training sessions exceed in edit distance to those of the other folds."""
    folds = np.random.default_rng(seed).multinomial(train.counts, np.full(FOLDS, 1 / FOLDS))
    distances: list[float] = []
    for fold in folds.T:
        others = {one: count - out for one, count, out in zip(train.sequences, train.counts, fold, strict=True)}
        judge = _edit_distance(_sample(+Counter(others)))
        left_out = [one for one, out in zip(train.sequences, fold, strict=True) if out]
        distances += np.repeat(judge(left_out), fold[fold > 0]).tolist()
    return float(np.quantile(distances, 1 - ALARMS, method="higher")) + 1e-9


def _levenshtein(sequence: Sequence_, others: NDArray[np.int64], lengths: NDArray[np.int64]) -> NDArray[np.int64]:
    """The edit distance to each row of `others`, all rows at once; `lengths` says how much of a row counts."""
    columns = np.arange(others.shape[1] + 1)
    row = np.tile(columns, (len(others), 1))
    for number, step in enumerate(sequence, start=1):
        changed = np.minimum(row[:, :-1] + (others != step), row[:, 1:] + 1)
        first = np.full((len(others), 1), number)
        row = np.minimum.accumulate(np.hstack([first, changed]) - columns, axis=1) + columns
    return np.asarray(row[np.arange(len(others)), lengths])


def _vector(sequence: Sequence_, kinds: Sequence[int]) -> NDArray[np.int64]:
    """How often each of the kinds stands in a sequence, and how often another one."""
    counts = Counter(sequence)
    known = [counts[kind] for kind in kinds]
    return np.array([*known, len(sequence) - sum(known)])


def _read_plain(path: Path) -> Iterator[Sequence_]:
    with lzma.open(path, "rt") as lines:
        yield from (_ids(line) for line in lines if line.strip())


def _ids(text: str) -> Sequence_:
    return tuple(map(int, text.split()))


def _sample(counts: Counter[Sequence_]) -> Sample:
    return Sample(tuple(counts), tuple(counts.values()))
