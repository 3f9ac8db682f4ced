"""Check that who sent a request holds the secret: Standard Webhooks, and the header of earlier systems."""

import base64
import binascii
import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime, timedelta

from oddline.errors import Unauthenticated

TOLERANCE = timedelta(minutes=5)  # Standard Webhooks' own advice: clocks differ, replays are stopped by the id
SECRET_MARK = "whsec_"  # noqa: S105  # what every secret begins with
VERSION = "v1"  # symmetric: HMAC-SHA256
_LONGEST_TIMESTAMP = 12  # digits: until the year 33658


def verify_webhook(
    body: bytes, *, message_id: str, timestamp: str, signatures: str, secrets: Sequence[str], now: datetime
) -> None:
    """Check a Standard Webhooks signature (standardwebhooks.com, "Signature scheme").

    Args:
        body: as it came over the wire.
        message_id: the header `webhook-id`.
        timestamp: the header `webhook-timestamp`, seconds since 1970.
        signatures: the header `webhook-signature`: `v1,<base64>`, several with spaces between.
        secrets: `whsec_…`; any of them may have signed, so that a secret can be changed without a gap.
        now: the time of arrival.

    Raises:
        Unauthenticated: a header is missing or malformed, no signature fits, or the time is over 5 minutes off.
    """
    headers = {"webhook-id": message_id, "webhook-timestamp": timestamp, "webhook-signature": signatures}
    if missing := [name for name, value in headers.items() if not value]:
        raise Unauthenticated(f"a signed request needs the header {missing[0]}", field=missing[0])
    if not (timestamp.isascii() and timestamp.isdigit() and len(timestamp) <= _LONGEST_TIMESTAMP):
        raise Unauthenticated("webhook-timestamp must be seconds since 1970", field="webhook-timestamp")
    if abs(int(timestamp) - now.timestamp()) > TOLERANCE.total_seconds():
        raise Unauthenticated("webhook-timestamp is more than 5 minutes off", field="webhook-timestamp")

    presented = [
        value for version, _, value in (one.partition(",") for one in signatures.split()) if version == VERSION
    ]
    expected = [sign_webhook(body, message_id=message_id, timestamp=timestamp, secret=secret) for secret in secrets]
    # Every pair is compared, so that the time taken tells nothing.
    fits = [_same(f"{VERSION},{one}", other) for one in presented for other in expected]
    if not any(fits):
        raise Unauthenticated("webhook-signature does not fit the body and the key's secret", field="webhook-signature")


def sign_webhook(body: bytes, *, message_id: str, timestamp: str, secret: str) -> str:
    """The value of `webhook-signature` for a message: `v1,<base64>`.

    Raises:
        ValueError: the secret is not `whsec_` and base64.
    """
    try:
        key = base64.b64decode(secret.removeprefix(SECRET_MARK), validate=True)
    except binascii.Error as error:
        raise ValueError(f"a signing secret is {SECRET_MARK} and base64: {error}") from error
    signed = f"{message_id}.{timestamp}.".encode() + body
    return f"{VERSION},{base64.b64encode(hmac.digest(key, signed, hashlib.sha256)).decode()}"


def verify_older(body: bytes, *, signature: str, secret: str) -> None:
    """Check an `X-HMAC-Signature`: hex HMAC-SHA256 of the body. It bears no time, so a replay cannot be told.

    Raises:
        Unauthenticated: it does not fit, or no secret is configured to check it with.
    """
    if not secret:
        raise Unauthenticated(
            "X-HMAC-Signature is not taken here: ODDLINE_HMAC_SECRET is not set", field="X-HMAC-Signature"
        )
    if not _same(signature.strip().lower(), hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()):
        raise Unauthenticated("X-HMAC-Signature does not fit the body", field="X-HMAC-Signature")


def _same(one: str, other: str) -> bool:
    """Compare in a time that does not depend on where they differ; as bytes, since it refuses non-ASCII strings."""
    return hmac.compare_digest(one.encode("utf-8", "surrogateescape"), other.encode())
