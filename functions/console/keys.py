"""Routes of API keys: a project's admins make, list, change and revoke them by themselves."""

from datetime import timedelta
from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from functions.console.documentation import KEY_MADE, KEY_REVOKED, KEYS, SECRET_MADE
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import actor_of
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, LONGEST_NAME, Limit, WithoutNul
from functions.http.repeating import once
from oddline import identity
from oddline.audit import Action, recorder
from oddline.identity import LONGEST_OVERLAP_HOURS, USUAL_OVERLAP_HOURS, ApiKey, Scope
from oddline.submissions import new_id

LONGEST_LIFE_DAYS = 3_650
PATH = "/api/v1/keys"

router = new_router(tags=["keys"])

Before = Annotated[UUID | None, Query(description="The `next` of the page before")]
Overlap = Annotated[
    float,
    Query(ge=0, le=LONGEST_OVERLAP_HOURS, allow_inf_nan=False, description="For how long the older secret is valid"),
]


class NewKey(Body):
    """A key as it is asked for."""

    name: WithoutNul = Field(default="", max_length=LONGEST_NAME, examples=["checkout"])
    scopes: list[Scope] = Field(
        default=list(identity.DEFAULT_SCOPES), min_length=1, max_length=len(Scope), description="`admin` has them all"
    )
    signed: bool = Field(default=False, description="Its submissions must bear a Standard Webhooks signature")
    days: int | None = Field(default=None, ge=1, le=LONGEST_LIFE_DAYS, description="Until it expires; null: never")


@router.get(PATH, responses=KEYS)
def list_keys(
    request: Request, caller: Authenticated, *, before: Before = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List the project's API keys, newest first; never the keys themselves."""
    parts = parts_of(request)
    keys = identity.list_keys(parts.db, project=caller.project, before=before, limit=limit + 1)
    page: dict[str, Any] = {"keys": [_view(key, state=key.state(parts.clock())) for key in keys[:limit]]}
    if len(keys) > limit:
        page["next"] = keys[limit - 1].id
    return json_answer(page)


@router.post(PATH, status_code=201, responses=KEY_MADE, openapi_extra=documented(NewKey))
@once
def make_key(request: Request, caller: Authenticated, asked: Annotated[NewKey, Depends(body_of(NewKey))]) -> Response:
    """Make an API key. The answer is the only place where it is shown."""
    parts = parts_of(request)
    now, scopes = parts.clock(), sorted(set(asked.scopes))
    told = {"scopes": scopes, "signed": asked.signed}
    made = identity.create_key(
        parts.db,
        project=caller.project,
        name=asked.name,
        key_id=new_id(),
        now=now,
        scopes=scopes,
        grantable=caller.scopes,
        signed=asked.signed,
        expires_at=now + timedelta(days=asked.days) if asked.days else None,
        also=recorder(Action.KEY_MADE, "key", by=actor_of(request, caller), now=now, **told),
    )
    key = identity.read_key(parts.db, made.id, project=caller.project)
    shown_once = {"key": made.key, "signing_secret": made.signing_secret}
    return json_answer(_view(key, state=key.state(now)) | shown_once, status=201)


@router.delete(f"{PATH}/{{key_id}}", status_code=204, responses=KEY_REVOKED)
def revoke_key(request: Request, caller: Authenticated, key_id: UUID) -> Response:
    """Revoke an API key: the next request with it, or with a session of it, is refused."""
    parts = parts_of(request)
    now = parts.clock()
    also = recorder(Action.KEY_REVOKED, "key", by=actor_of(request, caller), now=now)
    identity.revoke_key(parts.db, key_id, project=caller.project, now=now, also=also)
    return Response(status_code=204)


@router.post(f"{PATH}/{{key_id}}/signing-secret", responses=SECRET_MADE)
@once
def rotate_signing_secret(
    request: Request, caller: Authenticated, key_id: UUID, *, older_valid_hours: Overlap = USUAL_OVERLAP_HOURS
) -> Response:
    """Give a signed key a new signing secret; the one before stays valid for the time that is named, and no other."""
    parts = parts_of(request)
    now = parts.clock()
    until = now + timedelta(hours=older_valid_hours)
    secret = identity.rotate_signing_secret(
        parts.db,
        key_id,
        project=caller.project,
        older_until=until,
        now=now,
        also=recorder(Action.KEY_SECRET_CHANGED, "key", by=actor_of(request, caller), now=now, older_valid_until=until),
    )
    return json_answer({"signing_secret": secret, "older_valid_until": until})


def _view(key: ApiKey, *, state: str) -> dict[str, Any]:
    return {
        "id": key.id,
        "name": key.name,
        "prefix": key.prefix,
        "scopes": key.scopes,
        "signed": key.signed,
        "older_secret_until": key.older_secret_until,
        "state": state,
        "created_at": key.created_at,
        "expires_at": key.expires_at,
        "revoked_at": key.revoked_at,
        "last_used_at": key.last_used_at,
    }
