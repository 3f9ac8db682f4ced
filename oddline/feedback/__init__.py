"""Feedback: what people say of anomalies, kept beside what was found, which it never changes."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.feedback.model import OPEN, Feedback, NewFeedback, Verdict, VerdictInForce
    from oddline.feedback.store import (
        VERDICT,
        count_in_force,
        find_same,
        insert_feedback,
        list_feedback,
        undo_feedback,
        verdicts_in_force,
        verdicts_of,
    )

__all__ = [
    "OPEN",
    "VERDICT",
    "Feedback",
    "NewFeedback",
    "Verdict",
    "VerdictInForce",
    "count_in_force",
    "find_same",
    "insert_feedback",
    "list_feedback",
    "undo_feedback",
    "verdicts_in_force",
    "verdicts_of",
]

__getattr__ = face(
    __name__,
    {
        "model": ["OPEN", "Feedback", "NewFeedback", "Verdict", "VerdictInForce"],
        "store": [
            "VERDICT",
            "count_in_force",
            "find_same",
            "insert_feedback",
            "list_feedback",
            "undo_feedback",
            "verdicts_in_force",
            "verdicts_of",
        ],
    },
)
