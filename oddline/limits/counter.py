"""Count in Redis, for all processes together; where it does not answer, in this process, and never wait long for it."""

import logging
import time
from collections.abc import Callable

from limits.storage import MemoryStorage, RedisStorage
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

from oddline.errors import NotConfigured, SecretUnavailable

log = logging.getLogger(__name__)

PREFIX = "oddline"


class Counter:
    """Counts what is done under a name. Safe to share between threads.

    Without Redis each process counts for itself, so that all of them together let through more than they should, and
    nobody is refused for it. After a failure Redis is not tried for `pause_s` seconds.

    Args:
        redis_url: tells the server, asked again for each connection; empty for none.
        timeout_s: seconds for connecting and for an answer.
        clock: monotonic seconds.
    """

    def __init__(
        self,
        redis_url: Callable[[], str],
        *,
        timeout_s: float = 0.2,
        pause_s: float = 5.0,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._url = redis_url
        self._timeout_s = timeout_s
        self._pause_s = pause_s
        self._clock = clock
        self._closed_until = float("-inf")
        self._shared: RedisStorage | None = None
        self._own = MemoryStorage()

    def add(self, name: str, *, expires_s: int) -> int:
        """Count one more of that name; returns how many it makes. `expires_s` after the first it begins anew."""
        if self._clock() >= self._closed_until:
            try:
                if shared := self._connected():
                    return shared.incr(name, expires_s)
            except (RedisError, OSError, SecretUnavailable, NotConfigured) as error:
                # Once in `pause_s` at the most. Its kind alone: what it says may quote the address with its password.
                log.warning("limits are counted in this process alone: %s", type(error).__name__)
                self._shared = None
                self._closed_until = self._clock() + self._pause_s
        return self._own.incr(name, expires_s)

    def _connected(self) -> RedisStorage | None:
        if self._shared is None and (url := self._url()):
            self._shared = RedisStorage(
                url,
                key_prefix=PREFIX,
                socket_connect_timeout=self._timeout_s,
                socket_timeout=self._timeout_s,
                retry=Retry(NoBackoff(), 0),  # type: ignore[arg-type]  # handed on to redis-py, which takes it
            )
        return self._shared
