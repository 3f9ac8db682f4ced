"""Make, list, change and revoke API keys, and tell from a presented key who is calling."""

import base64
import hashlib
import secrets
from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from uuid import UUID

from oddline.database import Database, Transaction
from oddline.errors import Conflict, Forbidden, InvalidParameter, NotConfigured, NotFound, Unauthenticated
from oddline.identity import store
from oddline.identity.model import ApiKey, Caller, NewKey, Scope, effective, role_of
from oddline.identity.secrets import open_secrets, seal_secret

KEY_MARK = "odl"
PREFIX_CHARACTERS = 8  # enough to tell a project's keys apart, too few to guess the rest from
SECRET_BYTES = 24  # 192 bits: a plain hash is enough for what nobody can guess
DEFAULT_SCOPES = (Scope.INGEST, Scope.READ)
USUAL_OVERLAP_HOURS, LONGEST_OVERLAP_HOURS = 24, 168  # in which two signing secrets of a key are valid
ENDED_KEYS_KEPT = timedelta(days=30)  # so that "whose key was that" can be asked

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
    grantable: Collection[Scope] = tuple(Scope),
    signed: bool = False,
    expires_at: datetime | None = None,
    also: Also = nothing_more,
) -> NewKey:
    """Make a key: the answer is the only place where it is ever shown.

    With `signed` its requests must bear a Standard Webhooks signature made with the returned secret.

    Args:
        grantable: the scopes of who makes it: nobody can give what they do not have.

    Raises:
        InvalidParameter: a scope is unknown.
        Forbidden: a scope is not grantable.
        NotConfigured: it is signed, and there is no key in this process's settings to encrypt its secret with.
    """
    unknown = set(scopes) - set(Scope)
    if unknown or not scopes:
        raise InvalidParameter(f"scopes are {', '.join(Scope)}", field="scopes")
    if beyond := effective(scopes) - set(grantable):
        raise Forbidden(f"who makes a key can give no scope that they lack: {', '.join(sorted(beyond))}")
    prefix = f"{KEY_MARK}_{secrets.token_hex(PREFIX_CHARACTERS // 2)}"
    key = f"{prefix}_{secrets.token_urlsafe(SECRET_BYTES)}"
    signing_secret = new_signing_secret() if signed else None
    with db.transaction(project=project) as tx:
        store.insert_key(
            tx,
            key_id=key_id,
            project=project,
            name=name,
            prefix=prefix,
            key_hash=hash_key(key),
            scopes=[str(scope) for scope in scopes],
            signing_secrets=[seal_secret(signing_secret)] if signing_secret else [],
            now=now,
            expires_at=expires_at,
        )
        also(tx, project, key_id)
    return NewKey(id=key_id, key=key, signing_secret=signing_secret)


def list_keys(
    db: Database, *, project: UUID | None = None, before: UUID | None = None, limit: int | None = None
) -> list[ApiKey]:
    """Keys of a project, or of all where the database's role may see them, newest first."""
    with db.transaction(project=project) as tx:
        return store.list_keys(tx, before=before, limit=limit)


def read_key(db: Database, key_id: UUID, *, project: UUID) -> ApiKey:
    """A key of a project.

    Raises:
        NotFound: there is no such key in this project.
    """
    with db.transaction(project=project) as tx:
        return _key_of(tx, key_id)


def revoke_key(db: Database, key_id: UUID, *, project: UUID, now: datetime, also: Also = nothing_more) -> None:
    """Revoke a key: the next request with it, or with a session of it, is refused. A second time changes nothing.

    Raises:
        NotFound: there is no such key in this project.
    """
    with db.transaction(project=project) as tx:
        _key_of(tx, key_id)
        if store.revoke_key(tx, key_id, now=now):
            also(tx, project, key_id)


def find_key_by_prefix(db: Database, prefix: str) -> tuple[UUID, UUID]:
    """(id, project) of the key in force that begins so: `odl_1a2b3c4d`, or the whole key.

    Raises:
        NotFound: no key in force has that prefix.
        Conflict: several have.
    """
    with db.transaction() as tx:
        found = store.find_by_prefix(tx, "_".join(prefix.split("_")[:2]))
    if not found:
        raise NotFound(f"no key in force begins with {prefix[:12]}")
    if len(found) > 1:
        raise Conflict(f"several keys begin with {prefix[:12]}: name one by its id, over HTTP")
    return found[0]


def rotate_signing_secret(
    db: Database, key_id: UUID, *, project: UUID, older_until: datetime, now: datetime, also: Also = nothing_more
) -> str:
    """A new signing secret for a key. The one before stays valid until `older_until`; one before that does not.

    Raises:
        NotFound: there is no such key in this project.
        Conflict: it is not signed, or not in force any more.
        NotConfigured: there is no key in this process's settings to encrypt it with.
    """
    secret = new_signing_secret()
    with db.transaction(project=project) as tx:
        _key_of(tx, key_id)
        if not store.rotate_secret(tx, key_id, secret=seal_secret(secret), older_until=older_until, now=now):
            raise Conflict("the key is not in force, or was made without a signing secret", field="key_id")
        also(tx, project, key_id)
    return secret


def clean_up_keys(db: Database, *, now: datetime) -> dict[str, int]:
    """Delete keys that ended 30 days ago, and signing secrets that were changed; returns how many of each."""
    with db.transaction() as tx:
        return {
            "keys": store.delete_ended_keys(tx, before=now - ENDED_KEYS_KEPT),
            "secrets": store.forget_older_secrets(tx, now=now),
        }


def authenticate(db: Database, *, presented: str, now: datetime, scope: Scope | None = None) -> Caller:
    """Who presents this key.

    Raises:
        Unauthenticated: the key is unknown, revoked or past its time.
        Forbidden: it lacks `scope`.
        Undecipherable, NotConfigured: it is signed, and its secret cannot be read with the keys that are set.
    """
    with db.transaction() as tx:
        found = store.find_key(tx, hash_key(presented), now=now)
    if found is None:
        raise Unauthenticated("the API key is unknown")
    key_id, project, scopes, signing_secrets, expires_at, revoked_at = found
    caller = caller_by_key(
        key_id,
        project,
        scopes=scopes,
        expires_at=expires_at,
        revoked_at=revoked_at,
        secrets=open_secrets(signing_secrets),
        now=now,
    )
    if scope is not None:
        demand(caller, scope)
    return caller


def caller_by_key(
    key_id: UUID,
    project: UUID,
    *,
    scopes: Collection[str],
    expires_at: datetime | None,
    revoked_at: datetime | None,
    now: datetime,
    secrets: Sequence[str] = (),
) -> Caller:
    """The caller who has this key.

    Raises:
        Unauthenticated: it is revoked or past its time.
    """
    if revoked_at is not None:
        raise Unauthenticated("the API key was revoked")
    if expires_at is not None and expires_at <= now:
        raise Unauthenticated("the API key has expired: make another one")
    has = effective(scopes)
    return Caller(project=project, kind="key", id=key_id, scopes=has, role=role_of(has), signing_secrets=tuple(secrets))


def demand(caller: Caller, scope: Scope) -> None:
    """Let nobody pass who lacks a scope.

    Raises:
        Forbidden: the caller does.
    """
    if scope not in caller.scopes:
        who = "the API key" if caller.kind == "key" else f"the role {caller.role}"
        raise Forbidden(f"{who} lacks the scope {scope}")


def new_signing_secret() -> str:
    """A secret as Standard Webhooks writes them."""
    return "whsec_" + base64.b64encode(secrets.token_bytes(SECRET_BYTES)).decode()


def hash_key(key: str) -> bytes:
    """What is stored of a key: SHA-256, 32 bytes."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).digest()


def _key_of(tx: Transaction, key_id: UUID) -> ApiKey:
    found = store.list_keys(tx, only=key_id)
    if not found:
        raise NotFound(f"there is no key {key_id}", field="key_id")
    return found[0]
