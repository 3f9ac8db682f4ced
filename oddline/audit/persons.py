"""Keys of single persons: what names somebody is encrypted with theirs, and is gone for good once it is destroyed."""

import secrets
from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

import orjson

from oddline.audit import store
from oddline.database import Transaction
from oddline.encryption import Cipher
from oddline.ids import new_id

KEY_BYTES = 32


def key_of(tx: Transaction, project: UUID, *, person: str, cipher: Cipher, now: datetime) -> tuple[UUID, Cipher]:
    """The id of a person's key in force and what encrypts with it; a new one where there is none.

    Raises:
        NotConfigured: there is no key to wrap it with.
        Undecipherable: it was wrapped with a key that is not set any more.
    """
    found = store.find_key(tx, project, person=person)
    if found is None:
        wrapped = cipher.encrypt(secrets.token_urlsafe(KEY_BYTES).encode())
        store.insert_key(tx, project, person=person, key_id=new_id(), wrapped_key=wrapped, now=now)
        found = store.find_key(tx, project, person=person)  # another transaction's, where that was first
    assert found is not None  # noqa: S101  # one of both was written
    return found[0], _unwrapped(found[1], cipher)


def keys_by_id(tx: Transaction, ids: Iterable[UUID], *, cipher: Cipher) -> dict[UUID, Cipher]:
    """What decrypts with each of these keys that is not destroyed.

    Raises:
        NotConfigured, Undecipherable: as `key_of`.
    """
    return {key: _unwrapped(wrapped, cipher) for key, wrapped in store.read_keys(tx, sorted(set(ids))).items()}


def lock(said: Mapping[str, str], cipher: Cipher) -> bytes:
    """What is said of a person, encrypted."""
    return cipher.encrypt(orjson.dumps(said))


def unlock(token: bytes, cipher: Cipher) -> dict[str, str]:
    """What `lock` was given.

    Raises:
        Undecipherable: another key made the token.
    """
    said: dict[str, str] = orjson.loads(cipher.decrypt(token))
    return said


def _unwrapped(wrapped: bytes, cipher: Cipher) -> Cipher:
    return Cipher([cipher.decrypt(wrapped).decode()])


def renew_person_keys(tx: Transaction, *, after: UUID, limit: int, cipher: Cipher) -> tuple[UUID | None, int]:
    """Wrap up to `limit` keys of persons behind the id `after` anew that the newest of our keys did not wrap.

    Returns the last id that it looked at, None at the end, and how many it changed.

    Raises:
        NotConfigured, Undecipherable: as `key_of`.
    """
    keys = store.list_keys(tx, after=after, limit=limit)
    old = [(key, wrapped) for key, wrapped in keys if not cipher.is_newest(wrapped)]
    for key, wrapped in old:
        store.rewrap_key(tx, key, wrapped_key=cipher.renew(wrapped))
    return (keys[-1][0] if keys else None), len(old)
