"""Bring all that is stored encrypted under the newest key, so that older ones can be taken away."""

from collections.abc import Callable, Mapping
from functools import partial
from uuid import UUID

from oddline.audit import renew_person_keys
from oddline.encryption import Cipher
from oddline.identity import renew_signing_secrets
from oddline.notifications import renew_deliveries
from oddline.repeats import renew_answers
from oddline.schedules import renew_schedules
from oddline.streams import renew_connections
from oddline.tasks import NoPayload, TaskContext, renew_tasks

ROWS_AT_ONCE = 200  # locked in one transaction: a running task waits some milliseconds for it

Renewal = Callable[..., tuple[UUID | None, int]]
"""(transaction, after, limit, cipher) → the last id looked at, or None at the end, and how many rows were changed."""


def renew_encryption(payload: NoPayload, context: TaskContext) -> dict[str, int]:  # noqa: ARG001
    """Encrypt again what an older key encrypted, or an older version left in the clear; returns how many rows.

    Once it is a success, nothing needs a key but the first of those that are set now.

    Raises:
        Undecipherable: a key that something was encrypted with is not set any more.
        NotConfigured: there is no key.
    """
    cipher = context.settings.cipher()
    return {name: _renew(renewal, context, cipher) for name, renewal in _renewals(context).items()}


def _renewals(context: TaskContext) -> Mapping[str, Renewal]:
    """Everything that is stored encrypted; whoever stores something new encrypted adds to it."""
    from oddline.privacy import renew_erasures  # here, since functions import this module, too, and never renew

    sealed = [spec.name for spec in context.catalogue.values() if spec.sealed]
    return {
        "tasks": partial(renew_tasks, sealed_names=sealed),
        "schedules": partial(renew_schedules, sealed_names=sealed),
        "deliveries": renew_deliveries,
        "connections": renew_connections,
        "erasures": partial(renew_erasures, objects=context.objects),
        "answers": renew_answers,
        "signing secrets": renew_signing_secrets,
        "person keys": renew_person_keys,
    }


def _renew(renewal: Renewal, context: TaskContext, cipher: Cipher) -> int:
    after: UUID | None = UUID(int=0)
    changed = 0
    while after is not None:
        with context.db.transaction() as tx:
            after, more = renewal(tx, after=after, limit=ROWS_AT_ONCE, cipher=cipher)
        changed += more
    return changed
