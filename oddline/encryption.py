"""Encrypt what must not lie in the clear, with keys that can be changed without a gap."""

import base64
from collections.abc import Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from oddline.errors import NotConfigured, Undecipherable

if TYPE_CHECKING:
    from cryptography.fernet import Fernet, MultiFernet

SHORTEST_KEY = 16  # characters: what Secrets Manager and the local stack make has twice as many and more
_PURPOSE = b"oddline encryption v1"
KEY_BYTES = 32


class Cipher:
    """Authenticated encryption (Fernet: AES-128 in CBC mode, HMAC-SHA256) under several keys.

    Args:
        keys: texts that nobody can guess, the newest first: that one encrypts, each of them decrypts.
    """

    def __init__(self, keys: Sequence[str]) -> None:
        self._keys = tuple(keys)

    def encrypt(self, plain: bytes) -> bytes:
        """`plain` as a token of ASCII characters.

        Raises:
            NotConfigured: there is no key, or one is too short.
        """
        return self._fernet.encrypt(plain)

    def decrypt(self, token: bytes) -> bytes:
        """What `encrypt` was given.

        Raises:
            Undecipherable: none of the keys made this token, or it was changed.
            NotConfigured: as `encrypt`.
        """
        from cryptography.fernet import InvalidToken

        try:
            return self._fernet.decrypt(token)
        except InvalidToken as error:
            raise Undecipherable("none of the keys in ODDLINE_ENCRYPTION_KEYS opens it") from error

    def renew(self, token: bytes) -> bytes:
        """The same content under the newest key.

        Raises:
            Undecipherable, NotConfigured: as `decrypt`.
        """
        return self.encrypt(self.decrypt(token))

    def check(self) -> None:
        """Raise NotConfigured if there is no key, or one is too short."""
        if not self._keys or min(map(len, self._keys)) < SHORTEST_KEY:
            raise NotConfigured(f"ODDLINE_ENCRYPTION_KEYS needs keys of at least {SHORTEST_KEY} characters")

    def is_newest(self, token: bytes) -> bool:
        """Whether the newest key made this token, so that it outlives the older ones; raises NotConfigured alone."""
        from cryptography.fernet import InvalidToken

        try:
            self._newest.decrypt(token)
        except InvalidToken:
            return False
        return True

    def derived(self, purpose: bytes) -> list[bytes]:
        """A key of 32 bytes from each of the keys, the newest first, that serves this purpose alone.

        HKDF (RFC 5869), since the keys are texts of any form, but no passwords that could be guessed.

        Raises:
            NotConfigured: as `encrypt`.
        """
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        self.check()
        return [
            HKDF(algorithm=SHA256(), length=KEY_BYTES, salt=None, info=purpose).derive(key.encode())
            for key in self._keys
        ]

    @cached_property
    def _newest(self) -> "Fernet":
        from cryptography.fernet import Fernet

        return Fernet(base64.urlsafe_b64encode(self.derived(_PURPOSE)[0]))

    @cached_property
    def _fernet(self) -> "MultiFernet":
        from cryptography.fernet import Fernet, MultiFernet

        return MultiFernet([Fernet(base64.urlsafe_b64encode(key)) for key in self.derived(_PURPOSE)])
