"""The way to Redis, loaded where something is published: it takes a third of the import of a function that never is."""

import ssl
from typing import Any

from kombu import Connection, Producer
from kombu.exceptions import OperationalError
from kombu.transport import redis as redis_transport
from redis.backoff import NoBackoff
from redis.exceptions import RedisError
from redis.retry import Retry

UNREACHABLE = (OperationalError, RedisError, OSError)


class _OneTryChannel(redis_transport.Channel):  # type: ignore[misc]  # kombu has no type information
    """A channel that leaves trying again to `reconcile`: redis-py by itself would try three times more."""

    def _connparams(self, asynchronous: bool = False) -> dict[str, Any]:
        parameters: dict[str, Any] = super()._connparams(asynchronous)
        return parameters | {"retry": Retry(NoBackoff(), 0)}

    def count(self, queue: str) -> int:
        """How many messages wait in a queue; what a worker has taken does not count."""
        return int(self._size(queue))


class _OneTryTransport(redis_transport.Transport):  # type: ignore[misc]  # kombu has no type information
    Channel = _OneTryChannel


def tls_of(url: str) -> dict[str, ssl.VerifyMode] | None:
    """How to speak TLS to a broker at `rediss://`, None at `redis://`: by itself kombu verifies nothing."""
    return {"ssl_cert_reqs": ssl.CERT_REQUIRED} if url.startswith("rediss://") else None


def open_producer(url: str, *, timeout_s: float) -> Producer:
    """A producer of messages, which takes `timeout_s` seconds for connecting and for writing at most."""
    timeouts = {"socket_connect_timeout": timeout_s, "socket_timeout": timeout_s}
    connection = Connection(url, transport=_OneTryTransport, transport_options=timeouts, ssl=tls_of(url))
    # The transport's own channel: Connection.channel() would try to connect again and again.
    return Producer(connection.transport.create_channel(connection.transport))
