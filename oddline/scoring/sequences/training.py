"""Which closed sessions of a source its profile is learned from: recent ones, and no fault before it is old."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from typing import Any, Final

import numpy as np
import orjson
import zstandard

from oddline.feedback import Verdict
from oddline.scoring.sequences.grouping import is_by_window
from oddline.scoring.sequences.profile import Profile, Tails
from oddline.scoring.sequences.sample import Sample
from oddline.scoring.sequences.tails import Tail
from oddline.scoring.sequences.verdicts import Verdicts

DAYS_UNTIL_NORMAL: Final = 3  # on which a sequence that was odd must be seen: a fault does not become normal in a day
MOST_SESSIONS: Final = 20_000  # normal ones, and as many suspects; the same goes for the two limits below
MOST_SEQUENCES: Final = 5_000  # different ones
MOST_STEPS: Final = 3_000_000  # in all of them: more than FEWEST_SESSIONS of the longest; some seconds of fitting
STAYS: Final = 0.75  # the chance of a session to stay when there are too many
MOST_BYTES: Final = 256 * 1024 * 1024  # unpacked; far more than the limits above come to


@dataclass(frozen=True, slots=True)
class Seen:
    """How many sessions had a sequence, on how many days (of arrival), the last, and whether it was odd at first."""

    count: int
    days: int
    last_day: date
    was_odd: bool


class Training:
    """The different sequences that a source's sessions had lately.

    When they are too many, each session stays with the chance STAYS: so the sample stays small, keeps the shares, and
    slowly forgets what is old.
    """

    def __init__(self, seen: dict[tuple[int, ...], Seen] | None = None, *, grouping: str) -> None:
        self._seen = seen or {}
        self._grouping = grouping

    def add(self, sequence: Sequence[int], *, day: date, is_odd: bool) -> None:
        """Note a closed session."""
        key = tuple(sequence)
        seen = self._seen.get(key, Seen(0, 0, date.min, is_odd))
        days = seen.days + (day > seen.last_day)
        self._seen[key] = replace(seen, count=seen.count + 1, days=days, last_day=max(day, seen.last_day))

    def thin(self, *, chance: np.random.Generator) -> None:
        """Forget by chance until normal sequences and suspects, each apart, are within the limits.

        Apart, since a fault of some hours would otherwise push out what it is to be told from.
        """
        normal, suspects = self._parted(Verdicts(grouping=self._grouping))
        self._seen = _thinned(normal, chance) | _thinned(suspects, chance)

    def samples(self, verdicts: Verdicts | None = None) -> tuple[Sample, Sample]:
        """What a profile may be learned from, and the suspects.

        A suspect was odd, and was not seen on enough days since. What people expect is none from the start, and what
        they have confirmed stays one.
        """
        normal, suspects = self._parted(verdicts or Verdicts(grouping=self._grouping))
        return _sample(normal), _sample(suspects)

    def pack(self) -> bytes:
        """As one compressed blob."""
        rows = [[key, one.count, one.days, one.last_day, one.was_odd] for key, one in self._seen.items()]
        return _compress(rows)

    @classmethod
    def unpack(cls, blob: bytes | None, *, grouping: str) -> "Training":
        """What `pack` was given; nothing where there was no blob yet."""
        rows: Iterable[tuple[list[int], int, int, str, bool]] = [] if blob is None else _decompress(blob)
        return cls(
            {
                tuple(key): Seen(count, days, date.fromisoformat(last_day), was_odd)
                for key, count, days, last_day, was_odd in rows
            },
            grouping=grouping,
        )

    def _parted(self, verdicts: Verdicts) -> tuple[dict[tuple[int, ...], Seen], dict[tuple[int, ...], Seen]]:
        """What is normal, and what is suspect."""
        days = self._days_of_kinds()
        normal: dict[tuple[int, ...], Seen] = {}
        suspects: dict[tuple[int, ...], Seen] = {}
        for key, seen in self._seen.items():
            said = verdicts.of(key, is_odd=seen.was_odd)
            is_suspect = seen.was_odd and max(seen.days, len(days[self._kind(key)])) < DAYS_UNTIL_NORMAL
            if said is not None:
                is_suspect = said.verdict == Verdict.CONFIRMED
            (suspects if is_suspect else normal)[key] = seen
        return normal, suspects

    def _days_of_kinds(self) -> dict[tuple[int, ...], set[date]]:
        """The last days of sequences that were odd, those of one kind together."""
        days: dict[tuple[int, ...], set[date]] = defaultdict(set)
        for key, seen in self._seen.items():
            if seen.was_odd:
                days[self._kind(key)].add(seen.last_day)
        return days

    def _kind(self, key: tuple[int, ...]) -> tuple[int, ...]:
        """Hardly any window comes again as it was: those with the same patterns count as the same."""
        return tuple(sorted(set(key))) if is_by_window(self._grouping) else key


def pack_profile(profile: Profile) -> bytes:
    """A profile as one compressed blob: its sample and its tails; the rest is quickly made of the sample."""
    tails = [
        [tail.values.tolist(), tail.rarities.tolist(), tail.begin, tail.begin_rarity, tail.scale]
        for tail in (profile.tails.counts, profile.tails.steps, profile.tails.both)
    ]
    return _compress([profile.sample.sequences, profile.sample.counts, tails])


def unpack_profile(blob: bytes) -> Profile:
    """What `pack_profile` was given."""
    sequences, counts, tails = _decompress(blob)
    restored = [Tail(np.array(values), np.array(rarities), *rest) for values, rarities, *rest in tails]
    return Profile.restore(Sample(tuple(map(tuple, sequences)), tuple(counts)), Tails(*restored))


def _sample(seen: dict[tuple[int, ...], Seen]) -> Sample:
    return Sample(tuple(seen), tuple(one.count for one in seen.values()))


def _thinned(seen: dict[tuple[int, ...], Seen], chance: np.random.Generator) -> dict[tuple[int, ...], Seen]:
    while _is_too_large(seen):
        kept = chance.binomial([one.count for one in seen.values()], STAYS)
        pairs = zip(seen.items(), kept.tolist(), strict=True)
        seen = {key: replace(one, count=count) for (key, one), count in pairs if count}
    return seen


def _is_too_large(seen: dict[tuple[int, ...], Seen]) -> bool:
    return (
        len(seen) > MOST_SEQUENCES
        or sum(one.count for one in seen.values()) > MOST_SESSIONS
        or (len(seen) > 1 and sum(map(len, seen)) > MOST_STEPS)
    )


def _compress(rows: object) -> bytes:
    return zstandard.compress(orjson.dumps(rows), 3)


def _decompress(blob: bytes) -> Any:
    return orjson.loads(zstandard.ZstdDecompressor().decompress(blob, max_output_size=MOST_BYTES))
