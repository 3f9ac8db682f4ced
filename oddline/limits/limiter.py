"""Tell of each request whether its key and its project may still make it."""

import time
from collections.abc import Callable
from dataclasses import fields
from datetime import datetime
from functools import cached_property, partial
from typing import TYPE_CHECKING, Final
from uuid import UUID

from oddline.database import Database
from oddline.limits.guesses import Guesses
from oddline.limits.model import WINDOW_S, Holder, Kind, Limits, Standing, window_of
from oddline.limits.store import read_limits
from oddline.settings import Settings

if TYPE_CHECKING:
    from oddline.limits.counter import Counter

LIMITS_KEPT_S = 60.0  # in a process; what the operator changes holds within a minute
MOST_PROJECTS = 10_000  # whose limits a process keeps
_HOLDERS: Final[tuple[Holder, ...]] = ("key", "project")


class Limiter:
    """Counts requests of keys and projects. Safe to share between threads.

    Args:
        open_counter: makes what counts, at the first request: it loads what a function that answers none never needs.
        limits_of: reads a project's limits.
        most_failures: authentications of a client address that may fail in a minute.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        open_counter: "Callable[[], Counter]",
        *,
        limits_of: Callable[[UUID], Limits],
        most_failures: int = 0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._open_counter = open_counter
        self._limits_of = limits_of
        self._clock = clock
        self._kept: dict[UUID, tuple[float, Limits]] = {}
        self.guesses = Guesses(self._count, most=most_failures)

    def limits_of(self, project: UUID) -> Limits:
        """The project's limits, at most `LIMITS_KEPT_S` old.

        Raises:
            DatabaseUnavailable: they are not known and cannot be read.
        """
        until, limits = self._kept.get(project, (float("-inf"), None))
        if limits is None or until <= self._clock():
            limits = self._limits_of(project)
            if len(self._kept) >= MOST_PROJECTS:
                self._kept.clear()
            self._kept[project] = (self._clock() + LIMITS_KEPT_S, limits)
        return limits

    def take(self, kind: Kind, *, actor: str, project: UUID, now: datetime) -> list[Standing]:
        """Count a request, which may be one too many, and tell how its actor and its project stand.

        Raises:
            DatabaseUnavailable: as `limits_of`.
        """
        limits = self.limits_of(project)
        names = {"key": actor, "project": str(project)}
        return [
            self._standing(f"{holder}-{kind}", names[holder], quota=quota, now=now)
            for holder in _HOLDERS
            if (quota := limits.rate(holder, kind))
        ]

    def _standing(self, policy: str, name: str, *, quota: int, now: datetime) -> Standing:
        window, seconds_left = window_of(name, now=now)
        used = self._count(f"{policy}:{name}:{window}", WINDOW_S)
        return Standing(policy=policy, quota=quota, used=used, resets_in_s=seconds_left)

    def _count(self, name: str, expires_s: int) -> int:
        return self._counter.add(name, expires_s=expires_s)

    @cached_property
    def _counter(self) -> "Counter":
        return self._open_counter()


def _nothing_to_count() -> "Counter":
    raise AssertionError("without limits nothing is counted")


UNLIMITED: Final = Limiter(_nothing_to_count, limits_of=lambda _: Limits())
"""Limits nobody."""


def open_limiter(settings: Settings, db: Database) -> Limiter:
    """The limiter that the process's settings describe."""
    return Limiter(
        partial(_open_counter, settings),
        limits_of=partial(_read, db, default_limits(settings)),
        most_failures=settings.limit_failures,
    )


def default_limits(settings: Settings) -> Limits:
    """What a project has that was granted nothing of its own."""
    return Limits(**{field.name: getattr(settings, f"limit_{field.name}") for field in fields(Limits)})


def _open_counter(settings: Settings) -> "Counter":
    from oddline.limits.counter import Counter

    return Counter(
        lambda: settings.with_secret().redis_url, timeout_s=settings.publish_timeout, pause_s=settings.publish_pause
    )


def _read(db: Database, defaults: Limits, project: UUID) -> Limits:
    with db.transaction(project=project) as tx:
        return read_limits(tx, project, defaults=defaults)
