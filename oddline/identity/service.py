"""Make, list and revoke API keys, and tell from a presented key who is calling."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Sequence
from datetime import datetime
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.errors import Forbidden, InvalidParameter, NotConfigured, NotFound, Unauthenticated
from oddline.identity import store
from oddline.identity.model import ApiKey, Caller, NewKey, Scope

KEY_MARK = "odl"
PREFIX_CHARACTERS = 8  # enough to tell a project's keys apart, too few to guess the rest from
SECRET_BYTES = 24  # 192 bits: a plain hash is enough for what nobody can guess
DEFAULT_SCOPES = (Scope.INGEST, Scope.READ)

Also = Callable[[Transaction, UUID, UUID], None]
"""Does something more in the same transaction, for (project, id of what was made or changed): records it."""


def nothing_more(tx: Transaction, project: UUID, identifier: UUID) -> None:
    """Do nothing more."""


def ensure_project(db: Database, name: str, *, new_id: UUID, now: datetime, also: Also = nothing_more) -> UUID:
    """The id of the project of that name, made as `new_id` where it is missing.

    Raises:
        InvalidParameter: the name is empty or over 100 characters.
    """
    if not 0 < len(name) <= 100:
        raise InvalidParameter("a project's name has 1 to 100 characters", field="name")
    with db.transaction() as tx:
        if store.insert_project(tx, project_id=new_id, name=name, now=now):
            also(tx, new_id, new_id)
        project = store.find_project(tx, name)
    if project is None:
        raise NotFound(f"there is no project {name}")
    return project


def configured_project(db: Database, name: str, *, setting: str) -> UUID:
    """The id of the project that a setting names.

    Raises:
        NotConfigured: it is empty, or there is no project of that name.
    """
    with db.transaction() as tx:
        project = store.find_project(tx, name)
    if project is None:
        raise NotConfigured(f"{setting} names {name!r}, and there is no project of that name")
    return project


def create_key(
    db: Database,
    *,
    project: UUID,
    name: str,
    key_id: UUID,
    now: datetime,
    scopes: Sequence[str] = DEFAULT_SCOPES,
    signed: bool = False,
    expires_at: datetime | None = None,
    also: Also = nothing_more,
) -> NewKey:
    """Make a key: the answer is the only place where it is ever shown.

    With `signed` its requests must bear a Standard Webhooks signature made with the returned secret.

    Raises:
        InvalidParameter: a scope is unknown.
    """
    unknown = set(scopes) - set(Scope)
    if unknown or not scopes:
        raise InvalidParameter(f"scopes are {', '.join(Scope)}", field="scopes")
    prefix = f"{KEY_MARK}_{secrets.token_hex(PREFIX_CHARACTERS // 2)}"
    key = f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    signing_secret = "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode() if signed else None
    with db.transaction() as tx:
        store.insert_key(
            tx,
            key_id=key_id,
            project=project,
            name=name,
            prefix=prefix,
            key_hash=hash_key(key),
            scopes=[str(scope) for scope in scopes],
            signing_secrets=[signing_secret] if signing_secret else [],
            now=now,
            expires_at=expires_at,
        )
        also(tx, project, key_id)
    return NewKey(id=key_id, key=key, signing_secret=signing_secret)


def list_keys(db: Database) -> list[ApiKey]:
    """All keys, newest first."""
    with db.transaction() as tx:
        return store.list_keys(tx)


def revoke_key(db: Database, prefix: str, *, now: datetime, also: Also = nothing_more) -> None:
    """Revoke a key, at once, by its prefix (`odl_1a2b3c4d`) or the whole key.

    Raises:
        NotFound: no key in force has that prefix.
    """
    with db.transaction() as tx:
        revoked = store.revoke_key(tx, prefix="_".join(prefix.split("_")[:2]), now=now)
        if not revoked:
            raise NotFound(f"no key in force begins with {prefix[:12]}")
        for project, key_id in revoked:
            also(tx, project, key_id)


def authenticate(db: Database, *, presented: str, scope: Scope, now: datetime) -> Caller:
    """Who presents this key.

    Raises:
        Unauthenticated: the key is unknown, revoked or past its time.
        Forbidden: it lacks `scope`.
    """
    with db.transaction() as tx:
        found = store.find_key(tx, hash_key(presented), now=now)
    if found is None:
        raise Unauthenticated("the API key is unknown")
    key_id, project, scopes, signing_secrets, expires_at, revoked_at = found
    if revoked_at is not None:
        raise Unauthenticated("the API key was revoked")
    if expires_at is not None and expires_at <= now:
        raise Unauthenticated("the API key is past its time")
    if scope not in scopes and Scope.ADMIN not in scopes:
        raise Forbidden(f"the API key lacks the scope {scope}")
    return Caller(project=project, key_id=key_id, scopes=frozenset(scopes), signing_secrets=tuple(signing_secrets))


def hash_key(key: str) -> bytes:
    """What is stored of a key: SHA-256, 32 bytes."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()
