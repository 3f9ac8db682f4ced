"""Look into the queues' messages on Redis, and throw them away."""

from collections.abc import Iterator
from contextlib import contextmanager

from redis import Redis
from redis.exceptions import RedisError

from oddline.errors import NotConfigured, Unavailable
from oddline.tasks import Queue

TIMEOUT_S = 2.0


def count_messages(redis_url: str) -> dict[Queue, int]:
    """How many messages wait in each queue; what a worker has taken and not yet done does not count.

    Raises:
        Unavailable: Redis does not answer.
        NotConfigured: there is none.
    """
    with _connected(redis_url) as redis:
        pipeline = redis.pipeline()
        for queue in Queue:
            pipeline.llen(str(queue))
        return dict(zip(Queue, pipeline.execute(), strict=True))


def drop_messages(redis_url: str, queue: Queue) -> int:
    """Delete the messages of a queue that is held; returns how many there were. Raises as `count_messages`.

    Its work stays in the ledger, and is published again once the queue is released. Without the hold `reconcile` would
    do so within a minute.
    """
    with _connected(redis_url) as redis:
        pipeline = redis.pipeline()  # both at one moment
        pipeline.llen(str(queue))
        pipeline.delete(str(queue))
        return int(pipeline.execute()[0])


@contextmanager
def _connected(redis_url: str) -> Iterator[Redis]:
    if not redis_url:
        raise NotConfigured("ODDLINE_REDIS_URL is not set")
    try:
        with Redis.from_url(redis_url, socket_connect_timeout=TIMEOUT_S, socket_timeout=TIMEOUT_S) as redis:
            yield redis
    except RedisError as error:
        raise Unavailable(f"Redis does not answer ({type(error).__name__})") from error
