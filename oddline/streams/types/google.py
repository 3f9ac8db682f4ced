"""Google Cloud Logging, by its REST API: entries.list, as a service account.

Written from "Method: entries.list" and "Using OAuth 2.0 for Server to Server Applications" of Google's documentation.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Annotated, Any, Final

from pydantic import ConfigDict, Field, StringConstraints

from oddline.errors import FeedRefused
from oddline.streams.model import Page
from oddline.streams.reading import ConnectionType, Given, Link, Text
from oddline.streams.records import as_json, as_time
from oddline.streams.types.answers import post_json, take_token
from oddline.streams.windows import Found, LookBack, read_windows
from oddline.submissions import SEVERITY_NUMBERS, rfc3339, storable_entry

SCOPE: Final = "https://www.googleapis.com/auth/logging.read"
GRANT: Final = "urn:ietf:params:oauth:grant-type:jwt-bearer"
ASSERTED_FOR: Final = timedelta(minutes=10)  # an hour is Google's most
PAGE: Final = 1_000  # Google's most
_ATTRIBUTES: Final = ("insertId", "logName", "labels", "resource", "httpRequest", "operation", "sourceLocation")

Resource = Annotated[
    str, StringConstraints(pattern=r"^(projects|organizations|folders|billingAccounts)/[A-Za-z0-9:._/-]{1,200}$")
]
Endpoint = Annotated[str, StringConstraints(pattern=r"^https?://[^\s@]+$", max_length=500)]


class Configuration(Given):
    """Which entries of which project."""

    resource: Annotated[Resource, Field(description="as in projects/my-project")]
    filter: Annotated[str, Field(max_length=15_000, description="in Google's own language; empty takes all")] = ""
    look_back_s: LookBack = 900
    endpoint: Endpoint = "https://logging.googleapis.com"


class Credentials(Given):
    """A service account's key as the file has it that Google gives; what else stands there is ignored."""

    model_config = ConfigDict(frozen=True, extra="ignore", hide_input_in_errors=True)

    client_email: Text
    private_key: Text
    private_key_id: Text | None = None
    token_uri: Endpoint = "https://oauth2.googleapis.com/token"  # noqa: S105  # an address


def place(configuration: Configuration) -> str:
    """Where it leads."""
    return f"{configuration.resource} at {configuration.endpoint}"


def _shown_to(configuration: Configuration) -> tuple[str, ...]:
    return (configuration.endpoint,)


def pages(link: Link) -> Iterator[Page]:
    """See `ConnectionType.pages`."""
    configuration: Configuration = link.configuration
    what = place(configuration)
    token = _token(link)

    def fetch(start: datetime, until: datetime | None, page: Any) -> tuple[list[Found], Any]:
        conditions = [f'timestamp >= "{rfc3339(start)}"']
        if until is not None:
            conditions.append(f'timestamp <= "{rfc3339(until)}"')
        if configuration.filter:
            conditions.append(f"({configuration.filter})")
        asked: dict[str, Any] = {
            "resourceNames": [configuration.resource],
            "filter": " AND ".join(conditions),
            "orderBy": "timestamp asc",
            "pageSize": min(PAGE, link.most),
        }
        if page:
            asked["pageToken"] = page
        url = f"{configuration.endpoint}/v2/entries:list"
        answer = post_json(link.outgoing, url, asked, what=what, token=token)
        return [_found(one, link) for one in answer.get("entries", []) if isinstance(one, dict)], answer.get(
            "nextPageToken"
        ) or None

    yield from read_windows(link, fetch, look_back=timedelta(seconds=configuration.look_back_s))


def _token(link: Link) -> str:
    import jwt

    shown: Credentials = link.credentials
    now = link.now()
    claims = {
        "iss": shown.client_email,
        "scope": SCOPE,
        "aud": shown.token_uri,
        "iat": now,
        "exp": now + ASSERTED_FOR,
    }
    headers = {"kid": shown.private_key_id} if shown.private_key_id else None
    try:
        assertion = jwt.encode(claims, shown.private_key, algorithm="RS256", headers=headers)
    except (ValueError, TypeError, jwt.PyJWTError):  # whose words may quote the key
        raise FeedRefused("the service account's private_key is no RSA key in PEM") from None
    return take_token(
        link.outgoing, shown.token_uri, {"grant_type": GRANT, "assertion": assertion}, what=shown.token_uri
    )


def _found(one: dict[str, Any], link: Link) -> Found:
    now = link.now()
    at = as_time(one.get("timestamp"), now=now) or as_time(one.get("receiveTimestamp"), now=now) or now
    attributes = {name: one[name] for name in _ATTRIBUTES if one.get(name)}
    payload = one.get("jsonPayload") or one.get("protoPayload")
    message = one.get("textPayload")
    if message is None and isinstance(payload, dict):
        message = payload.get("message")
        attributes["payload"] = payload
    if not isinstance(message, str) or not message.strip():
        message, attributes = as_json(payload or one), {n: v for n, v in attributes.items() if n != "payload"}
    severity = str(one.get("severity", ""))
    more = {"severity": severity} if severity in SEVERITY_NUMBERS else {}
    entry = storable_entry(message, source=link.source, timestamp=rfc3339(at), attributes=attributes, **more)
    # Google: entries of one log with the same time and insertId are the same one.
    return Found(f"{one.get('logName')}\n{one.get('timestamp')}\n{one.get('insertId') or as_json(one)}", at, entry)


TYPE: Final = ConnectionType(
    name="google",
    configuration=Configuration,
    credentials=Credentials,
    place=place,
    pages=pages,
    shown_to=_shown_to,
)
