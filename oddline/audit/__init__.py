"""The audit trail: what people did, written with the deed, sealed afterwards; names can be forgotten."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.audit.enriching import process_user_action
    from oddline.audit.heads import open_heads
    from oddline.audit.model import INSTALLATION, Action, Entry, Query, source_subject
    from oddline.audit.persons import renew_person_keys
    from oddline.audit.reading import all_actions, list_actions
    from oddline.audit.recording import Actor, forget_person, forget_told_of, operator_called, record, recorder
    from oddline.audit.sealing import is_enrichment_due, seal_audit
    from oddline.audit.tasks import PROCESS_USER_ACTION
    from oddline.audit.verifying import Verdict, verify

__all__ = [
    "INSTALLATION",
    "PROCESS_USER_ACTION",
    "Action",
    "Actor",
    "Entry",
    "Query",
    "Verdict",
    "all_actions",
    "forget_person",
    "forget_told_of",
    "is_enrichment_due",
    "list_actions",
    "open_heads",
    "operator_called",
    "process_user_action",
    "record",
    "recorder",
    "renew_person_keys",
    "seal_audit",
    "source_subject",
    "verify",
]

__getattr__ = face(
    __name__,
    {
        "enriching": ["process_user_action"],
        "heads": ["open_heads"],
        "model": ["INSTALLATION", "Action", "Entry", "Query", "source_subject"],
        "persons": ["renew_person_keys"],
        "reading": ["all_actions", "list_actions"],
        "recording": ["Actor", "forget_person", "forget_told_of", "operator_called", "record", "recorder"],
        "sealing": ["is_enrichment_due", "seal_audit"],
        "tasks": ["PROCESS_USER_ACTION"],
        "verifying": ["Verdict", "verify"],
    },
)
