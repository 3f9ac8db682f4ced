"""Feedback: what people say of anomalies, kept beside what was found, which it never changes."""

from typing import TYPE_CHECKING

from oddline.lazy import face

if TYPE_CHECKING:
    from oddline.feedback.model import (
        OPEN,
        Feedback,
        NewFeedback,
        NewSequenceFeedback,
        SequenceVerdict,
        Verdict,
        VerdictInForce,
    )
    from oddline.feedback.service import record_given
    from oddline.feedback.store import (
        SEQUENCE_VERDICT,
        VERDICT,
        count_in_force,
        count_sequences_in_force,
        cover_sequences,
        find_same,
        find_same_sequence,
        insert_feedback,
        insert_sequence_feedback,
        list_feedback,
        sequence_verdicts,
        undo_feedback,
        verdicts_in_force,
        verdicts_of,
    )

__all__ = [
    "OPEN",
    "SEQUENCE_VERDICT",
    "VERDICT",
    "Feedback",
    "NewFeedback",
    "NewSequenceFeedback",
    "SequenceVerdict",
    "Verdict",
    "VerdictInForce",
    "count_in_force",
    "count_sequences_in_force",
    "cover_sequences",
    "find_same",
    "find_same_sequence",
    "insert_feedback",
    "insert_sequence_feedback",
    "list_feedback",
    "record_given",
    "sequence_verdicts",
    "undo_feedback",
    "verdicts_in_force",
    "verdicts_of",
]

__getattr__ = face(
    __name__,
    {
        "model": [
            "OPEN",
            "Feedback",
            "NewFeedback",
            "NewSequenceFeedback",
            "SequenceVerdict",
            "Verdict",
            "VerdictInForce",
        ],
        "service": ["record_given"],
        "store": [
            "SEQUENCE_VERDICT",
            "VERDICT",
            "count_in_force",
            "count_sequences_in_force",
            "cover_sequences",
            "find_same",
            "find_same_sequence",
            "insert_feedback",
            "insert_sequence_feedback",
            "list_feedback",
            "sequence_verdicts",
            "undo_feedback",
            "verdicts_in_force",
            "verdicts_of",
        ],
    },
)
