"""Who calls: projects, API keys, signed requests."""

from oddline.identity.model import ApiKey, Caller, NewKey, Project, Scope
from oddline.identity.service import (
    DEFAULT_SCOPES,
    Also,
    authenticate,
    configured_project,
    create_key,
    ensure_project,
    list_keys,
    revoke_key,
)
from oddline.identity.signatures import sign_webhook, verify_older, verify_webhook
from oddline.identity.store import (
    WITHIN_RETENTION,
    find_key_name,
    find_project,
    read_project,
    update_alarms,
    update_mail,
    update_retention,
)

__all__ = [
    "DEFAULT_SCOPES",
    "WITHIN_RETENTION",
    "Also",
    "ApiKey",
    "Caller",
    "NewKey",
    "Project",
    "Scope",
    "authenticate",
    "configured_project",
    "create_key",
    "ensure_project",
    "find_key_name",
    "find_project",
    "list_keys",
    "read_project",
    "revoke_key",
    "sign_webhook",
    "update_alarms",
    "update_mail",
    "update_retention",
    "verify_older",
    "verify_webhook",
]
