"""Requests that come again: a repeat of one that was carried out gets its answer, and nothing is done twice."""

from oddline.repeats.renewal_store import renew_answers
from oddline.repeats.service import KEYS_KEPT, keep_answer, remember
from oddline.repeats.store import delete_keys

__all__ = ["KEYS_KEPT", "delete_keys", "keep_answer", "remember", "renew_answers"]
