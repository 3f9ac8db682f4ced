"""Verify the tokens of an OpenID Connect issuer, with its public keys as it publishes them."""

import json
import logging
import threading
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from oddline.errors import IssuerUnavailable, OutgoingFailed, OutgoingRefused, Unauthenticated

if TYPE_CHECKING:
    from oddline.outgoing import Outgoing

log = logging.getLogger(__name__)

KEYS_FRESH = timedelta(minutes=10)  # how long a key that the issuer has withdrawn may still be taken
KEYS_KEPT = timedelta(hours=24)  # the same while the issuer is away
FETCH_INTERVAL = timedelta(seconds=30)  # between two tries, so that made-up key ids are no load on the issuer
FETCH_TIMEOUT_S = 3.0  # of one document: who calls waits for two of them at most
LEEWAY = timedelta(seconds=30)  # by which its clock and ours may differ
CLAIMS = ["iss", "aud", "sub", "exp", "iat"]

Fetch = Callable[[str], Any]
"""Gets a JSON document from a URL; raises IssuerUnavailable."""


def fetching_from(issuer: str, *, allowed: str = "") -> Fetch:
    """What fetches JSON documents for an issuer by the guarded client.

    The issuer's host is the operator's own setting, and may have any address and port. It says itself where its keys
    are: that leads to its own host, to a public address or to what `allowed`, as `ODDLINE_OUTGOING_ALLOWED`, adds.
    """

    @cache
    def client() -> "Outgoing":
        from oddline.outgoing import Allowed, Outgoing

        host = urlsplit(issuer).hostname or ""
        own = f"[{host}]:*" if ":" in host else f"{host}:*"
        return Outgoing(Allowed(f"{allowed},{own}"), total_s=FETCH_TIMEOUT_S)

    def fetch(url: str) -> Any:
        try:
            answer = client().request("GET", url, headers={"Accept": "application/json"})
            if answer.status != HTTPStatus.OK:
                raise IssuerUnavailable(f"a document of the issuer cannot be had: it answers with {answer.status}")
            return json.loads(answer.body)
        except (OutgoingRefused, OutgoingFailed, ValueError) as error:
            raise IssuerUnavailable(f"a document of the issuer cannot be read now: {error}") from error

    return fetch


@dataclass(frozen=True, slots=True)
class _Keys:
    """The public keys as they were fetched."""

    fetched_at: datetime
    by_id: Mapping[str | None, Mapping[str, Any]]


class Issuer:
    """An issuer that is trusted. One per process, shared by its threads: it keeps the keys.

    Args:
        url: as its tokens have it in `iss`.
        audience: what its tokens must have in `aud`.
        algorithms: the only ones that are taken, all of them with a public key.
        fetch: gets its documents; where it is not given, as `fetching_from` does.
    """

    def __init__(self, url: str, *, audience: str, algorithms: Collection[str], fetch: Fetch | None = None) -> None:
        self.url = url
        self._audience = audience
        self._algorithms = frozenset(algorithms)
        self._fetch = fetch or fetching_from(url)
        self._keys: _Keys | None = None
        self._tried_at: datetime | None = None
        self._fetching = threading.Lock()

    def verify(self, token: str, *, now: datetime) -> dict[str, Any]:
        """The claims of a token that this issuer made for us, within its time.

        Raises:
            Unauthenticated: it is not.
            IssuerUnavailable: the keys to check it with cannot be had now.
        """
        import jwt

        try:
            if str(jwt.get_unverified_header(token).get("alg")) not in self._algorithms:
                raise Unauthenticated(f"the token's algorithm is none of {', '.join(sorted(self._algorithms))}")
            keys = self._current_keys(now)
            try:
                return self._claims(token, keys)
            except jwt.InvalidSignatureError:
                newer = self._refetched_keys(now)
                if newer is keys:
                    raise
                return self._claims(token, newer)
        except jwt.PyJWTError as error:
            raise Unauthenticated(f"the token is not valid: {error}") from error

    def _claims(self, token: str, keys: _Keys) -> dict[str, Any]:
        import jwt

        header = jwt.get_unverified_header(token)
        key = keys.by_id.get(header.get("kid"))
        if key is None or key.get("alg", header["alg"]) != header["alg"]:
            raise jwt.InvalidSignatureError("the issuer has no such key")
        return jwt.decode(
            token,
            key=jwt.PyJWK(dict(key), header["alg"]),
            algorithms=sorted(self._algorithms),
            audience=self._audience,
            issuer=self.url,
            leeway=LEEWAY,
            options={"require": CLAIMS},
        )

    def _current_keys(self, now: datetime) -> _Keys:
        keys = self._keys
        if keys is not None and now - keys.fetched_at < KEYS_FRESH:
            return keys
        return self._refetched_keys(now)

    def _refetched_keys(self, now: datetime) -> _Keys:
        """The keys as the issuer has them now, or, where it is away or was asked a moment ago, as it had them last."""
        keys = self._keys
        kept = keys if keys is not None and now - keys.fetched_at < KEYS_KEPT else None
        # While one thread asks, the others go on with what there is.
        if not self._fetching.acquire(blocking=kept is None):
            return self._or_unavailable(kept)
        try:
            if self._keys is not keys:
                return self._or_unavailable(self._keys)  # another thread has asked meanwhile
            if self._tried_at is not None and now - self._tried_at < FETCH_INTERVAL:
                return self._or_unavailable(kept)
            self._tried_at = now
            self._keys = _Keys(fetched_at=now, by_id=self._fetch_keys())
        except IssuerUnavailable as error:
            log.warning("the issuer %s: %s", self.url, error)
            return self._or_unavailable(kept)
        else:
            return self._keys
        finally:
            self._fetching.release()

    def _or_unavailable(self, keys: _Keys | None) -> _Keys:
        if keys is None:
            raise IssuerUnavailable("the issuer's keys cannot be read now")
        return keys

    def _fetch_keys(self) -> dict[str | None, Mapping[str, Any]]:
        document = _object(self._fetch(self.url.rstrip("/") + "/.well-known/openid-configuration"))
        if document.get("issuer") != self.url:  # OpenID Connect Discovery, 4.3
            raise IssuerUnavailable(f"its configuration names another issuer, {document.get('issuer')!r}")
        place = str(document.get("jwks_uri"))
        if urlsplit(place).scheme not in {"https", urlsplit(self.url).scheme}:
            raise IssuerUnavailable("its configuration names a place for its keys that is not https")
        keys = _object(self._fetch(place)).get("keys")
        usable = [
            key
            for key in (keys if isinstance(keys, list) else [])
            # A symmetric key in a public place is nobody's secret.
            if isinstance(key, dict) and key.get("kty") != "oct" and key.get("use", "sig") == "sig"
        ]
        by_id: dict[str | None, Mapping[str, Any]] = {key.get("kid"): key for key in usable}
        # A token may leave out the key's id where there is only one.
        return by_id | {None: usable[0]} if len(usable) == 1 else by_id


def _object(document: Any) -> Mapping[str, Any]:
    if not isinstance(document, dict):
        raise IssuerUnavailable("a document of the issuer is no JSON object")
    return document
