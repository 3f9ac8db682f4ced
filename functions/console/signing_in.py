"""Routes by which a caller learns who they are, and a browser gets what it keeps in place of an API key."""

from fastapi import Request, Response

from functions.console.documentation import ME, SESSION
from functions.http import Authenticated, json_answer, new_router, parts_of, presented_key
from functions.http.auditing import record
from functions.http.repeating import once
from oddline.audit import Action
from oddline.errors import NotFound
from oddline.identity import begin_session, is_session, read_key, read_project

router = new_router(tags=["signing in"])


@router.get("/api/v1/me", responses=ME)
def show_me(request: Request, caller: Authenticated) -> Response:
    """Tell who calls, in which project, and what they may do."""
    parts = parts_of(request)
    with parts.db.transaction(project=caller.project) as tx:
        project = read_project(tx, caller.project)
    if project is None:
        raise NotFound("the project of this caller is gone")
    key = read_key(parts.db, caller.id, project=caller.project) if caller.kind == "key" else None
    view = {
        "actor": caller.actor,
        "name": key.name if key else None,
        "project": {"id": project.id, "name": project.name},
        "role": caller.role,
        "scopes": sorted(caller.scopes),
        "projects": [{"id": one.project, "name": one.name, "role": one.role} for one in caller.memberships],
    }
    return json_answer(view)


@router.post("/api/v1/session", status_code=201, responses=SESSION)
@once
def begin(request: Request, caller: Authenticated) -> Response:
    """Get a token for an hour in exchange for an API key; with such a token it is renewed, for up to 12 hours."""
    parts, presented = parts_of(request), presented_key(request)
    renewed = presented if presented and is_session(presented) else None
    session = begin_session(caller, cipher=parts.settings.cipher(), now=parts.clock(), renewed=renewed)
    with parts.db.transaction(project=caller.project) as tx:
        record(tx, request, caller, Action.SESSION_BEGUN, subject=caller.actor, details={"renewed": bool(renewed)})
    answer = {"token": session.token, "token_type": "Bearer", "expires_at": session.expires_at}
    return json_answer(answer, status=201, headers={"Cache-Control": "no-store"})
