"""A signature is taken only from who holds the secret, and only while it is fresh."""

import hashlib
import hmac
from datetime import UTC, datetime, timedelta

import pytest

from oddline.errors import Unauthenticated
from oddline.identity import sign_webhook, verify_older, verify_webhook

# The message in the tests of the Standard Webhooks libraries (github.com/standard-webhooks/standard-webhooks).
SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
OTHER_SECRET = "whsec_C2FVsBQIhrscChlQIMV+b5sSYspob7oD"
ID = "msg_p5jXN8AQM9LWM0D4loKWxJek"
TIMESTAMP = "1614265330"
BODY = b'{"test": 2432232314}'
SIGNATURE = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
SENT = datetime.fromtimestamp(int(TIMESTAMP), tz=UTC)


def verify(
    body: bytes = BODY,
    *,
    message_id: str = ID,
    timestamp: str = TIMESTAMP,
    signatures: str = SIGNATURE,
    secrets: tuple[str, ...] = (SECRET,),
    now: datetime = SENT,
) -> None:
    verify_webhook(body, message_id=message_id, timestamp=timestamp, signatures=signatures, secrets=secrets, now=now)


def test_the_published_message_is_signed_and_verified() -> None:
    assert sign_webhook(BODY, message_id=ID, timestamp=TIMESTAMP, secret=SECRET) == SIGNATURE
    verify()


def test_one_fitting_signature_among_several_is_enough() -> None:
    verify(signatures=f"v1,AAAA v1a,other v2,{SIGNATURE[3:]} {SIGNATURE}")


def test_during_rotation_any_of_the_secrets_may_have_signed() -> None:
    verify(secrets=(OTHER_SECRET, SECRET))


@pytest.mark.parametrize(
    "signatures", ["v1,AAAA", SIGNATURE[3:], f"v2,{SIGNATURE[3:]}", f"{SIGNATURE}A", "v1,", "v1,é\udcff", ","]
)
def test_a_signature_that_does_not_fit_is_refused(signatures: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        verify(signatures=signatures)

    assert refusal.value.extra["field"] == "webhook-signature"


def test_another_body_id_or_secret_is_refused() -> None:
    for changed in ({"body": BODY + b" "}, {"message_id": "msg_2"}, {"secrets": (OTHER_SECRET,)}, {"secrets": ()}):
        with pytest.raises(Unauthenticated):
            verify(**changed)


@pytest.mark.parametrize("name", ["message_id", "timestamp", "signatures"])
def test_a_missing_header_is_named(name: str) -> None:
    header = {"message_id": "webhook-id", "timestamp": "webhook-timestamp", "signatures": "webhook-signature"}[name]

    with pytest.raises(Unauthenticated, match=header) as refusal:
        verify(**{name: ""})  # type: ignore[arg-type]  # one of several types

    assert refusal.value.extra["field"] == header


@pytest.mark.parametrize("off", [timedelta(minutes=5), -timedelta(minutes=5)])
def test_a_timestamp_up_to_five_minutes_off_is_taken(off: timedelta) -> None:
    verify(now=SENT + off)


@pytest.mark.parametrize("off", [timedelta(minutes=5, seconds=1), -timedelta(minutes=5, seconds=1)])
def test_a_stale_or_future_timestamp_is_refused(off: timedelta) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        verify(now=SENT + off)

    assert refusal.value.extra["field"] == "webhook-timestamp"


@pytest.mark.parametrize("timestamp", ["soon", "-1", "1.5", "1_614_265_330", " 1614265330", "١٦", "9" * 5_000])
def test_a_timestamp_that_is_no_number_of_seconds_is_refused(timestamp: str) -> None:
    with pytest.raises(Unauthenticated) as refusal:
        verify(timestamp=timestamp)

    assert refusal.value.extra["field"] == "webhook-timestamp"


def test_the_older_header_is_the_hex_hmac_of_the_body() -> None:
    signature = hmac.new(b"secret", BODY, hashlib.sha256).hexdigest()

    verify_older(BODY, signature=signature, secret="secret")
    verify_older(BODY, signature=signature.upper(), secret="secret")


@pytest.mark.parametrize("signature", ["", "00", "é", "g" * 64])
def test_an_older_header_that_does_not_fit_is_refused(signature: str) -> None:
    with pytest.raises(Unauthenticated):
        verify_older(BODY, signature=signature, secret="secret")


def test_an_older_header_without_a_configured_secret_is_refused() -> None:
    signature = hmac.new(b"", BODY, hashlib.sha256).hexdigest()

    with pytest.raises(Unauthenticated, match="ODDLINE_HMAC_SECRET"):
        verify_older(BODY, signature=signature, secret="")
