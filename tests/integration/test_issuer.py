"""Tokens of a real OpenID Connect provider are taken; what it did not make for us, within its time, is refused."""

import base64
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from movable_clock import MovableClock
from oidc_provider import CLIENT, Provider, running_provider

from oddline.errors import IssuerUnavailable, Unauthenticated
from oddline.identity import Issuer
from oddline.identity.issuer import FETCH_INTERVAL, KEYS_FRESH, KEYS_KEPT, fetching_from

# The provider's own dependency says so of itself while it serves.
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


class Counted:
    """Fetches documents as is usual, and remembers which."""

    def __init__(self) -> None:
        self.urls: list[str] = []

    def __call__(self, url: str) -> Any:
        self.urls.append(url)
        return fetching_from(url)(url)

    def fetched_keys(self) -> int:
        return sum(url.endswith("/jwks") for url in self.urls)


@pytest.fixture(scope="module")
def provider() -> Iterator[Provider]:
    with running_provider() as provider:
        yield provider


@pytest.fixture
def fetch() -> Counted:
    return Counted()


@pytest.fixture
def issuer(provider: Provider, fetch: Counted) -> Issuer:
    return trusted(provider, fetch)


def trusted(provider: Provider, fetch: Counted, *, audience: str = CLIENT) -> Issuer:
    return Issuer(provider.url, audience=audience, algorithms=["RS256", "ES256"], fetch=fetch)


def refusal(issuer: Issuer, token: str) -> str:
    with pytest.raises(Unauthenticated) as refused:
        issuer.verify(token, now=datetime.now(UTC))
    return str(refused.value)


def claims_for(provider: Provider) -> dict[str, Any]:
    now = datetime.now(UTC)
    return {"iss": provider.url, "aud": CLIENT, "sub": "eve", "iat": now, "exp": now + timedelta(hours=1)}


def test_a_token_of_the_provider_is_taken_with_its_claims(provider: Provider, issuer: Issuer) -> None:
    token = provider.sign_in("ada", email="ada@example.org", email_verified=True)

    claims = issuer.verify(token, now=datetime.now(UTC))

    assert (claims["iss"], claims["sub"], claims["email"]) == (provider.url, "ada", "ada@example.org")


def test_the_keys_are_fetched_once_for_many_tokens(provider: Provider, issuer: Issuer, fetch: Counted) -> None:
    token = provider.sign_in("ada")

    for _ in range(3):
        issuer.verify(token, now=datetime.now(UTC))

    assert fetch.urls == [f"{provider.url}/.well-known/openid-configuration", f"{provider.url}/jwks"]


def test_a_token_for_another_audience_is_refused(provider: Provider, issuer: Issuer) -> None:
    assert "Audience" in refusal(issuer, provider.sign_in("ada", client="another-application"))


def test_a_token_that_names_another_issuer_is_refused_though_the_key_fits(provider: Provider, issuer: Issuer) -> None:
    assert "issuer" in refusal(issuer, provider.sign_in("ada", at="127.0.0.1"))


def test_a_token_before_its_time_is_refused(provider: Provider, issuer: Issuer) -> None:
    soon = int(datetime.now(UTC).timestamp()) + 600

    assert "not yet valid" in refusal(issuer, provider.sign_in("ada", nbf=soon))


def test_a_token_past_its_time_is_refused(fetch: Counted) -> None:
    with running_provider(token_life=-timedelta(minutes=5)) as hasty:
        assert "expired" in refusal(trusted(hasty, fetch), hasty.sign_in("ada"))


def test_clocks_may_differ_by_seconds(fetch: Counted) -> None:
    with running_provider(token_life=-timedelta(seconds=10)) as hasty:
        assert trusted(hasty, fetch).verify(hasty.sign_in("ada"), now=datetime.now(UTC))


def test_a_token_without_a_signature_is_refused(provider: Provider, issuer: Issuer) -> None:
    token = jwt.encode(claims_for(provider), None, "none")

    assert "algorithm" in refusal(issuer, token)


def test_a_signature_made_with_the_public_key_as_a_secret_is_refused(provider: Provider, issuer: Issuer) -> None:
    [public] = fetching_from(provider.url)(f"{provider.url}/jwks")["keys"]
    pem = jwt.PyJWK(public, "RS256").key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    hs256 = jwt.algorithms.HMACAlgorithm(jwt.algorithms.HMACAlgorithm.SHA256)
    parts = [{"alg": "HS256", "kid": public["kid"]}, claims_for(provider)]
    signed = b".".join(
        base64.urlsafe_b64encode(json.dumps(part, default=seconds).encode()).rstrip(b"=") for part in parts
    )
    signature = base64.urlsafe_b64encode(hs256.sign(signed, pem)).rstrip(b"=")

    assert "algorithm" in refusal(issuer, f"{signed.decode()}.{signature.decode()}")


def seconds(moment: datetime) -> int:
    return int(moment.timestamp())


@pytest.mark.parametrize("names_key", [True, False], ids=["by the issuer's key id", "without a key id"])
def test_a_token_signed_with_somebody_elses_key_is_refused(provider: Provider, issuer: Issuer, names_key: bool) -> None:
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    [public] = fetching_from(provider.url)(f"{provider.url}/jwks")["keys"]
    headers = {"kid": public["kid"]} if names_key else {}

    assert "Signature" in refusal(issuer, jwt.encode(claims_for(provider), stranger, "RS256", headers=headers))


def test_a_token_with_the_algorithm_of_another_kind_of_key_is_refused(provider: Provider, issuer: Issuer) -> None:
    stranger = ec.generate_private_key(ec.SECP256R1())
    [public] = fetching_from(provider.url)(f"{provider.url}/jwks")["keys"]
    token = jwt.encode(claims_for(provider), stranger, "ES256", headers={"kid": public["kid"]})

    assert refusal(issuer, token)


@pytest.mark.parametrize(
    "token",
    ["a.b.c", "..", "eyJhbGciOiJSUzI1NiJ9..", "é.é.é", "eyJhbGciOiJSUzI1NiJ9.e30.AAAA", "eyJhbGciOltdfQ.e30.AAAA"],
)
def test_what_is_no_token_is_refused(issuer: Issuer, token: str) -> None:
    assert refusal(issuer, token)


@pytest.mark.parametrize("missing", ["exp", "iat", "sub", "aud", "iss"])
def test_a_token_that_leaves_out_a_claim_is_refused(missing: str, fetch: Counted) -> None:
    own = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    url = "https://login.example.org"
    public = jwt.algorithms.RSAAlgorithm.to_jwk(own.public_key(), as_dict=True) | {"kid": "1"}
    documents = {
        f"{url}/.well-known/openid-configuration": {"issuer": url, "jwks_uri": f"{url}/keys"},
        f"{url}/keys": {"keys": [public]},
    }
    issuer = Issuer(url, audience=CLIENT, algorithms=["RS256"], fetch=documents.__getitem__)
    claims = claims_for(Provider(0)) | {"iss": url}
    assert issuer.verify(jwt.encode(claims, own, "RS256", headers={"kid": "1"}), now=datetime.now(UTC))

    del claims[missing]

    assert missing in refusal(issuer, jwt.encode(claims, own, "RS256", headers={"kid": "1"}))


def test_made_up_key_ids_reach_the_issuer_once_in_half_a_minute(
    provider: Provider, issuer: Issuer, fetch: Counted
) -> None:
    clock = MovableClock()
    stranger = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    issuer.verify(provider.sign_in("ada"), now=clock())
    clock.move(FETCH_INTERVAL)
    for number in range(5):
        token = jwt.encode(claims_for(provider), stranger, "RS256", headers={"kid": str(number)})
        with pytest.raises(Unauthenticated, match="no such key"):
            issuer.verify(token, now=clock())

    assert fetch.fetched_keys() == 2


def test_a_new_key_of_the_issuer_is_known_at_its_first_token_and_the_old_one_no_more(fetch: Counted) -> None:
    clock = MovableClock()
    with running_provider() as before:
        issuer = trusted(before, fetch)
        old = before.sign_in("ada")
        issuer.verify(old, now=clock())
    clock.move(FETCH_INTERVAL)

    with running_provider(port=before.port) as after:
        assert issuer.verify(after.sign_in("ada"), now=clock())

    with pytest.raises(Unauthenticated):
        issuer.verify(old, now=clock())


def test_while_the_issuer_is_away_its_last_keys_serve_for_a_day(fetch: Counted) -> None:
    clock = MovableClock()
    with running_provider() as provider:
        issuer = trusted(provider, fetch)
        token = provider.sign_in("ada")
        issuer.verify(token, now=clock())

    clock.move(KEYS_FRESH)
    assert issuer.verify(token, now=clock())
    asked = len(fetch.urls)
    clock.move(FETCH_INTERVAL / 2)
    assert issuer.verify(token, now=clock())
    assert len(fetch.urls) == asked, "it is asked once in half a minute"

    clock.move(KEYS_KEPT)
    with pytest.raises(IssuerUnavailable):
        issuer.verify(token, now=clock())


def test_an_issuer_that_was_never_there_is_told_from_a_wrong_token(closed_port: int, fetch: Counted) -> None:
    away = trusted(Provider(closed_port), fetch)

    for _ in range(2):
        with pytest.raises(IssuerUnavailable):
            away.verify(
                jwt.encode(claims_for(Provider(closed_port)), rsa.generate_private_key(65537, 2048), "RS256"),
                now=datetime.now(UTC),
            )

    assert len(fetch.urls) == 1


@pytest.mark.parametrize(
    "documents",
    [
        [{"issuer": "https://other.example.org", "jwks_uri": "https://login.example.org/keys"}],
        [{"issuer": "https://login.example.org", "jwks_uri": "http://login.example.org/keys"}],
        [{"issuer": "https://login.example.org"}],
        [[]],
        [{"issuer": "https://login.example.org", "jwks_uri": "https://login.example.org/keys"}, []],
    ],
    ids=["another issuer", "keys not by https", "no place of keys", "no object", "keys that are no object"],
)
def test_a_configuration_that_cannot_be_the_issuers_is_not_followed(documents: list[Any]) -> None:
    answers = iter(documents)
    issuer = Issuer("https://login.example.org", audience=CLIENT, algorithms=["RS256"], fetch=lambda _: next(answers))
    token = jwt.encode(claims_for(Provider(0)), rsa.generate_private_key(65537, 2048), "RS256")

    with pytest.raises(IssuerUnavailable):
        issuer.verify(token, now=datetime.now(UTC))


@pytest.mark.parametrize("keys", [None, "x", [1, {"kty": "oct", "k": "AAAA"}, {"kty": "RSA", "use": "enc"}]])
def test_keys_that_cannot_sign_are_none(keys: Any) -> None:
    answers = iter(
        [{"issuer": "https://login.example.org", "jwks_uri": "https://login.example.org/keys"}, {"keys": keys}]
    )
    issuer = Issuer("https://login.example.org", audience=CLIENT, algorithms=["RS256"], fetch=lambda _: next(answers))
    token = jwt.encode(claims_for(Provider(0)), rsa.generate_private_key(65537, 2048), "RS256")

    assert "no such key" in refusal(issuer, token)


def test_only_the_issuers_own_host_and_what_the_operator_allows_may_be_inside(provider: Provider) -> None:
    elsewhere_inside = f"http://127.0.0.1:{provider.port}/jwks"

    with pytest.raises(IssuerUnavailable, match=r"may not be called from here: its address is 127\.0\.0\.1"):
        fetching_from(provider.url)(elsewhere_inside)
    assert fetching_from(provider.url, allowed=f"127.0.0.1:{provider.port}")(elsewhere_inside)["keys"]
