"""Ask an API over HTTP and read its answer as JSON; what it refuses is told apart from what it cannot do now."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any, Final

import orjson

from oddline.errors import BadRequest, FeedFailed, FeedRefused, TooLarge
from oddline.outgoing import Answer, Outgoing
from oddline.submissions import decode_lenient

MOST_BYTES: Final = 32 * 1024 * 1024  # of an answer: a page of 10,000 entries of 3 KB each
SHOWN_CHARACTERS: Final = 200  # of an answer that says why not
_PASSING: Final = {HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_EARLY, HTTPStatus.TOO_MANY_REQUESTS}


def ask(
    outgoing: Outgoing,
    method: str,
    url: str,
    *,
    what: str,
    headers: Mapping[str, str] | None = None,
    content: bytes = b"",
) -> Answer:
    """The answer, where it is one of success.

    Args:
        what: is asked, in words, for the error.

    Raises:
        FeedRefused: the answer is a redirect, or says that the fault is ours.
        FeedFailed: it says that the fault will pass. What the answer says is `said` in the `extra` of either: it may
            hold what was sent, so it is for those alone who set the credentials.
        OutgoingRefused, OutgoingFailed: there is none.
    """
    answer = outgoing.request(method, url, headers=headers, content=content, most_bytes=MOST_BYTES)
    if HTTPStatus.OK <= answer.status < HTTPStatus.MULTIPLE_CHOICES:
        return answer
    is_passing = answer.status >= HTTPStatus.INTERNAL_SERVER_ERROR or answer.status in _PASSING
    kind = FeedFailed if is_passing else FeedRefused
    said = ascii(answer.body[:SHOWN_CHARACTERS].decode(errors="replace"))[1:-1]
    raise kind(f"{what}: {answer.status}", said=said)


def as_object(answer: Answer, *, what: str) -> dict[str, Any]:
    """The answer's body, which is a JSON object.

    Raises:
        FeedRefused: it is none.
    """
    read = read_json(answer.body, what=what)
    if not isinstance(read, dict):
        raise FeedRefused(f"{what}: the answer is no JSON object")
    return read


def read_json(text: bytes, *, what: str) -> Any:
    """A JSON value, in which what is no character stands as a lone surrogate; raises as `as_object`."""
    try:
        return decode_lenient(text)
    except (BadRequest, TooLarge) as error:
        raise FeedRefused(f"{what}: the answer cannot be read: {error.detail}") from None


def post_json(outgoing: Outgoing, url: str, body: Mapping[str, Any], *, what: str, token: str) -> dict[str, Any]:
    """What an API answers to a JSON object, asked with a bearer token; raises as `ask`."""
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    return as_object(ask(outgoing, "POST", url, what=what, headers=headers, content=orjson.dumps(body)), what=what)


def server_of(url: str) -> str:
    """Scheme, host and port of an address; as it stands, where these cannot be told."""
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    try:
        port = parts.port or {"http": 80, "https": 443}.get(parts.scheme)
    except ValueError:
        return url
    return f"{parts.scheme}://{parts.hostname}:{port}"


def take_token(outgoing: Outgoing, url: str, form: Mapping[str, str], *, what: str) -> str:
    """The access token that a token endpoint gives (RFC 6749, 4.4 and RFC 7523, 2.1); raises as `ask`."""
    from urllib.parse import urlencode

    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = ask(outgoing, "POST", url, what=what, headers=headers, content=urlencode(form).encode())
    token = as_object(answer, what=what).get("access_token")
    if not isinstance(token, str) or not token:
        raise FeedRefused(f"{what}: the answer holds no access_token")
    return token
