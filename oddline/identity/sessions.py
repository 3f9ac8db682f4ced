"""Sessions: what a browser keeps in place of the API key that it signed in with."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

from oddline.database import Database
from oddline.encryption import Cipher
from oddline.errors import Forbidden, Unauthenticated
from oddline.identity import store
from oddline.identity.issuer import LEEWAY
from oddline.identity.model import Caller
from oddline.identity.service import caller_by_key

ISSUER = "oddline"  # an OIDC issuer is a URL, so that none can be called so
TYPE = "oddline-session+jwt"  # RFC 8725, 3.11: no token of one kind can be taken for one of another
ALGORITHM = "HS256"
LIFETIME = timedelta(hours=1)
LONGEST = timedelta(hours=12)  # with all renewals: a working day
_PURPOSE = b"oddline sessions v1"


@dataclass(frozen=True, slots=True)
class Session:
    """A token of ours, and when it ends; nothing of it is stored."""

    token: str
    expires_at: datetime


def is_session(token: str) -> bool:
    """Whether a token says that it is one of ours; that it is remains to be verified."""
    import jwt

    try:
        return jwt.get_unverified_header(token).get("typ") == TYPE
    except jwt.PyJWTError:
        return False


def begin_session(caller: Caller, *, cipher: Cipher, now: datetime, renewed: str | None = None) -> Session:
    """A session of the caller's API key; it ends with the key.

    Args:
        renewed: the session that this one follows: 12 hours after the first the key itself is asked for again.

    Raises:
        Forbidden: the caller is a person, whose issuer gives them tokens.
        Unauthenticated: the session has been renewed for long enough.
        NotConfigured: ODDLINE_ENCRYPTION_KEYS is not set.
    """
    import jwt

    if caller.kind != "key":
        raise Forbidden("a session is begun with an API key; people sign in at their issuer")
    keys = cipher.derived(_PURPOSE)
    begun = _verified(renewed, keys=keys)["begun"] if renewed else int(now.timestamp())
    ends = min(now + LIFETIME, datetime.fromtimestamp(begun, tz=now.tzinfo) + LONGEST).replace(microsecond=0)
    if ends <= now:
        raise Unauthenticated("the session is over: sign in again with the API key")
    claims = {"iss": ISSUER, "aud": ISSUER, "sub": str(caller.id), "iat": now, "exp": ends, "begun": begun}
    return Session(token=jwt.encode(claims, keys[0], ALGORITHM, headers={"typ": TYPE}), expires_at=ends)


def authenticate_session(db: Database, token: str, *, cipher: Cipher, now: datetime) -> Caller:
    """Who has this session: the key that began it, with what that may do now.

    Raises:
        Unauthenticated: the session is over or none of ours, or its key was revoked, has expired or is deleted.
        NotConfigured: ODDLINE_ENCRYPTION_KEYS is not set.
    """
    key_id = UUID(_verified(token, keys=cipher.derived(_PURPOSE))["sub"])
    with db.transaction() as tx:
        found = store.find_session_key(tx, key_id, now=now)
    if found is None:
        raise Unauthenticated("the API key of the session is gone")
    key_id, project, scopes, expires_at, revoked_at = found
    return caller_by_key(key_id, project, scopes=scopes, expires_at=expires_at, revoked_at=revoked_at, now=now)


def _verified(token: str, *, keys: Sequence[bytes]) -> dict[str, Any]:
    import jwt

    for key in keys:
        try:
            return jwt.decode(
                token,
                key,
                algorithms=[ALGORITHM],
                audience=ISSUER,
                issuer=ISSUER,
                leeway=LEEWAY,
                options={"require": ["iss", "aud", "sub", "exp", "iat", "begun"]},
            )
        except jwt.InvalidSignatureError:
            continue  # another key of ours may have signed it, while they are being changed
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the session is not valid: {error}") from error
    raise Unauthenticated("the session is none of ours")
