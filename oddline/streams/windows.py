"""Read a feed that is asked by time, without missing what comes late: the edge is read again, and known ones skipped.

A turn reads from a moment on, page by page. Most turns begin a minute before the edge, which is the time of the last
entry that was seen; every quarter of the look-back one begins a whole look-back before the edge of the last such turn.
So whatever comes in at most one look-back after its own time is found. History is read in spans of an hour, so that no
turn has more to remember than that; but a turn that begins a look-back before the edge goes to the edge at least, since
the next one begins there.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import Field

from oddline.streams.model import Page
from oddline.streams.reading import Link

OVERLAP: Final = timedelta(seconds=60)  # of turns in between: entries of one moment come in any order
SPAN: Final = timedelta(hours=1)
TOKENS_LIVE: Final = timedelta(minutes=30)  # those of CloudWatch Logs and Google live longer
WIDE_TURNS: Final = 4  # in a look-back

LookBack = Annotated[int, Field(ge=60, le=86_400, description="seconds by which entries may come late")]


@dataclass(frozen=True, slots=True)
class Found:
    """An entry with what it is known by, and its time."""

    identity: str
    at: datetime
    entry: dict[str, Any]


Fetch = Callable[[datetime, datetime | None, Any], tuple[list[Found], Any]]
"""(from, until, token) → what is there behind the token, and the token of the rest; None where nothing is left."""


@dataclass(frozen=True, slots=True)
class _Turn:
    """A turn under way; `token` is where it has got to, `highest` the latest time that it has seen."""

    began: datetime
    start: datetime
    until: datetime | None
    is_wide: bool
    token: Any = None
    highest: datetime | None = None


def read_windows(link: Link, fetch: Fetch, *, look_back: timedelta) -> Iterator[Page]:
    """The pages of a feed from the link's cursor on; raises what `fetch` raises."""
    cursor = dict(link.cursor)
    while True:
        turn = _resumed(cursor, now=link.now()) or _begun(cursor, since=link.since, look_back=look_back, now=link.now())
        found, token = fetch(turn.start, turn.until, turn.token)
        new = [one for one in found if one.at >= link.since and link.memory.take(one.identity)]
        times = [one.at for one in found] + ([turn.highest] if turn.highest else [])
        turn = replace(turn, token=token, highest=max(times, default=None))
        forget_before = None
        if token is not None:
            cursor = cursor | {"turn": _written(turn)}
        else:
            cursor = _ended(cursor, turn)
            forget_before = _time(cursor["wide"]) - look_back
        is_last = token is None and turn.until is None
        yield Page(
            cursor=cursor,
            entries=[one.entry for one in new],
            hashes=link.memory.new_hashes(),
            latest=max((one.at for one in new), default=None),
            forget_before=forget_before,
            more=not is_last,
        )
        if is_last:
            return


def _begun(cursor: Mapping[str, Any], *, since: datetime, look_back: timedelta, now: datetime) -> _Turn:
    if "edge" not in cursor:
        start, is_wide = since, True
    else:
        is_wide = now - _time(cursor["wide_at"]) >= look_back / WIDE_TURNS
        start = _time(cursor["wide"]) - look_back if is_wide else _time(cursor["edge"]) - OVERLAP
    start = max(start, since)
    until = start + SPAN
    if is_wide and "edge" in cursor:
        until = max(until, _time(cursor["edge"]))
    until += OVERLAP
    return _Turn(began=now, start=start, until=until if until <= now - look_back else None, is_wide=is_wide)


def _ended(cursor: Mapping[str, Any], turn: _Turn) -> dict[str, Any]:
    """The cursor behind a turn. Clocks elsewhere must not move the edge beyond now, nor before the turn's start."""
    seen = turn.until or min(max(turn.highest or turn.start, turn.start), turn.began)
    edge = max(seen, _time(cursor["edge"])) if "edge" in cursor else seen
    if turn.is_wide or turn.until is not None:  # what is older than a look-back comes no more
        return {"edge": edge.isoformat(), "wide": edge.isoformat(), "wide_at": turn.began.isoformat()}
    return {"edge": edge.isoformat(), "wide": cursor["wide"], "wide_at": cursor["wide_at"]}


def _resumed(cursor: Mapping[str, Any], *, now: datetime) -> _Turn | None:
    if "turn" not in cursor:
        return None
    kept = cursor["turn"]
    turn = _Turn(
        began=_time(kept["began"]),
        start=_time(kept["start"]),
        until=kept["until"] and _time(kept["until"]),
        is_wide=kept["is_wide"],
        token=kept["token"],
        highest=kept["highest"] and _time(kept["highest"]),
    )
    # Once more from its beginning, where the token is no good any more: what was taken is known.
    return turn if now - turn.began < TOKENS_LIVE else replace(turn, token=None, began=now)


def _written(turn: _Turn) -> dict[str, Any]:
    return {
        "began": turn.began.isoformat(),
        "start": turn.start.isoformat(),
        "until": turn.until and turn.until.isoformat(),
        "is_wide": turn.is_wide,
        "token": turn.token,
        "highest": turn.highest and turn.highest.isoformat(),
    }


def _time(text: str) -> datetime:
    return datetime.fromisoformat(text)
