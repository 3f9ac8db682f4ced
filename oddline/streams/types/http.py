"""An HTTP endpoint that answers JSON, with a cursor that each answer tells and the next request bears."""

import re
from collections import Counter
from collections.abc import Iterator
from typing import Annotated, Any, Final, Literal
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit, urlunsplit

from pydantic import Field, StringConstraints, model_validator

from oddline.errors import FeedRefused
from oddline.outgoing import Answer
from oddline.streams.memory import Memory
from oddline.streams.model import Page
from oddline.streams.reading import ConnectionType, Given, Link, Secret, Text
from oddline.streams.records import Names, as_json, at_path, entry_of
from oddline.streams.types.answers import ask, read_json, server_of
from oddline.submissions import LIMITS, MOST_PART_ENTRIES

Address = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=2_000)]
Header = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9-]{1,100}$")]
# RFC 8288: an address, which may hold commas and semicolons, and what is said of it up to the next comma.
_LINK: Final = re.compile(r'<([^<>]*)>((?:[^<>",]|"[^"]*")*)')
_SAID: Final = re.compile(r';\s*([^=;\s]+)\s*=\s*(?:"([^"]*)"|([^;\s]*))')


class Cursor(Given):
    """How the endpoint is told where to go on, and where its answers say it."""

    send: Annotated[
        Literal["parameter", "header", "link"],
        Field(description="in a parameter or header `name`; link: the answer tells the next address"),
    ]
    name: Text = "cursor"
    take: Annotated[
        Literal["answer", "header", "last_entry"],
        Field(description="from a path in the answer, a header of it (for links: Link), a path in its last entry"),
    ] = "answer"
    at: Annotated[Text, Field(description="that path, or that header's name")] = "next"
    begin: Annotated[str, Field(max_length=2_000, description="the first cursor; empty sends none")] = ""


class Configuration(Given):
    """Which address, and what its answers look like."""

    url: Address
    headers: Annotated[dict[Header, Text], Field(default_factory=dict, description="that are no secret")]
    format: Literal["json", "ndjson"] = "json"
    entries: Annotated[str, Field(max_length=200, description="path of the list of entries; empty: the answer")] = ""
    identity: Annotated[str, Field(max_length=200, description="path of an entry's own id; empty: all of it")] = ""
    names: Names = Names()
    cursor: Cursor | None = None

    @model_validator(mode="after")
    def _cursor_in_answer(self) -> "Configuration":
        if self.format == "ndjson" and self.cursor and self.cursor.take == "answer":
            raise ValueError("an answer in NDJSON has no room for a cursor: take it from a header or the last entry")
        return self


class Credentials(Given):
    """Headers that let in, such as `Authorization`, or parameters of the address."""

    headers: Annotated[dict[Header, Secret], Field(default_factory=dict)]
    parameters: Annotated[dict[Text, Secret], Field(default_factory=dict)]


def place(configuration: Configuration) -> str:
    """Where it leads."""
    return configuration.url


def _shown_to(configuration: Configuration) -> tuple[str, ...]:
    return (server_of(configuration.url),)


def pages(link: Link) -> Iterator[Page]:
    """A page for each answer; the cursor is the `value` that the next request bears, and what the last one was `asked`.

    The last answer is remembered, record by record: asked the same once more, as where it told no new cursor, it brings
    what is new in it. Behind a new cursor everything is new, but for what bears the same identity.
    """
    configuration: Configuration = link.configuration
    value = link.cursor.get("value", configuration.cursor.begin if configuration.cursor else "")
    asked, known = link.cursor.get("asked"), link.memory
    while True:
        answer = _ask(link, value)
        records = _records(answer, configuration)
        if len(records) > MOST_PART_ENTRIES:
            raise FeedRefused(
                f"{configuration.url}: {len(records)} entries; at most {MOST_PART_ENTRIES} are taken at once"
            )
        identities = _identities(records, configuration)
        known = known if configuration.identity or value == asked else Memory()
        new = [record for record, one in zip(records, identities, strict=True) if known.take(one)]
        answered = Memory()
        for one in identities:
            answered.take(one)
        hashes, known = answered.new_hashes(), answered if records else known
        asked = value if records else asked
        following = _following(answer, records, configuration, asked=value)
        is_last = following is None or following == value or not records
        value = value if following is None else following
        now = link.now()
        yield Page(
            cursor={"value": value, "asked": asked},
            entries=[entry_of(record, names=configuration.names, source=link.source, now=now) for record in new],
            hashes=hashes,
            latest=now,
            forget_before=now if records else None,
            more=not is_last,
        )
        if is_last:
            return


def _ask(link: Link, value: str) -> Answer:
    configuration: Configuration = link.configuration
    headers = dict(configuration.headers) | (dict(link.credentials.headers) if link.credentials else {})
    url = configuration.url
    if value and configuration.cursor:
        match configuration.cursor.send:
            case "parameter":
                url = _with_parameter(url, configuration.cursor.name, value)
            case "header":
                headers[configuration.cursor.name] = value
            case "link":
                url = value
    for name, secret in link.credentials.parameters.items() if link.credentials else ():
        url = _with_parameter(url, name, secret)
    return ask(link.outgoing, "GET", url, what=configuration.url, headers=headers)


def _records(answer: Answer, configuration: Configuration) -> list[Any]:
    what = configuration.url
    if configuration.format == "ndjson":
        return _lines(answer.body, what=what)
    if not answer.body:  # as in 204
        return []
    read = read_json(answer.body, what=what)
    records = at_path(read, configuration.entries) if configuration.entries else read
    if records is None and configuration.entries:
        return []
    if not isinstance(records, list):
        raise FeedRefused(f"{what}: there is no list of entries at {configuration.entries or 'the top'!r}")
    return records


def _lines(body: bytes, *, what: str) -> list[Any]:
    """What stands in each line; one that is no JSON stands for itself, unless no line is any."""
    # Counted before any is read: values take many times the memory of their text.
    if body.count(b"\n") + body.count(b"\r") > 2 * MOST_PART_ENTRIES:
        raise FeedRefused(f"{what}: at most {MOST_PART_ENTRIES} entries are taken at once")
    if body.count(b",") + body.count(b"[") + body.count(b"{") > LIMITS.values:
        raise FeedRefused(f"{what}: at most {LIMITS.values} values are taken at once")
    records: list[Any] = []
    fault: FeedRefused | None = None
    is_any_read = False
    for line in body.splitlines():
        if not line.strip():
            continue
        try:
            records.append(read_json(line, what=what))
            is_any_read = True
        except FeedRefused as error:
            records.append(line.decode(errors="replace"))
            fault = error
    if fault is not None and not is_any_read:
        raise fault
    return records


def _identities(records: list[Any], configuration: Configuration) -> list[str]:
    """What each is known by: its own id, else all of it; equal ones without an id are as many as there are."""
    seen: Counter[str] = Counter()
    identities = []
    for record in records:
        own = at_path(record, configuration.identity) if configuration.identity else None
        if own is not None:
            identities.append(as_json(own))
            continue
        whole = as_json(record)
        seen[whole] += 1
        identities.append(f"{whole}\n{seen[whole]}")
    return identities


def _following(answer: Answer, records: list[Any], configuration: Configuration, *, asked: str) -> str | None:
    cursor = configuration.cursor
    if cursor is None:
        return None
    match cursor.take:
        case "answer":
            found = at_path(read_json(answer.body, what=configuration.url), cursor.at) if answer.body else None
        case "header":
            told = answer.headers.get(cursor.at.lower())
            found = _next_link(told) if cursor.send == "link" and told else told
        case "last_entry":
            found = at_path(records[-1], cursor.at) if records else None
    if found is None or found == "" or isinstance(found, dict | list):
        return None
    if cursor.send == "link":
        return _same_server(urljoin(asked or configuration.url, str(found)), configuration)
    return str(found)


def _next_link(header: str) -> str | None:
    for address, parameters in _LINK.findall(header):
        for name, quoted, plain in _SAID.findall(parameters):
            if name.lower() == "rel" and "next" in (quoted or plain).lower().split():
                return str(address)
    return None


def _same_server(url: str, configuration: Configuration) -> str:
    """A next address leads nowhere else: it is asked with what lets us in at this one."""
    if urlsplit(url)[:2] != urlsplit(configuration.url)[:2]:
        raise FeedRefused(f"{configuration.url}: its next address is of another server")
    return url


def _with_parameter(url: str, name: str, value: str) -> str:
    parts = urlsplit(url)
    given = [pair for pair in parse_qsl(parts.query, keep_blank_values=True) if pair[0] != name]
    return urlunsplit(parts._replace(query=urlencode([*given, (name, value)])))


def _may_be_open(configuration: Configuration) -> bool:  # noqa: ARG001  # an address may be open to all
    return False


TYPE: Final = ConnectionType(
    name="http",
    configuration=Configuration,
    credentials=Credentials,
    place=place,
    pages=pages,
    shown_to=_shown_to,
    needs_credentials=_may_be_open,
)
