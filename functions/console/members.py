"""Routes of people in a project: who belongs to it, and as what."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import Depends, Query, Request, Response
from pydantic import Field

from functions.console.documentation import MEMBER, MEMBER_ADDED, MEMBER_REMOVED, MEMBERS
from functions.console.parameters import Address
from functions.http import Authenticated, json_answer, new_router, parts_of
from functions.http.auditing import actor_of
from functions.http.body_models import Body, body_of, documented
from functions.http.parameters import DEFAULT_AT_ONCE, Limit, Name
from functions.http.repeating import once
from oddline import identity
from oddline.audit import Action, recorder
from oddline.identity import Member, Role, person_id
from oddline.submissions import new_id

PATH = "/api/v1/members"

router = new_router(tags=["members"])

Before = Annotated[UUID | None, Query(description="The `next` of the page before")]


class NewMember(Body):
    """A person, by e-mail address or by what the issuer calls them, and what they are to be."""

    email: Address | None = Field(
        default=None,
        examples=["ada@example.org"],
        description="Whoever signs in first with this address, verified by the issuer",
    )
    subject: Name | None = Field(default=None, description="The `sub` of the issuer's tokens")
    role: Role


class NewRole(Body):
    """What a member is from now on."""

    role: Role


@router.get(PATH, responses=MEMBERS)
def list_members(
    request: Request, caller: Authenticated, *, before: Before = None, limit: Limit = DEFAULT_AT_ONCE
) -> Response:
    """List the project's members, newest first."""
    members = identity.list_members(parts_of(request).db, project=caller.project, before=before, limit=limit + 1)
    page: dict[str, Any] = {"members": [_view(member) for member in members[:limit]]}
    if len(members) > limit:
        page["next"] = members[limit - 1].id
    return json_answer(page)


@router.post(PATH, status_code=201, responses=MEMBER_ADDED, openapi_extra=documented(NewMember))
@once
def add_member(
    request: Request, caller: Authenticated, asked: Annotated[NewMember, Depends(body_of(NewMember))]
) -> Response:
    """Let a person into the project, who signs in at the issuer."""
    parts = parts_of(request)
    now = parts.clock()
    added = identity.add_member(
        parts.db,
        project=caller.project,
        issuer=parts.settings.oidc_issuer,
        subject=asked.subject,
        email=asked.email,
        role=asked.role,
        member_id=new_id(),
        now=now,
        also=recorder(Action.MEMBER_ADDED, "member", by=actor_of(request, caller), now=now, role=asked.role),
    )
    return json_answer(_view(added), status=201)


@router.put(f"{PATH}/{{member_id}}", responses=MEMBER, openapi_extra=documented(NewRole))
def change_role(
    request: Request,
    caller: Authenticated,
    member_id: UUID,
    asked: Annotated[NewRole, Depends(body_of(NewRole))],
) -> Response:
    """Give a member another role, from their next request on."""
    parts = parts_of(request)
    by, now = actor_of(request, caller), parts.clock()
    also = recorder(Action.MEMBER_CHANGED, "member", by=by, now=now, role=asked.role)
    changed = identity.change_role(parts.db, member_id, project=caller.project, role=asked.role, also=also)
    return json_answer(_view(changed))


@router.delete(f"{PATH}/{{member_id}}", status_code=204, responses=MEMBER_REMOVED)
def remove_member(request: Request, caller: Authenticated, member_id: UUID) -> Response:
    """Take a member out of the project, from their next request on."""
    parts = parts_of(request)
    also = recorder(Action.MEMBER_REMOVED, "member", by=actor_of(request, caller), now=parts.clock())
    identity.remove_member(parts.db, member_id, project=caller.project, also=also)
    return Response(status_code=204)


def _view(member: Member) -> dict[str, Any]:
    return {
        "id": member.id,
        "person": f"person:{person_id(member.issuer, member.subject)}" if member.subject else None,
        "issuer": member.issuer,
        "subject": member.subject,
        "email": member.email,
        "role": member.role,
        "created_at": member.created_at,
        "last_seen_at": member.last_seen_at,
    }
