"""The simple tricks that a model has to beat: each ranks patterns, given what was known before."""

import math
import re
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

Trick = Callable[[Sequence[str], Sequence[str]], NDArray[np.float64]]
"""(known patterns, patterns) → a score for each of the patterns, higher for odder; most are 0 for what is known."""

SEVERITY_WORD: Final = re.compile(
    r"(?i)(?<![a-z])(?:error|errors|err|fail\w*|fatal|critical|crit|panic\w*|abort\w*|exception\w*|corrupt\w*|denied"
    r"|refused|timeout|timed out|unable|cannot|could not|can't|invalid|lost|dead|crash\w*|unreachable|killed|severe"
    r"|emerg\w*|alert|warn\w*|missing|illegal|broken|down|reject\w*|overflow\w*|exhausted|interrupt\w*)(?![a-z])"
)
_WORD: Final = re.compile(r"<[a-z]+>|[A-Za-z]+|[0-9]+")


def has_severity_word(patterns: Sequence[str]) -> NDArray[np.float64]:
    """1 where a word of `SEVERITY_WORD` stands, else 0."""
    return np.array([float(SEVERITY_WORD.search(pattern) is not None) for pattern in patterns])


def unseen(known: Sequence[str], patterns: Sequence[str]) -> NDArray[np.float64]:
    """1 for what was not seen before."""
    seen = set(known)
    return np.array([float(pattern not in seen) for pattern in patterns])


def unseen_with_severity_word(known: Sequence[str], patterns: Sequence[str]) -> NDArray[np.float64]:
    """1 for what was not seen before and holds a severity word."""
    return unseen(known, patterns) * has_severity_word(patterns)


def unigram_surprise(known: Sequence[str], patterns: Sequence[str]) -> NDArray[np.float64]:
    """Mean of -log2 of how often each word stood in known patterns (add-one smoothing), in bits."""
    counts = Counter(word for pattern in known for word in _words(pattern))
    total, kinds = sum(counts.values()), len(counts) + 1
    return np.array(
        [
            float(np.mean([-math.log2((counts[word] + 1) / (total + kinds)) for word in _words(pattern) or [""]]))
            for pattern in patterns
        ]
    )


def nearest_by_words(known: Sequence[str], patterns: Sequence[str]) -> NDArray[np.float64]:
    """1 - the highest cosine to a known pattern, of words weighted by their rarity (tf-idf, nearest neighbour)."""
    counts = Counter(word for pattern in set(known) for word in set(_words(pattern)))
    places = {word: place for place, word in enumerate(counts)}
    rarity = np.array([math.log((1 + len(set(known))) / (1 + count)) + 1 for count in counts.values()])

    def vectors(texts: Sequence[str]) -> NDArray[np.float64]:
        rows = np.zeros((len(texts), len(places) + 1))
        for row, text in enumerate(texts):
            for word in _words(text):
                rows[row, places.get(word, len(places))] += 1
        rows *= np.append(rarity, rarity.max(initial=1.0))
        rows /= np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
        return rows

    nearest = (vectors(patterns) @ vectors(sorted(set(known))).T).max(axis=1, initial=0.0)
    distances: NDArray[np.float64] = 1.0 - nearest
    return distances


def _words(pattern: str) -> list[str]:
    return [word.lower() for word in _WORD.findall(pattern)]


TRICKS: Final[dict[str, Trick]] = {
    "unseen": unseen,
    "unseen_with_severity_word": unseen_with_severity_word,
    "unigram_surprise": unigram_surprise,
    "nearest_by_words": nearest_by_words,
}
