"""One source's rates: take up what comes in, and judge bin after bin as they are over."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import polars as pl
from numpy.typing import NDArray

from oddline.scoring.rates.budget import Budget
from oddline.scoring.rates.judging import REST, Judged, judge_silence, judge_window, learn_gaps, learn_window
from oddline.scoring.rates.model import BINS_AN_HOUR, WHOLE, WINDOWS, OddRate, Rules
from oddline.scoring.rates.pending import Pending
from oddline.scoring.rates.season import Season
from oddline.scoring.rates.series import DOWN, UP, Series, nothing
from oddline.scoring.rates.surprise import Floats
from oddline.scoring.rates.telling import told_as

SILENCE_EVERY: Final = 6  # bins
MOST_AT_ONCE: Final = 3  # rates of a source told of one bin: the rarest say what it is, the others are counted
FEWEST_ASLEEP: Final = BINS_AN_HOUR  # bins of silence after which a source is not watched any more
ASLEEP_AFTER: Final = 3.0  # times its longest silence


@dataclass(slots=True)
class RateSource:
    """What is known of a source, up to the bin `next`, which is the first that is not judged yet.

    Whoever holds it takes up counts and closes bins in the order of time; what comes in of bins that are closed is
    counted in `late` and nowhere else.
    """

    series: Series
    season: Season
    budget: Budget
    next: int
    pending: Pending = field(default_factory=Pending)
    late: int = 0

    @classmethod
    def begun(cls, at: int) -> "RateSource":
        """A source whose first entry came in a bin."""
        return cls(series=nothing(at), season=Season.nothing(1), budget=Budget(at), next=at)

    def take(self, counts: pl.DataFrame) -> None:
        """Take up counts (`oddline.scoring.rates.counting.COUNTED`) of this source."""
        columns = {name: counts[name].to_numpy() for name in ("bin", "pattern_id", "count", "lag")}
        is_late = columns["bin"] < self.next
        self.late += int(columns["count"][is_late].sum())
        self.pending.note_lag(columns["lag"], columns["count"])
        self._admit(columns["pattern_id"][~is_late], columns["count"][~is_late], columns["bin"][~is_late])
        rows = self.series.rows_of(columns["pattern_id"])
        patterns = np.where(rows >= 0, columns["pattern_id"], WHOLE)
        self.pending.add(*(one[~is_late] for one in (columns["bin"], patterns, columns["count"])))
        self._note_last(counts, rows)

    def close(self, until: int, *, rules: Rules) -> list[OddRate]:
        """Judge all bins before `until`, less by as many as the source comes late."""
        until -= self.pending.bins_late()
        odd: list[OddRate] = []
        taken = self.pending.take(until)
        coming = sorted(taken)
        while self.next < until:
            if self.is_asleep():
                if not coming or coming[-1] < self.next:
                    break
                self._wake(next(one for one in coming if one >= self.next))
            patterns, counts = taken.get(self.next, (_NONE, _NONE))
            odd += self._judge(patterns, counts, rules=rules)
            self.next += 1
        return odd

    def is_asleep(self) -> bool:
        """Whether it has been silent for so long that nothing more is to be said of it, and nothing to be learned."""
        longest = max(FEWEST_ASLEEP, ASLEEP_AFTER * float(self.series.gap_record[0]))
        return float(self.series.silent[0]) > longest

    def _admit(self, patterns: NDArray[np.int64], counts: NDArray[np.int64], bins: NDArray[np.int64]) -> None:
        ids, places = np.unique(patterns, return_inverse=True)
        unknown = self.series.rows_of(ids) < 0
        if not unknown.any():
            return
        often = np.argsort(-np.bincount(places, weights=counts, minlength=len(ids))[unknown], kind="stable")
        before = self.series.patterns
        self.series.admit(ids[unknown][often], at=max(int(bins.min()), self.next))
        self.season = self.season.fitted(len(self.series.patterns))
        self.season.forget(np.flatnonzero(before != self.series.patterns[: len(before)]))

    def _note_last(self, counts: pl.DataFrame, rows: NDArray[np.int64]) -> None:
        known = np.flatnonzero(rows >= 0)
        entries: dict[str, NDArray[Any]] = {
            name: counts[name].to_numpy() for name in ("index", "timestamp", "received")
        }
        entries["submission"] = np.array(counts["submission"].to_list(), dtype="S16")
        ordered = known[np.argsort(entries["timestamp"][known], kind="stable")]
        self.series.note_last(rows[ordered], entries={name: values[ordered] for name, values in entries.items()})
        if len(counts):
            last = np.array([int(entries["timestamp"].argmax())])
            self.series.note_last(np.zeros(1, dtype=np.int64), entries={n: v[last] for n, v in entries.items()})

    def _wake(self, number: int) -> None:
        """Go on with a bin after a silence in which nothing was judged; what was counted before it is left out."""
        self.series.silent[:] = 0.0
        self.series.passed[:] = 0.0
        self.series.open[:] = 0.0
        self.series.hour[:] = 0.0
        self.next = number

    def _judge(self, patterns: NDArray[np.int64], counts: NDArray[np.int64], *, rules: Rules) -> list[OddRate]:
        """Judge the bin `next` and learn from it."""
        series, number = self.series, self.next
        threshold = self.budget.threshold(number, rules=rules, rows=len(series.patterns))
        usual = self.season.usual(number)
        came = self._count(patterns, counts)
        learn_gaps(series, came > 0, number=number)
        series.silent[came == 0] += 1.0
        series.passed += np.where(came == 0, came[0], 0.0)
        judged = [judge_silence(series, usual=usual)] if (number + 1) % SILENCE_EVERY == 0 else []
        for place, window in enumerate(WINDOWS):
            if (number + 1) % window == 0:
                judged.append(judge_window(series, place, usual=usual))
                learn_window(series, place, judged[-1], threshold=threshold, number=number)
        for one in judged:
            series.hour[:, UP] = np.maximum(series.hour[:, UP], one.surprise * one.up)
            series.hour[:, DOWN] = np.maximum(series.hour[:, DOWN], one.surprise * ~one.up)
        if (number + 1) % BINS_AN_HOUR == 0:
            self.season.learn(series.hour, number=number)
            series.hour[:] = 0.0
        return self._told(judged, threshold=threshold, rules=rules)

    def _count(self, patterns: NDArray[np.int64], counts: NDArray[np.int64]) -> Floats:
        came = np.zeros(len(self.series.patterns))
        if len(patterns):
            rows = self.series.rows_of(patterns)
            np.add.at(came, rows[rows > 0], counts[rows > 0])
            came[0] = counts.sum()
            self.series.open += came[:, None]
        return came

    def _told(self, judged: list[Judged], *, threshold: float, rules: Rules) -> list[OddRate]:
        """What is told of a bin: the rarest of rows that were in their range of late, and how many others there are."""
        rarity = np.stack([one.rarity for one in judged])
        up = np.stack([one.up for one in judged])
        rarest = float(rarity.max(initial=0.0))
        if rarest == 0.0:
            return []
        best = rarity.argmax(axis=0)
        rows = np.arange(rarity.shape[1])
        direction = np.where(up[best, rows], UP, DOWN)
        is_odd = rarity[best, rows] >= threshold
        is_new = is_odd & (self.series.odd_bin[rows, direction] < self.next - REST)
        self.series.odd_bin[rows[is_odd], direction[is_odd]] = self.next
        fresh = rows[is_new][np.argsort(-rarity[best, rows][is_new], kind="stable")]
        if self.series.silent[0] > 0 and self.series.odd_bin[0, DOWN] >= self.next - REST:
            fresh = fresh[fresh == 0]  # of a source that fell silent it is no news that a pattern does not come
        elif 0 in fresh and _explains([judged[best[row]] for row in fresh], fresh):
            fresh = fresh[fresh != 0]
        # The source itself says most of what its patterns would say.
        fresh = fresh[np.argsort(fresh != 0, kind="stable")]
        chosen = fresh[: max(min(MOST_AT_ONCE, self.budget.left(self.next, rules=rules)), 0)]
        self.budget.note(self.next, rarest=rarest, threshold=threshold, told=len(chosen))
        return [
            told_as(
                self.series, judged[best[row]], row, at=self.next, threshold=threshold, others=len(fresh) - len(chosen)
            )
            for row in chosen.tolist()
        ]


def _explains(judged: Sequence[Judged], rows: NDArray[np.int64]) -> bool:
    """Whether one of the patterns among the rows alone makes most of the change of the source as a whole, row 0."""
    changes = {row: float(one.count[row] - one.expected[row]) for one, row in zip(judged, rows.tolist(), strict=True)}
    return any(change * changes[0] > 0 and 2 * abs(change) >= abs(changes[0]) for row, change in changes.items() if row)


_NONE: Final = np.zeros(0, dtype=np.int64)
