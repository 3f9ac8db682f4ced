"""A feed that is asked by time, in which anything comes late and nothing for hours: each entry is taken once."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import pytest

from oddline.ids import new_id
from oddline.streams.memory import Memory
from oddline.streams.model import Page
from oddline.streams.reading import Link
from oddline.streams.windows import Found, read_windows

NOON = datetime.fromisoformat("2026-11-05T12:00:00Z")
PAGE = 7


@dataclass
class Feed:
    """Entries with the moment at which each can be seen, and what a connection keeps from poll to poll."""

    look_back: timedelta
    entries: Sequence[tuple[datetime, Found]]
    cursor: Any = field(default_factory=dict)
    memories: list[tuple[datetime, bytes]] = field(default_factory=list)
    taken: list[str] = field(default_factory=list)

    def poll(self, now: datetime) -> None:
        seen = sorted((one for seen_at, one in self.entries if seen_at <= now), key=lambda one: one.at)

        def fetch(start: datetime, until: datetime | None, token: Any) -> tuple[list[Found], Any]:
            wanted = [one for one in seen if one.at >= start and (until is None or one.at < until)]
            end = (token or 0) + PAGE
            return wanted[token or 0 : end], end if end < len(wanted) else None

        link = Link(
            project=new_id(),
            source="feed",
            configuration=None,
            credentials=None,
            cursor=self.cursor,
            since=NOON,
            memory=Memory(b"".join(hashes for _, hashes in self.memories)),
            outgoing=None,  # type: ignore[arg-type]  # nothing is called
            ends=None,
            settings=None,  # type: ignore[arg-type]
            most=PAGE,
            is_operators=False,
            now=lambda: now,
        )
        for page in read_windows(link, fetch, look_back=self.look_back):
            self._keep(page)

    def _keep(self, page: Page) -> None:
        self.cursor = page.cursor
        self.taken += [entry["message"] for entry in page.entries]
        if page.latest is not None:
            self.memories.append((page.latest, page.hashes))
        if page.forget_before is not None:
            self.memories = [one for one in self.memories if one[0] >= page.forget_before]


@pytest.mark.parametrize("hours", [0.25, 6, 24])
@pytest.mark.parametrize("seed", range(8))
def test_whatever_comes_within_a_look_back_after_its_time_is_taken_once(hours: float, seed: int) -> None:
    chance = random.Random(seed)
    look_back = timedelta(hours=hours)
    end = NOON + 8 * look_back
    entries = []
    for number in range(60):
        at = NOON + 8 * look_back * chance.random() * chance.choice([0.3, 1])  # dense, then hardly any
        late = look_back * chance.choice([0, 0, 0.5, chance.random(), 1])
        entries.append((at + late, Found(str(number), at, {"message": str(number)})))
    feed = Feed(look_back, entries)

    now = NOON
    while now < end + look_back:
        now += look_back * chance.choice([0.02, 0.02, 0.02, 0.1, 0.1, 1.5])
        feed.poll(now)

    assert sorted(feed.taken, key=int) == [str(number) for number in range(60)]
