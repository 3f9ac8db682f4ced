"""Signing secrets as the database holds them: encrypted, or whoever reads it could sign as their holders do."""

from collections.abc import Sequence

from oddline.identity.signatures import SECRET_MARK
from oddline.settings import load_settings


def seal_secret(secret: str) -> str:
    """A signing secret as it is stored.

    Raises:
        NotConfigured: there is no key in this process's settings.
    """
    return load_settings().cipher().encrypt(secret.encode()).decode()


def open_secrets(stored: Sequence[str]) -> tuple[str, ...]:
    """Signing secrets as requests are signed with them.

    Those that an older version stored are in the clear, until `renew_encryption` has sealed them.

    Raises:
        Undecipherable: none of the keys made one of them.
        NotConfigured: as `seal_secret`.
    """
    if all(map(is_clear, stored)):  # so are none at all, and nothing is loaded for them
        return tuple(stored)
    cipher = load_settings().cipher()
    return tuple(one if is_clear(one) else cipher.decrypt(one.encode()).decode() for one in stored)


def is_clear(stored: str) -> bool:
    """Whether a stored secret is not encrypted."""
    return stored.startswith(SECRET_MARK)
