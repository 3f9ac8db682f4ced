"""A stream of Redis or Valkey, read by XRANGE from an id on: the cursor is ours, and no consumer group is needed."""

from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any, Final

from pydantic import Field, StringConstraints

from oddline.errors import FeedFailed, FeedRefused
from oddline.outgoing import Outgoing, open_outgoing
from oddline.streams.model import Page
from oddline.streams.reading import ConnectionType, Given, Link, Secret, Text
from oddline.streams.records import Names, as_time, entry_of
from oddline.streams.types.answers import SHOWN_CHARACTERS
from oddline.streams.types.bounded import Allowance, BoundedSocket, TooMuch
from oddline.submissions import rfc3339

if TYPE_CHECKING:
    from redis import Redis

PORTS: Final = (6379, 6380)  # of public addresses; what else may be called the operator says
TIMEOUT_S: Final = 10.0
AT_ONCE: Final = 1_000  # entries of one answer; where these are too large, ever fewer
MOST_ANSWER_BYTES: Final = 32 * 1024 * 1024  # small values take up to sixteen times that in memory

Host = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9._:-]{1,253}$")]


class Configuration(Given):
    """Which stream of which server."""

    host: Host
    port: Annotated[int, Field(ge=1, le=65_535)] = 6379
    tls: bool = True
    database: Annotated[int, Field(ge=0, le=1_000)] = 0
    stream: Text
    names: Names = Names()


class Credentials(Given):
    """A user of the server."""

    username: Secret | None = None
    password: Secret


def place(configuration: Configuration) -> str:
    """Where it leads."""
    scheme = "rediss" if configuration.tls else "redis"
    return (
        f"{scheme}://{configuration.host}:{configuration.port}/{configuration.database} stream {configuration.stream}"
    )


def _shown_to(configuration: Configuration) -> tuple[str, ...]:
    return (f"{configuration.tls} {configuration.host.lower()}:{configuration.port}",)


def pages(link: Link) -> Iterator[Page]:
    """Pages from the `id` of the cursor on, without it."""
    from redis.exceptions import AuthenticationError, RedisError, ResponseError

    configuration: Configuration = link.configuration
    at_once = min(AT_ONCE, link.most)
    begin = f"{int(link.since.timestamp() * 1000)}-0"
    last = link.cursor.get("id")
    allowance = Allowance(MOST_ANSWER_BYTES, ends=link.ends)
    client = _open(link, allowance)
    try:
        while True:
            allowance.renew()
            try:
                found: Any = client.xrange(configuration.stream, min=f"({last}" if last else begin, count=at_once)
            except TooMuch as error:
                if at_once == 1:
                    raise FeedRefused(f"{place(configuration)}: {error}") from error
                at_once = max(1, at_once // 10)
                continue
            if found:
                last = found[-1][0].decode(errors="replace")
            yield Page(
                cursor={"id": last} if last else {},
                entries=[
                    _entry(identifier.decode(errors="replace"), fields, link) for identifier, fields in found if fields
                ],
                more=len(found) == at_once,
            )
            if len(found) < at_once:
                return
    except (AuthenticationError, ResponseError) as error:  # no such user, no right, no stream
        what = "who we are is refused" if isinstance(error, AuthenticationError) else "the request is refused"
        raise FeedRefused(f"{place(configuration)}: {what}", said=_said(error)) from error
    except RedisError as error:
        raise FeedFailed(f"{place(configuration)}: {type(error).__name__}", said=_said(error)) from error
    finally:
        client.connection_pool.disconnect()


def _open(link: Link, allowance: Allowance) -> "Redis":
    from redis import ConnectionPool, Redis

    configuration: Configuration = link.configuration
    shown: Credentials | None = link.credentials
    pool: Any = ConnectionPool(
        connection_class=_connection_class(
            tls=configuration.tls,
            outgoing=open_outgoing(link.settings, ports=PORTS, ends=link.ends),
            allowance=allowance,
        ),
        host=configuration.host,
        port=configuration.port,
        db=configuration.database,
        username=shown.username if shown else None,
        password=shown.password if shown else None,
        protocol=2,
        socket_timeout=TIMEOUT_S,
        retry=None,
    )
    return Redis(connection_pool=pool)


def _connection_class(*, tls: bool, outgoing: Outgoing, allowance: Allowance) -> type[Any]:
    """A connection of the driver's that goes to addresses that were checked alone, and reads within bounds."""
    from redis.connection import Connection, SSLConnection

    class Checked(Connection):
        def _connect(self) -> Any:
            return outgoing.connect(self.host, int(self.port))

    class CheckedTls(SSLConnection, Checked):  # TLS, above it, still checks the host's name
        pass

    base: type[Any] = CheckedTls if tls else Checked

    class Bounded(base):  # type: ignore[misc]  # one of two
        def _connect(self) -> Any:
            return BoundedSocket(super()._connect(), allowance)

    return Bounded


def _entry(identifier: str, fields: dict[bytes, bytes], link: Link) -> dict[str, Any]:
    record: dict[str, Any] = {
        name.decode(errors="replace"): value.decode(errors="replace") for name, value in fields.items()
    }
    now = link.now()
    entry = entry_of(record, names=link.configuration.names, source=link.source, now=now)
    entry["attributes"] = entry["attributes"] | {"stream": link.configuration.stream, "stream_id": identifier}
    if "timestamp" not in entry:
        with suppress(ValueError, OverflowError):  # the server's own id need be no time
            moment = as_time(int(identifier.partition("-")[0]) / 1_000, now=now)
            if moment is not None:
                entry["timestamp"] = rfc3339(moment)
    return entry


def _said(error: Exception) -> str:
    return ascii(str(error)[:SHOWN_CHARACTERS])[1:-1]


def _may_be_open(configuration: Configuration) -> bool:  # noqa: ARG001  # a server may let in everybody
    return False


TYPE: Final = ConnectionType(
    name="redis",
    configuration=Configuration,
    credentials=Credentials,
    place=place,
    pages=pages,
    shown_to=_shown_to,
    needs_credentials=_may_be_open,
)
