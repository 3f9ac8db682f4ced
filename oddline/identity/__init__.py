"""Who calls: projects, API keys, signed requests."""

from oddline.identity.model import ApiKey, Caller, NewKey, Project, Scope
from oddline.identity.service import authenticate, create_key, ensure_project, list_keys, revoke_key
from oddline.identity.store import find_project, list_projects, read_project, update_mail, update_retention

__all__ = [
    "ApiKey",
    "Caller",
    "NewKey",
    "Project",
    "Scope",
    "authenticate",
    "create_key",
    "ensure_project",
    "find_project",
    "list_keys",
    "list_projects",
    "read_project",
    "revoke_key",
    "update_mail",
    "update_retention",
]
