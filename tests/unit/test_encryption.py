"""What is stored encrypted can be opened with each of the keys that are set, and with no other."""

import pytest

from oddline.encryption import Cipher
from oddline.errors import NotConfigured, Undecipherable

OLD, NEW, OTHER = "the first key of all", "the key that came later", "a key of somebody else"


def test_what_was_encrypted_comes_back_and_does_not_stand_in_the_token() -> None:
    cipher = Cipher([NEW])

    token = cipher.encrypt(b"ada@example.org")

    assert cipher.decrypt(token) == b"ada@example.org"
    assert b"ada" not in token


def test_after_a_change_of_keys_the_older_still_opens_and_the_newer_encrypts() -> None:
    token = Cipher([OLD]).encrypt(b"kept")

    changed = Cipher([NEW, OLD])

    assert changed.decrypt(token) == b"kept"
    assert Cipher([NEW]).decrypt(changed.encrypt(b"new")) == b"new"
    assert Cipher([NEW]).decrypt(changed.renew(token)) == b"kept"


def test_it_is_told_which_key_made_a_token() -> None:
    changed = Cipher([NEW, OLD])

    assert changed.is_newest(changed.encrypt(b"new"))
    assert not changed.is_newest(Cipher([OLD]).encrypt(b"old"))


@pytest.mark.parametrize(
    "token",
    [
        pytest.param(Cipher([OTHER]).encrypt(b"x"), id="of another key"),
        pytest.param(Cipher([NEW]).encrypt(b"x")[:-4], id="cut"),
        b"no token",
        b"",
    ],
)
def test_what_another_key_made_or_somebody_changed_is_refused(token: bytes) -> None:
    with pytest.raises(Undecipherable, match="ODDLINE_ENCRYPTION_KEYS"):
        Cipher([NEW]).decrypt(token)


@pytest.mark.parametrize("keys", [[], ["short"], [NEW, "short"]])
def test_without_a_key_or_with_a_short_one_nothing_is_encrypted(keys: list[str]) -> None:
    with pytest.raises(NotConfigured, match="16 characters"):
        Cipher(keys).encrypt(b"x")
