"""Say why a window is odd: what came more or less often than in the nearest normal one, and what came out of turn."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import numpy as np

from oddline.scoring.sequences.explanation import candidates
from oddline.scoring.sequences.profile import Profile

MOST_PATTERNS: Final = 20  # that are told, those with the most surprising counts


class ExplainedWindow:
    """Why one window is odd, first as pattern ids, then with the patterns' texts.

    What stands side by side in a window may have nothing to do with each other: so it is not laid beside another one
    step by step, as sessions are.
    """

    def __init__(self, profile: Profile, sequence: Sequence[int]) -> None:
        self._sequence = sequence
        self._usual = Counter(candidates(profile, sequence)[0])
        counts, steps = profile.surprises(sequence)
        own = Counter(sequence)
        differing = {one: own[one] - self._usual[one] for one in own | self._usual if own[one] != self._usual[one]}
        self._differing = dict(sorted(differing.items(), key=lambda one: -counts.get(one[0], 0))[:MOST_PATTERNS])
        self._out_of_turn = int(np.argmax(steps)) if profile.is_order_odd(sequence) else None
        self.rarity = float(profile.rarity([sequence])[0])

    @property
    def patterns(self) -> set[int]:
        """The ids whose texts `view` needs."""
        return {*self._differing, *(self._sequence[place] for place in self._moved())}

    @property
    def place(self) -> int:
        """The entry out of turn; else the first that is one too many; else, since something is missing, the last."""
        extra = (self._first_extra(pattern) for pattern, by in self._differing.items() if by > 0)
        return next(self._moved(), min(extra, default=len(self._sequence) - 1))

    def view(self, texts: Mapping[int, str]) -> dict[str, Any]:
        """Ready for JSON: patterns with how often they are `missing` or `extra`, and the one that has `moved`."""

        def told(pattern: int, *, place: int | None, count: int) -> dict[str, Any]:
            return {"pattern_id": pattern, "pattern": texts.get(pattern), "place": place, "count": count}

        more = [(pattern, by) for pattern, by in self._differing.items() if by > 0]
        fewer = [(pattern, -by) for pattern, by in self._differing.items() if by < 0]
        return {
            "normal_sessions_as_odd": float(f"{np.exp(-self.rarity):.2g}"),
            "steps": [],
            "missing": [told(pattern, place=None, count=by) for pattern, by in fewer],
            "extra": [told(pattern, place=self._first_extra(pattern), count=by) for pattern, by in more],
            "moved": [told(self._sequence[place], place=place, count=1) for place in self._moved()],
        }

    def _first_extra(self, pattern: int) -> int:
        places = [place for place, step in enumerate(self._sequence) if step == pattern]
        return places[self._usual[pattern]]

    def _moved(self) -> Iterator[int]:
        """The place of the step that surprises, where it is not the end."""
        if self._out_of_turn is not None and self._out_of_turn < len(self._sequence):
            yield self._out_of_turn
